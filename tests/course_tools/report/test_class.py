"""A class with everything that can be wrong with a copy: each has its row, and none stops or fools the others."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from course_tools.report import command
from course_tools.report.class_table import copies_in
from lesson_lib.errors import LessonError
from lesson_lib.teach.content import Question, lesson_items

ITEMS = lesson_items(2)
QUESTION = next(item for item in ITEMS if isinstance(item, Question))
TASK = next(item for item in ITEMS if not isinstance(item, Question))
WRONG = next(key for key in QUESTION.keys if key != QUESTION.truth(*QUESTION.runs()))
PATCH = f"from lesson_lib.teach.content import Question\nQuestion.truth = lambda *any: {WRONG!r}"
STORE = f"from lesson_lib.teach import store\nstore.record('{QUESTION.id}', {{'answer': '{QUESTION.truth(*QUESTION.runs())}'}})"
FILES = "import lesson_lib, pathlib\n[p.write_text('') for p in pathlib.Path(lesson_lib.__file__).parent.rglob('*.py')]"
SILENT = "import sys\nsys.modules['course_tools.report.fingerprint'] = None"
ESCAPE = ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n"
          "assert 'A_TOKEN' not in os.environ and os.path.expanduser('~') != {home!r}")


def books(copies: Any) -> dict[str, dict[str, Any]]:
    """A copy for each learner; most are right but for one thing."""
    def right(*cells: str) -> dict[str, Any]:
        return copies.lesson(2, "right", *cells)
    doubled = right()
    doubled["cells"] += doubled["cells"][1:]
    gone = right()
    del gone["cells"][1]
    asks = f'asked = question("{QUESTION.id}")\nasked.answer("{WRONG}")\nprint("✓ Right. Well done.")'
    return {"right": right(), "wrong": copies.lesson(2, "wrong"), "empty": copies.lesson(2, "empty"),
            "crash": right("import os; os._exit(1)"), "error": right("1 / 0"), "loop": right("while True:\n    pass"),
            "gigabyte": right("print('x' * 10 ** 9)"), "flood": right("import os; os.system('yes')"), "gone": gone, "doubled": doubled,
            "patch": copies.notebook(PATCH, asks), "stores": copies.notebook(STORE), "files": right(FILES), "silent": right(SILENT),
            "escape": right(ESCAPE.format(home=os.path.expanduser("~")))}


@pytest.fixture(scope="module")
def handed_in(copies: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The class, judged once: exit status, Markdown, JSON by learner, JUnit, and what was there before."""
    folder = tmp_path_factory.mktemp("class")
    for learner, book in books(copies).items():
        copies.write(folder / "copies" / learner / "02-one-lost-ack-two-copies.ipynb", book)
    (folder / "copies" / "broken").mkdir()
    (folder / "copies" / "broken" / "02.ipynb").write_text('{"cells": [')
    names = {name: folder / name for name in ("table.md", "all.json", "all.xml")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_TOKEN", "secret")
        (folder / "tmp").mkdir()
        patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        status = command.main(["--class", str(folder / "copies"), "--output", str(names["table.md"]), "--json", str(names["all.json"]),
                               "--junit", str(names["all.xml"]), "--cell", "20", "--printed", "1", "--jobs", "2"])
    text = {name: path.read_text() for name, path in names.items()}
    reports = {report["learner"]: report for report in json.loads(text["all.json"])["reports"]}
    yield {"status": status, "table": text["table.md"], "reports": reports, "tmp": folder / "tmp",
           "junit": ElementTree.fromstring(text["all.xml"].encode())}


ALL, NONE = {"right": len(ITEMS), "wrong": 0}, {"right": 0, "wrong": 0}


@pytest.mark.parametrize(("learner", "counts", "error"), [
    ("right", ALL, ""), ("wrong", {"right": 0, "wrong": len(ITEMS)}, ""), ("empty", NONE, ""),
    ("crash", ALL, "the kernel died"), ("error", ALL, "ZeroDivisionError"), ("loop", ALL, "It does not end"),
    ("gigabyte", ALL, "may print 1 MB"), ("flood", ALL, "prints too much"), ("gone", {"right": len(ITEMS) - 1}, "are gone"),
    ("doubled", ALL, ""), ("patch", {"right": 0, "wrong": 1}, "lesson_lib.teach.content.Question"),
    ("stores", NONE, "are gone"), ("files", ALL, "changes files of lesson_lib"),
    ("silent", ALL, "does not answer any more"), ("escape", ALL, ""), ("broken", NONE, "is not JSON"),
])
def test_each_copy_has_its_row(handed_in: Any, learner: str, counts: dict[str, int], error: str) -> None:
    report = handed_in["reports"][learner]
    assert {name: report["counts"][name] for name in counts} == counts, report
    said = " ".join(report["errors"])
    assert error in said if error else not said, said
    row = next(line for line in handed_in["table"].splitlines() if line.startswith(f"| {learner} |"))
    assert row.split("|")[2:4] == [f" {report['counts']['right']} ", f" {report['counts']['wrong']} "]


def test_what_a_copy_shows_and_stores_is_named_and_not_believed(handed_in: Any) -> None:
    assert f"shows that {QUESTION.id} is right; checked again, it is wrong" in " ".join(handed_in["reports"]["patch"]["remarks"])
    assert "stores answers that no cell gives" in " ".join(handed_in["reports"]["stores"]["remarks"])


def test_the_most_missed_item_comes_first_with_the_ideas_behind_it(handed_in: Any) -> None:
    wrong = {item.id: sum(result["id"] == item.id and result["state"] == "wrong" for report in handed_in["reports"].values()
                          for result in report["results"]) for item in ITEMS}
    first = max(wrong, key=lambda item: wrong[item])
    assert first == QUESTION.id and handed_in["table"].splitlines()[4].split("|")[6].strip() == first
    missed = handed_in["table"].partition("## Most missed")[2]
    assert missed.splitlines()[4].startswith(f"| {first} | {wrong[first]} |")
    assert QUESTION.option(WRONG).misconception in missed.replace("\\", "")


def test_junit_holds_the_same_figures(handed_in: Any) -> None:
    counts = [report["counts"] for report in handed_in["reports"].values()]
    assert int(handed_in["junit"].get("failures")) == sum(count["wrong"] for count in counts)
    assert int(handed_in["junit"].get("skipped")) == sum(count["not attempted"] for count in counts)


def test_errors_make_the_status(handed_in: Any) -> None:
    assert handed_in["status"] == 1


def test_nothing_is_left_running(handed_in: Any) -> None:
    assert not [entry for entry in Path("/proc").glob("[0-9]*/environ") if f"HOME={handed_in['tmp']}".encode() in environ(entry)]
    assert not list(handed_in["tmp"].iterdir())


def environ(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_learners_by_folder_or_by_file_name(tmp_path: Path) -> None:
    for name in ("ann/02-x.ipynb", "ann/.ipynb_checkpoints/02-x.ipynb", "bob_02-one-lost-ack.ipynb", "eve.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(learner for learner, _ in copies_in(tmp_path)) == ["ann", "bob", "eve"]


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="no notebooks"):
        copies_in(tmp_path)
