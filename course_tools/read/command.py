"""What is in a topic, or in a segment file or snapshot from a broker's disk.

    python -m lesson_lib read localhost:9092 orders
    python -m lesson_lib read 00000000000000000000.log --html log.html
    python -m lesson_lib read 00000000000000000042.snapshot

Are there duplicates in a topic already? The numbers in the batches prove some of them: a number that is there
twice. Batches with the same bytes under other numbers are only suspected, as the application may have meant
both. Places in a file are counted in bytes from its beginning.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from course_tools.command_line import asking, write
from course_tools.read import on_disk
from course_tools.read.findings import LogRead
from course_tools.read.picture import page, told

OFFSETS = "__consumer_offsets"


def main(argv: list[str]) -> int:
    """0 when nothing is wrong, 1 for a copy, a gap, an open transaction or broken bytes; suspicions count for
    nothing. LessonError for what cannot be read or written."""
    parser = argparse.ArgumentParser("python -m lesson_lib read", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", metavar="HOST:PORT|FILE", help="a broker (plaintext), or a file")
    parser.add_argument("topic", metavar="TOPIC", nargs="?", help="which of the broker's topics")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with arrival graphs")
    options = parser.parse_args(argv)
    if options.topic is None and options.what.endswith(".snapshot"):
        print(on_disk.snapshot(Path(options.what)))
        return 0
    logs = []
    for name, read in _logs(options):
        print("\n".join([str(read.table(f"{name}: {read.batches} batches")), *told(read)]), flush=True)
        logs.append((name, read))
    if options.html:
        asked = f"{options.what} {options.topic or ''}".strip()
        write(options.html, page(logs, f"python -m lesson_lib read {asked}"))
    return int(any(read.wrong for _, read in logs))


def _logs(options: argparse.Namespace) -> Iterator[tuple[str, LogRead]]:
    if options.topic is None:
        path = Path(options.what).absolute()
        yield path.name, LogRead(not path.parent.name.startswith(OFFSETS)).take(on_disk.of_file(path))
        return
    with asking(options.what):
        for partition, found in on_disk.of_topic(options.what, options.topic):
            yield f"{options.topic}-{partition}", LogRead(options.topic != OFFSETS).take(found)
