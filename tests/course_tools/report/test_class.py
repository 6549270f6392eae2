"""A class with everything that can be wrong with a copy: each has its row, and none stops or fools the others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from course_tools.apache_kafka.process import command_line
from course_tools.report import command, confined
from course_tools.report.checker import Checker
from course_tools.report.confined import Bounds, find_wall
from course_tools.report.copies import copies_in
from lesson_lib.errors import LessonError
from lesson_lib.teach.content import Question, lesson_items

ITEMS = lesson_items(3)
QUESTION = next(item for item in ITEMS if isinstance(item, Question))
TASK = next(item for item in ITEMS if not isinstance(item, Question))
WRONG = next(key for key in QUESTION.keys if key != QUESTION.truth(*QUESTION.runs()))
PATCH = f"from lesson_lib.teach.content import Question\nQuestion.truth = lambda *any: {WRONG!r}"
STORE = f"from lesson_lib.teach import store\nstore.record('{QUESTION.id}', {{'answer': '{QUESTION.truth(*QUESTION.runs())}'}})"
FILES = "import lesson_lib, pathlib\n[p.write_text('') for p in pathlib.Path(lesson_lib.__file__).parent.rglob('*.py')]"
ESCAPE = ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n"
          "assert 'A_TOKEN' not in os.environ and os.path.expanduser('~') != {home!r}")
FILLS = "for n in range(100):\n    open(f'log{n}', 'wb').write(bytes(10 ** 7))"
KILLS = "import os\nos.kill(-1, 9)"
LOOKS = ("import os, pathlib, socket\nassert not pathlib.Path({folder!r}).exists()\n"
         "assert len([p for p in os.listdir('/proc') if p.isdigit()]) < 5\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 2)\n"
         "except OSError:\n    pass\nelse:\n    raise AssertionError('the network of the machine is in reach')")
FORGES = """import os, stat
for fd in range(3, 64):
    if os.path.exists(f'/dev/fd/{fd}') and stat.S_ISSOCK(os.fstat(fd).st_mode):
        for line in (b'{"verdicts": []}', b'5', b'{"kernel": 0}', b'{"cell": "x"}', b'{"cell": 10000, "raises": "no"}', b'[[[', b'\\xff',
                     b'{"cell": null, "verdicts": 5}', b'{"ended": 5}', b'[' * 100000):
            os.write(fd, line + b'\\n')"""
FAKES_ITS_END = FORGES.partition("        for line")[0] + """        os.write(fd, b'{"ended": true}\\n')
raise SystemError('not to be seen')"""
TOO_DEEP = "-" * 100_000 + "1"
OF_A_NOTEBOOK = "%matplotlib inline\nimport asyncio\nawait asyncio.sleep(0)\nwords = !echo hi\nassert words == ['hi']\n!echo more"


def books(copies: Any, port: int) -> dict[str, dict[str, Any]]:
    """A copy for each learner; most are right but for one thing."""
    def right(*cells: str) -> dict[str, Any]:
        return copies.lesson(3, "right", *cells)
    doubled = right()
    doubled["cells"] += doubled["cells"][1:]
    gone = right()
    del gone["cells"][1]
    asks = f'asked = question("{QUESTION.id}")\nasked.answer("{WRONG}")\nprint("✓ Right. Well done.")'
    cells = {
        "right": "pass", "crash": "import os; os._exit(1)", "error": "1 / 0", "loop": "import time\ntime.sleep(600)",
        "gigabyte": "print('x' * 10 ** 9)", "flood": "while True:\n    print('x' * 1000)",
        "yes": "import os; os.system('yes | head -c 300000000; sleep 600')",
        "memory": "x = [bytes(10 ** 8) for n in range(100)]", "files": FILES, "fills": FILLS, "kills": KILLS, "forges": FORGES,
        "fakes": FAKES_ITS_END, "escape": ESCAPE.format(home=os.path.expanduser("~")), "deep": TOO_DEEP,
        "notebook": OF_A_NOTEBOOK,
        "looks": LOOKS.format(folder=str(Path(__file__).parent), port=port)}
    return {"wrong": copies.lesson(3, "wrong"), "empty": copies.lesson(2, "empty"), "gone": gone, "doubled": doubled,
            "patch": copies.notebook(PATCH, asks), "stores": copies.notebook(STORE)} | {n: right(c) for n, c in cells.items()}


@pytest.fixture(scope="module")
def handed_in(copies: Any, behind_a_wall: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The class, judged once: exit status, Markdown, JSON by learner, JUnit, and what was there before."""
    folder = tmp_path_factory.mktemp("class")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for learner, book in books(copies, server.getsockname()[1]).items():
            copies.write(folder / "copies" / learner / "03-idempotency.ipynb", book)
        (folder / "copies" / "broken").mkdir()
        (folder / "copies" / "broken" / "03.ipynb").write_text('{"cells": [')
        (folder / "copies" / "linked.ipynb").symlink_to(folder / "copies" / "right" / "03-idempotency.ipynb")
        (folder / "copies" / "led").symlink_to(folder / "copies" / "right")
        names = {name: folder / name for name in ("table.md", "all.json", "all.xml")}
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as progress:
            patch.setenv("A_TOKEN", "secret")
            (folder / "tmp").mkdir()
            patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
            status = command.main(["--class", str(folder / "copies"), "--output", str(names["table.md"]),
                                   "--json", str(names["all.json"]), "--junit", str(names["all.xml"]), "--cell", "12",
                                   "--printed", "1", "--disk", "64", "--jobs", "3"])
    text = {name: path.read_text() for name, path in names.items()}
    reports = {report["learner"]: report for report in json.loads(text["all.json"])["reports"]}
    yield {"status": status, "table": text["table.md"], "reports": reports, "tmp": folder / "tmp", "progress": progress.getvalue(),
           "junit": ElementTree.fromstring(text["all.xml"].encode())}


ALL, NONE = {"right": len(ITEMS), "wrong": 0}, {"right": 0, "wrong": 0}


@pytest.mark.parametrize(("learner", "counts", "error"), [
    ("right", ALL, ""), ("wrong", {"right": 0, "wrong": len(ITEMS)}, ""), ("empty", NONE, ""),
    ("crash", ALL, "the kernel died"), ("error", ALL, "ZeroDivisionError"), ("loop", ALL, "It does not end"),
    ("gigabyte", ALL, "may print 1 MB"), ("flood", ALL, "may print 1 MB"), ("yes", ALL, "It does not end"),
    ("memory", ALL, "MemoryError"), ("gone", {"right": len(ITEMS) - 1}, "are gone"),
    ("doubled", ALL, ""), ("patch", {"right": 0, "wrong": 1}, "are gone"),
    ("stores", NONE, "are gone"), ("files", ALL, "Read-only file system"), ("escape", ALL, ""),
    ("fills", ALL, "No space left on device"), ("kills", ALL, "ProcessLookupError"), ("forges", ALL, ""), ("fakes", ALL, ""),
    ("looks", ALL, ""), ("notebook", ALL, ""), ("deep", ALL, "raises"), ("broken", NONE, "is not JSON"),
    ("linked", NONE, "is a link"), ("led", NONE, "is a link"),
])
def test_each_copy_has_its_row(handed_in: Any, learner: str, counts: dict[str, int], error: str) -> None:
    report = handed_in["reports"][learner]
    assert {name: report["counts"][name] for name in counts} == counts, report
    said = " ".join(report["errors"])
    assert error in said if error else not said, said
    row = next(line for line in handed_in["table"].splitlines() if line.startswith(f"| {learner} |"))
    assert row.split("|")[2:4] == [f" {report['counts']['right']} ", f" {report['counts']['wrong']} "]


def test_what_a_copy_shows_is_named_and_not_believed(handed_in: Any) -> None:
    assert f"shows that {QUESTION.id} is right; checked again, it is wrong" in " ".join(handed_in["reports"]["patch"]["remarks"])
    assert not handed_in["reports"]["right"]["remarks"] and not handed_in["reports"]["wrong"]["remarks"]


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


def test_each_copy_is_named_as_it_is_done(handed_in: Any) -> None:
    lines, number = handed_in["progress"].splitlines(), len(handed_in["reports"])
    assert [line.partition(":")[0] for line in lines] == [f"{n} of {number}" for n in range(1, number + 1)]
    assert {line.partition(": ")[2] for line in lines} == set(handed_in["reports"])


def test_nothing_is_left_running(handed_in: Any) -> None:
    assert not left_over()
    assert not list(handed_in["tmp"].iterdir())


def left_over() -> list[str]:
    """Processes of the report, started with this Python, that run. The kernel takes a moment to end those of a dead parent."""
    end = time.monotonic() + 20
    while (found := of_a_report()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def of_a_report() -> list[str]:
    """The command lines of what a report starts."""
    lines = [command_line(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")]
    return [line for line in lines if sys.executable in line and ("run_cells.serve" in line or "worker.serve" in line)]


def test_a_stopped_report_shows_what_it_has(copies: Any, tmp_path: Path) -> None:
    for learner, cells in {"ann": (), "bob": ("while True:\n    pass",)}.items():
        copies.write(tmp_path / "copies" / learner / "03.ipynb", copies.lesson(3, "right", *cells))
    (tmp_path / "tmp").mkdir()
    line = [sys.executable, "-m", "lesson_lib", "report", "--class", str(tmp_path / "copies"), "--output", str(tmp_path / "table.md")]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    report = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment)
    assert any(line.startswith("1 of 2: ann") for line in iter(report.stderr.readline, ""))
    report.send_signal(signal.SIGTERM)
    said = report.communicate(timeout=60)[1]
    assert report.returncode == 130 and "1 of 2 copies were judged" in said
    assert f"| ann | {len(ITEMS)} |" in (tmp_path / "table.md").read_text()
    assert not list((tmp_path / "tmp").iterdir()) and not left_over()


@pytest.fixture(scope="module")
def no_wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Checker, Path]]:
    """A checker where there is no bubblewrap, and the folder for temporary files."""
    checker, folder = Checker(Bounds(disk=5), execute=True), tmp_path_factory.mktemp("no-wall")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confined, "find_wall", lambda: (None, ""))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield checker, folder
    checker.close()


@pytest.mark.parametrize(("cells", "error"), [
    ("pass", ""), (FORGES, ""), (FILLS, "File too large"), ("import os; os._exit(1)", "the kernel died")])
def test_without_a_wall_there_are_bounds_still(copies: Any, no_wall: tuple[Checker, Path], cells: str, error: str) -> None:
    checker, folder = no_wall
    report = checker.notebook(copies.lesson(3, "right", cells), "copy")
    assert report.count()["right"] == len(ITEMS) and error in " ".join(report.errors) and bool(report.errors) == bool(error)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(("found", "why"), [(None, "bubblewrap is missing"), ("/bin/false", "bubblewrap fails")])
def test_one_sentence_says_that_there_is_no_wall(found: str | None, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined.shutil, "which", lambda name: found)
    looked, said = find_wall.__wrapped__()
    assert looked is None and why in said and "container of notebooks/for-instructors.md" in said


def test_a_stream_that_holds_ascii_alone_gets_what_it_can_hold() -> None:
    stream = TextIOWrapper(BytesIO(), encoding="ascii")
    command.say("✓ ann\udcff", stream)
    assert stream.buffer.getvalue() == b"\\u2713 ann\\udcff\n"


def test_progress_counts_in_one_learners_folder_alone(copies: Any, tmp_path: Path) -> None:
    answers = json.dumps({"answers": {QUESTION.id: [{"answer": QUESTION.truth(*QUESTION.runs())}]}})
    for folder in (tmp_path, tmp_path / "ann", tmp_path / "eve"):
        (folder / "real").mkdir(parents=True)
        (folder / "real" / "answers.json").write_text(answers)
        (folder / "real").rename(folder / ".progress") if folder.name != "eve" else (folder / ".progress").symlink_to(folder / "real")
    for place in ("bob.ipynb", "ann/03.ipynb", "eve/03.ipynb"):
        copies.write(tmp_path / place, copies.lesson(3, "empty"))
    command.main(["--class", str(tmp_path), "--no-execute", "--json", str(tmp_path / "all.json"), "--output", str(tmp_path / "t.md")])
    reports = json.loads((tmp_path / "all.json").read_text())["reports"]
    assert {report["learner"]: report["counts"]["right"] for report in reports} == {"ann": 1, "bob": 0, "eve": 0}


def test_learners_by_folder_or_by_file_name(tmp_path: Path) -> None:
    for name in ("ann/02-x.ipynb", "ann/.ipynb_checkpoints/02-x.ipynb", "bob_02-one-lost-ack.ipynb", "eve.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(one.learner for one in copies_in(tmp_path)) == ["ann", "bob", "eve"]


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="no notebooks"):
        copies_in(tmp_path)
