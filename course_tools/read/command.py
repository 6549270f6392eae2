"""`python -m lesson_lib read`: what is in a topic, or in a segment file from a broker's disk.

    python -m lesson_lib read localhost:9092 orders
    python -m lesson_lib read 00000000000000000000.log
    python -m lesson_lib read 00000000000000000042.snapshot

It answers "how do I find duplicates that are in a topic already": a broker recognises numbers and not
contents, so it says what the numbers prove and what equal contents let one suspect.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from course_tools.read import on_disk
from course_tools.read.findings import LogRead


def main(argv: list[str]) -> int:
    """0 when nothing is wrong, 1 for a copy, a gap, an open transaction or broken bytes; suspicions count for
    nothing. 2 for arguments that do not fit. LessonError for what cannot be read."""
    parser = argparse.ArgumentParser("python -m lesson_lib read", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", help="host:port of a broker, or a file")
    parser.add_argument("topic", nargs="?", help="the topic, where `what` is a broker")
    parser.add_argument("--checksums", action="store_true",
                        help="of a file: compare the checksum of each batch, too (about 1 MB/s)")
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    if options.topic is None and options.what.endswith(".snapshot"):
        print(on_disk.snapshot(Path(options.what)))
        return 0
    wrong = 0
    for name, read in _logs(options):
        print("\n".join([str(read.table(f"{name}: {read.batches} batches")), *_sentences(read)]), flush=True)
        wrong += bool(read.findings or read.broken or read.open_transactions)
    return int(bool(wrong))


def _logs(options: argparse.Namespace) -> Iterator[tuple[str, LogRead]]:
    if options.topic is None:
        path = Path(options.what)
        yield path.name, LogRead().take(on_disk.of_file(path, options.checksums))
        return
    for partition, found in on_disk.of_topic(options.what, options.topic):
        yield f"{options.topic}-{partition}", LogRead().take(found)


def _sentences(read: LogRead) -> list[str]:
    told = [*read.broken, *read.findings, *read.open_transactions, *read.suspicions]
    if read.untold:
        told.append(f"And {read.untold} more.")
    return told or ["No copy, no gap, no open transaction."]
