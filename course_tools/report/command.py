"""`python -m lesson_lib report`: what learners answered, in notebooks or in a folder of many copies."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from pathlib import Path
from typing import TextIO

from course_tools.command_line import on_interrupt, write
from course_tools.report import formats, markdown, wall
from course_tools.report.anonymous import aliases, anonymous
from course_tools.report.class_table import HandedInCopy, class_table, copies_in
from course_tools.report.confined import Bounds
from course_tools.report.copies import Checker, CheckStopped
from course_tools.report.model import CopyReport, exit_status, shown
from lesson_lib.errors import LessonError

_GLANCE = 0.5  # seconds between two looks at whether a signal came
_EVERY = 2.0  # seconds between two times that the files are written while copies are judged
_BOUNDS = {"cell": "seconds for one cell", "run": "seconds for one copy",
           "item": "seconds for the check of one item",
           "memory": "MB for one process", "printed": "MB of output of one copy",
           "disk": "MB of files of one copy"}
STOPPED = 130


def main(argv: list[str]) -> int:
    """0 good; 1 for errors in a copy, with --strict for anything wrong or not attempted; 2 for arguments that
    do not fit.

    130 when it was stopped (SIGINT, SIGTERM): then it shows what it has so far.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    todo = _todo(options)
    if why := wall.missing():
        print(why, file=sys.stderr)
    checker = Checker(Bounds(**{name: getattr(options, name) for name in _BOUNDS}), options.execute)
    reports, written = {}, time.monotonic()
    names = aliases(one.learner for one in todo)
    with on_interrupt(checker.stop):
        for number, report in _judged(todo, checker, options.jobs):
            reports[number] = report = anonymous(report, names) if options.anonymous else report
            # the order of the files is that of their names
            who = "" if options.anonymous else f": {report.learner or report.notebook}"
            _say(f"{len(reports)} of {len(todo)}{who}")
            if time.monotonic() > written + _EVERY:
                _write_files(_in_order(reports, options), options)
                written = time.monotonic()
    if checker.stopped:
        _say(f"Stopped; {len(reports)} of {len(todo)} copies were judged.")
    done = _in_order(reports, options)
    _write_files(done, options)
    if options.output is None:
        _print(_text(done, options))
    return STOPPED if checker.stopped else exit_status(done, options.strict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lesson_lib report", description=(__doc__ or "").strip())
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--class", dest="folder", type=Path, help="a folder with many copies: one table")
    parser.add_argument("--strict", action="store_true",
                        help="exit 1 also for anything wrong or not attempted")
    parser.add_argument("--anonymous", action="store_true",
                        help="numbers for names, and no words of learners: a report to publish")
    parser.add_argument("--no-execute", dest="execute", action="store_false",
                        help="judge the answers, do not run the copies")
    parser.add_argument("--output", type=Path, help="where the Markdown goes; without it, it is printed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--junit", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="copies at the same time")
    for name, unit in _BOUNDS.items():
        default = getattr(Bounds, name)
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{unit} ({default:g})")
    return parser


def _todo(options: argparse.Namespace) -> list[HandedInCopy]:
    """The copies. LessonError when there is nothing to do."""
    if bool(options.folder) == bool(options.notebooks):
        raise LessonError("Name notebooks, or a folder of copies with --class; "
                          "python -m lesson_lib report --help lists the rest.")
    return copies_in(options.folder) if options.folder else [HandedInCopy("", path, True)
                                                             for path in options.notebooks]


def _judged(todo: list[HandedInCopy], checker: Checker, jobs: int) -> Iterator[tuple[int, CopyReport]]:
    """Each copy's place and report, as they come, none after a stop; nothing is left running."""
    with closing(checker), ThreadPoolExecutor(max(1, jobs)) as pool:
        places: dict[Future[CopyReport], int] = {
            pool.submit(checker.file, one.path, one.learner, one.alone): place
            for place, one in enumerate(todo)}
        try:
            left = set(places)
            while left:  # a signal that comes just before the wait is only looked at after it
                done, left = wait(left, _GLANCE, FIRST_COMPLETED)
                for future in done:
                    with suppress(CheckStopped):
                        yield places[future], future.result()
        except BaseException:
            checker.stop()
            raise


def _in_order(reports: dict[int, CopyReport], options: argparse.Namespace) -> list[CopyReport]:
    """As the files are; without names by number, as the files' order would tell who is who."""
    done = [reports[number] for number in sorted(reports)]
    return sorted(done, key=lambda report: report.learner) if options.anonymous else done


def _text(reports: list[CopyReport], options: argparse.Namespace) -> str:
    return class_table(reports) if options.folder else "\n".join(map(markdown.report, reports))


def _write_files(reports: list[CopyReport], options: argparse.Namespace) -> None:
    """What there is so far, into each file that was asked for."""
    forms = {"output": lambda done: _text(done, options), "json": formats.as_json, "junit": formats.as_junit}
    for name, form in forms.items():
        if path := getattr(options, name):
            write(path, form(reports))


def _say(sentence: str) -> None:
    _print(shown(sentence), sys.stderr)


def _print(text: str, stream: TextIO | None = None) -> None:
    """Print it as far as the stream can hold it."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
