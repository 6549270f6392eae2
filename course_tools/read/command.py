"""What is in a topic, or in a segment file or snapshot from a broker's disk.

    python -m lesson_lib read localhost:9092                    (which topics are there)
    python -m lesson_lib read localhost:9092 orders
    python -m lesson_lib read 00000000000000000000.log --html log.html
    python -m lesson_lib read 00000000000000000042.snapshot

Are there duplicates in a topic already? The numbers in the batches prove some of them: a number that is there
twice. Records with the key and value of an earlier one under other numbers are only suspected, in whatever
batch they are, as the application may have meant both. The last lines say what was compared with what, and
what was not. Places in a file are counted in bytes from its beginning.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from course_tools.command_line import asking, write
from course_tools.page import html_page, made_by, table_of
from course_tools.read import on_disk
from course_tools.read.equal_records import WINDOW, EqualRecords
from course_tools.read.findings import LogRead
from course_tools.read.picture import page, told
from lesson_lib.wire import probe

OFFSETS = "__consumer_offsets"


def main(argv: list[str]) -> int:
    """0 when nothing is wrong, 1 for a copy, a gap, an open transaction or broken bytes; suspicions count for
    nothing. LessonError for what cannot be read or written."""
    parser = argparse.ArgumentParser("python -m lesson_lib read", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", metavar="HOST:PORT|FILE", help="a broker (plaintext), or a file")
    parser.add_argument("topic", metavar="TOPIC", nargs="?", help="which of the broker's topics")
    parser.add_argument("--window", type=_window, metavar="RECORDS", default=WINDOW,
                        help=f"with how many records before it to compare each ({WINDOW:,}; 1,000,000 take "
                        "up to 250 MB of memory; 0 looks at numbers only, which is faster)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with arrival graphs")
    options = parser.parse_args(argv)
    made = f"python -m lesson_lib read {options.what} {options.topic or ''}".strip()
    if options.topic is None and (options.what.endswith(".snapshot") or _is_address(options.what)):
        return _table(options, made)
    logs = []
    for name, read in _logs(options):
        print("\n".join([str(read.table(f"{name}: {read.batches} batches")), *told(read)]), flush=True)
        logs.append((name, read))
    if options.html:
        write(options.html, page(logs, made))
    return int(any(read.wrong for _, read in logs))


def _window(text: str) -> int:
    if not text.replace("_", "").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of records: 0, or more")
    return int(text)


def _is_address(what: str) -> bool:
    """Whether this means a broker: host:port, and no file of that name."""
    try:
        probe.split_address(what)
    except ValueError:
        return False
    return not Path(what).exists()


def _table(options: argparse.Namespace, made: str) -> int:
    """A snapshot, or which topics there are. Nothing in it can be drawn, so the page has a table alone."""
    if is_snapshot := options.what.endswith(".snapshot"):
        table = on_disk.snapshot(Path(options.what))
    else:
        with asking(options.what):
            table = on_disk.topics(options.what)
    print(table)
    if options.html:
        write(options.html, html_page(table.caption, made_by(made), table_of(table)))
    if table.rows and not is_snapshot:
        print(f"Name one of them: {made} TOPIC")
    return 0


def _logs(options: argparse.Namespace) -> Iterator[tuple[str, LogRead]]:
    if options.topic is None:
        path = Path(options.what).absolute()
        numbered = not path.parent.name.startswith(OFFSETS)
        yield path.name, LogRead(numbered, EqualRecords(options.window)).take(on_disk.of_file(path))
        return
    with asking(options.what):
        for partition, found in on_disk.of_topic(options.what, options.topic):
            read = LogRead(options.topic != OFFSETS, EqualRecords(options.window)).take(found)
            yield f"{options.topic}-{partition}", read
