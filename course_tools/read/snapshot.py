"""A broker's memory of its producers, as it lies on its disk: a `.snapshot` file.

Source: `org.apache.kafka.storage.internals.log.ProducerStateManager`. Differs from Kafka in: its checksum is
not compared.
"""

from __future__ import annotations

import struct
from pathlib import Path

from lesson_lib.errors import LessonError
from lesson_lib.text_table import TextTable

_HEAD, _ENTRY = struct.Struct(">hIi"), struct.Struct(">qhiqiqiq")
HEADINGS = ("producer id", "epoch", "last sequence", "last offset", "coordinator epoch", "open since offset")


def snapshot(path: Path) -> TextTable:
    """What the broker remembered of each producer id: its last batch only. LessonError for any other file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) < _HEAD.size or (len(data) - _HEAD.size) % _ENTRY.size:
        raise LessonError(f"{path} is no snapshot of producers: its length does not fit.")
    version, _, count = _HEAD.unpack_from(data)
    if version not in (1, 2) or count * _ENTRY.size != len(data) - _HEAD.size:
        raise LessonError(f"{path} is no snapshot of producers, or one of a newer version ({version}).")
    rows = tuple(_row(*entry) for entry in _ENTRY.iter_unpack(data[_HEAD.size:]))
    return TextTable(f"{path.name}: what the broker remembered", HEADINGS, rows,
                     f"{path.name}: the broker remembered nobody.")


def _row(producer_id: int, epoch: int, sequence: int, offset: int, _delta: int, _time: int, coordinator: int,
         open_since: int) -> tuple[str, ...]:
    return (str(producer_id), str(epoch), str(sequence), str(offset), str(coordinator),
            str(open_since) if open_since >= 0 else "")
