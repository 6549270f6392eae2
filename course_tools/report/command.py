"""`python -m lesson_lib report`: what learners answered, in notebooks or in a folder of many copies."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from course_tools.report import formats, markdown
from course_tools.report.class_table import class_table, copies_in
from course_tools.report.copies import Checker
from course_tools.report.model import Report, exit_status
from course_tools.report.sandbox import Bounds
from lesson_lib.errors import LessonError

WARNING = ("This runs other people's code. Do it in a container or virtual machine without network, as a user that owns nothing "
           "else; notebooks/for-instructors.md has the command.")


def main(argv: list[str]) -> int:
    """0 good; 1 for errors in a copy, with --strict for anything wrong or not attempted; 2 for arguments that do not fit."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    todo = _todo(options)
    if options.execute and options.folder:
        print(WARNING, file=sys.stderr)
    reports = _reports(todo, options)
    text = class_table(reports) if options.folder else "\n".join(map(markdown.report, reports))
    _write(options.output, text)
    for path, form in ((options.json, formats.as_json), (options.junit, formats.as_junit)):
        if path:
            _write(path, form(reports))
    return exit_status(reports, options.strict)


def _parser() -> argparse.ArgumentParser:
    bounds = Bounds()
    parser = argparse.ArgumentParser("python -m lesson_lib report", description=(__doc__ or "").strip(), epilog=WARNING)
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--class", dest="folder", type=Path, help="a folder with many copies: one table")
    parser.add_argument("--strict", action="store_true", help="exit 1 also for anything wrong or not attempted")
    parser.add_argument("--no-execute", dest="execute", action="store_false", help="judge the answers, do not run the copies")
    parser.add_argument("--output", type=Path, help="where the Markdown goes; without it, it is printed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--junit", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="copies at the same time")
    for name, unit in (("cell", "seconds for one cell"), ("run", "seconds for one copy"), ("item", "seconds for the check of one item"),
                       ("memory", "MB for one process"), ("printed", "MB of output of one copy")):
        default = getattr(bounds, name)
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{unit} ({default:g})")
    return parser


def _todo(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """Learner and file of each copy. LessonError when there is nothing to do."""
    if bool(options.folder) == bool(options.notebooks):
        raise LessonError("Name notebooks, or a folder of copies with --class; python -m lesson_lib report --help lists the rest.")
    return copies_in(options.folder) if options.folder else [("", path) for path in options.notebooks]


def _reports(todo: list[tuple[str, Path]], options: argparse.Namespace) -> list[Report]:
    bounds = Bounds(options.cell, options.run, options.item, options.memory, options.printed)
    checker = Checker(bounds, options.execute)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        return list(pool.map(lambda one: checker.file(one[1], one[0]), todo))


def _write(path: Path | None, text: str) -> None:
    if path is None:
        print(text)
    else:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LessonError(f"{path} cannot be written: {error.strerror}.") from None
