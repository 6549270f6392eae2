"""`python -m lesson_lib report`: what learners answered, in notebooks or in a folder of many copies."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import fields
from pathlib import Path

from course_tools.command_line import on_interrupt, say, write
from course_tools.report.checker import Checker
from course_tools.report.class_table import class_table
from course_tools.report.confined import Bounds, no_wall
from course_tools.report.copies import HandedInCopy, copies_in
from course_tools.report.formats import as_json, as_junit, as_markdown
from course_tools.report.model import CopyReport, aliases, anonymous, exit_status, shown
from lesson_lib.errors import LessonError

_GLANCE = 0.5  # seconds between two looks at whether a signal came
_EVERY = 2.0  # seconds between two times that the files are written while copies are judged
STOPPED = 130


def main(argv: list[str]) -> int:
    """0 good; 1 for errors in a copy, with --strict for anything wrong or not attempted; 2 for arguments that
    do not fit.

    130 when it was stopped (SIGINT, SIGTERM): then it shows what it has so far.
    """
    options = _parser().parse_args(argv)
    todo = _todo(options)
    if why := no_wall():
        print(why, file=sys.stderr)
    bounds = Bounds(**{one.name: getattr(options, one.name) for one in fields(Bounds)})
    checker = Checker(bounds, options.execute)
    reports, written = {}, time.monotonic()
    names = aliases(one.learner for one in todo)
    with on_interrupt(checker.stop):
        for number, report in _judged(todo, checker, options.jobs):
            reports[number] = report = anonymous(report, names) if options.anonymous else report
            # the order of the files is that of their names
            who = "" if options.anonymous else f": {report.learner or report.notebook}"
            say(shown(f"{len(reports)} of {len(todo)}{who}"), sys.stderr)
            if time.monotonic() > written + _EVERY:
                _write_files(_in_order(reports, options), options)
                written = time.monotonic()
    if checker.stopped:
        say(f"Stopped; {len(reports)} of {len(todo)} copies were judged.", sys.stderr)
    done = _in_order(reports, options)
    _write_files(done, options)
    if options.output is None:
        say(_markdown(options)(done))
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
    for one in fields(Bounds):
        parser.add_argument(f"--{one.name}", type=type(one.default), default=one.default,
                            help=f"{one.metadata['words']} ({one.default:g})")
    return parser


def _todo(options: argparse.Namespace) -> list[HandedInCopy]:
    """The copies. LessonError when there is nothing to do."""
    if bool(options.folder) == bool(options.notebooks):
        raise LessonError("Name notebooks, or a folder of copies with --class; "
                          "python -m lesson_lib report --help lists the rest.")
    return copies_in(options.folder) if options.folder else list(map(HandedInCopy, options.notebooks))


def _judged(todo: list[HandedInCopy], checker: Checker, jobs: int) -> Iterator[tuple[int, CopyReport]]:
    """Each copy's place and report, as they come, none after a stop; nothing is left running."""
    with closing(checker), ThreadPoolExecutor(max(1, jobs)) as pool:
        places = {pool.submit(checker.file, copy): place for place, copy in enumerate(todo)}
        left = set(places)
        try:
            while left and not checker.stopped:  # a signal just before the wait is only looked at after it
                done, left = wait(left, _GLANCE, FIRST_COMPLETED)
                yield from ((places[one], one.result()) for one in done if not checker.stopped)
        except BaseException:
            checker.stop()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(reports: dict[int, CopyReport], options: argparse.Namespace) -> list[CopyReport]:
    """As the files are; without names by number, as the files' order would tell who is who."""
    done = [reports[number] for number in sorted(reports)]
    return sorted(done, key=lambda report: report.learner) if options.anonymous else done


def _markdown(options: argparse.Namespace) -> Callable[[Sequence[CopyReport]], str]:
    return class_table if options.folder else lambda reports: "\n".join(map(as_markdown, reports))


def _write_files(reports: list[CopyReport], options: argparse.Namespace) -> None:
    """What there is so far, into each file that was asked for."""
    for path, form in ((options.output, _markdown(options)), (options.json, as_json),
                       (options.junit, as_junit)):
        if path:
            write(path, form(reports))
