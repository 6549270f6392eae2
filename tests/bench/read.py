"""How fast a segment file is read, beside reading its bytes and nothing more; and what it takes of memory."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
from pathlib import Path

from course_tools.read.equal_records import WINDOW, EqualRecords
from course_tools.read.findings import LogRead
from course_tools.read.on_disk import of_file
from lesson_lib.wire.record_batch import batch_bytes
from tests.bench.table import Row, seconds, side_by_side

LARGE, SMALL = (1024, 16_000, 1), (128, 100, 160)  # megabytes, bytes of a record, records of a batch


def rows() -> list[Row]:
    """Megabytes a second of a segment of a gigabyte and of one with small records, and the peaks of Python's memory on the
    way. RuntimeError for a segment in which something is wrong: skipping what is broken would be another speed."""
    found: list[Row] = []
    for megabytes, record, records in (LARGE, SMALL):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "00000000000000000000.log"
            size = _write(path, megabytes, record, records) / 2**20
            what = f"segment of {size:,.0f} MB, records of {record:,} bytes"
            for name, window in ((what, WINDOW), (f"{what}, --window 0", 0)):
                ours, reference = side_by_side(lambda: size / seconds(lambda: _read(path, window)),  # noqa: B023
                                               lambda: size / seconds(lambda: _bytes_of(path)), rounds=1)  # noqa: B023
                found.append(Row(f"{name}: read against its bytes alone", ours, reference, "MB/s", ""))
            tracemalloc.start()
            _read(path, WINDOW)
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
        found.append(Row(f"{what}: peak of memory against its size", peak, size, "MB", "bounded"))
    return found


def _read(path: Path, window: int) -> None:
    read = LogRead(records=EqualRecords(window)).take(of_file(path))
    if read.broken or read.findings or read.records.again or not read.batches:
        raise RuntimeError(f"{read.batches} batches, of which something is wrong: {[*read.broken, *read.findings][:1]}")


def _write(path: Path, megabytes: int, record: int, records: int) -> int:
    filler, n = bytes(record - 8), 0
    with path.open("wb") as file:
        while file.tell() < megabytes * 2**20:
            values = [struct.pack(">q", n + i) + filler for i in range(records)]
            file.write(batch_bytes(values, producer_id=7, producer_epoch=0, base_sequence=n, wrong={"base_offset": n}))
            n += records
        return file.tell()


def _bytes_of(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(2**20):
            pass
