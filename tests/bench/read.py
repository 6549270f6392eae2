"""How fast a segment file is read, beside reading its bytes and nothing more; and what it takes of memory."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
from pathlib import Path

from course_tools.read.findings import LogRead
from course_tools.read.on_disk import of_file
from lesson_lib.wire.record_batch import batch_bytes
from tests.bench.table import Row, seconds, side_by_side

MEGABYTES, FILLER = 1024, bytes(16_000)


def rows() -> list[Row]:
    """Megabytes a second of a segment of a gigabyte, and the peak of Python's memory on the way. RuntimeError for a
    segment in which something is wrong: skipping what is broken would be another speed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "00000000000000000000.log"
        size = _write(path) / 2**20
        ours, reference = side_by_side(lambda: size / seconds(lambda: LogRead().take(of_file(path))),
                                       lambda: size / seconds(lambda: _bytes_of(path)), rounds=1)
        tracemalloc.start()
        read = LogRead().take(of_file(path))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    if read.broken or read.findings or read.alike or not read.batches:
        raise RuntimeError(f"{read.batches} batches, of which something is wrong: {[*read.broken, *read.findings][:1]}")
    return [Row(f"segment of {size:,.0f} MB: read against its bytes alone", ours, reference, "MB/s", ""),
            Row(f"segment of {size:,.0f} MB: peak of memory against its size", peak, size, "MB", "bounded")]


def _write(path: Path) -> int:
    with path.open("wb") as file:
        for n in range(MEGABYTES * 2**20 // len(FILLER)):
            value = struct.pack(">q", n) + FILLER
            file.write(batch_bytes([value], producer_id=7, producer_epoch=0, base_sequence=n, wrong={"base_offset": n}))
        return file.tell()


def _bytes_of(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(2**20):
            pass
