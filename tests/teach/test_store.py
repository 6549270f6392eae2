"""The file with the answers: nothing is lost, nothing is overwritten, and where nothing can be written the lesson goes on."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lesson_lib import before, question
from lesson_lib.teach import store

WRITER = """
import sys
from lesson_lib.teach import store
for number in range(25):
    store.record(f"{sys.argv[1]}.{number}", {"answer": sys.argv[1]})
    store.record("both", {"answer": sys.argv[1], "number": number})
"""


def test_what_is_recorded_is_there(progress: Path) -> None:
    store.record("2.x", {"answer": "a"})
    assert store.entries("2.x") == [{"answer": "a"}]
    assert store.entries("2.y") == []
    assert json.loads((progress / store.FILE).read_text()) == {"version": 1, "answers": {"2.x": [{"answer": "a"}]}}


def test_the_same_answer_again_is_one_entry() -> None:
    for answer in "aabba":
        store.record("2.x", {"answer": answer})
    assert [e["answer"] for e in store.entries("2.x")] == ["a", "b", "a"]


def test_reading_makes_nothing(progress: Path) -> None:
    assert store.all_entries() == {}
    assert not progress.exists()


def test_in_a_page_a_card_reads_the_file_once_and_one_a_moment_later_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    read, times, now = store._read, [], [100.0]
    monkeypatch.setattr(store, "_read", lambda: times.append(1) or read())
    monkeypatch.setattr(store, "IN_PAGE", True)
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for card in (before, lambda: question("1.offsets")):
        times.clear()
        now[0] += 2 * store.MOMENT_SECONDS
        card()
        card()
        assert len(times) == 1
        now[0] += 2 * store.MOMENT_SECONDS
        card()
        assert len(times) == 2


def test_what_a_page_records_is_there_at_once_and_another_folder_has_answers_of_its_own(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store, "IN_PAGE", True)
    assert store.entries("2.x") == []
    store.record("2.x", {"answer": "a"})
    store.record("2.x", {"answer": "b"})
    assert store.entries("2.x") == [{"answer": "a"}, {"answer": "b"}]
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "elsewhere"))
    assert store.all_entries() == {}


def test_on_a_computer_a_file_that_is_gone_is_seen_at_once(progress: Path) -> None:
    store.record("2.x", {"answer": "a"})
    (progress / store.FILE).unlink()
    assert store.all_entries() == {}


def test_a_long_history_keeps_its_first_and_its_newest() -> None:
    for number in range(200):
        store.record("2.x", {"answer": number})
    kept = [e["answer"] for e in store.entries("2.x")]
    assert len(kept) == store.MOST_ENTRIES and kept[0] == 0 and kept[-1] == 199


def test_two_kernels_at_once_lose_nothing() -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(store.all_entries()) == 51
    assert len(store.entries("both")) == 50


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 2, "answers": {}}', b"\xff\xfe\x00", b"[" * 100_000,
                                     b'{"version": 1, "answers": {"2.x": "a"}}', b'{"version": 1, "answers": {"2.x": [3]}}'])
def test_a_file_that_cannot_be_read_is_set_aside(progress: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    progress.mkdir()
    (progress / store.FILE).write_bytes(content)
    assert store.all_entries() == {}
    assert "answers-unreadable-1.json" in capsys.readouterr().out
    store.record("2.x", {"answer": "a"})
    assert (progress / "answers-unreadable-1.json").read_bytes() == content
    assert store.entries("2.x") == [{"answer": "a"}]


def test_a_second_broken_file_does_not_replace_the_first(progress: Path) -> None:
    progress.mkdir()
    for content in ("one", "two"):
        (progress / store.FILE).write_text(content)
        store.all_entries()
    assert [(progress / f"answers-unreadable-{n}.json").read_text() for n in (1, 2)] == ["one", "two"]


def test_two_kernels_that_find_a_broken_file_at_once_lose_neither_it_nor_what_is_new(
        progress: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one sets it aside and saves its first answer right after we have read it."""
    progress.mkdir()
    (progress / store.FILE).write_text("broken")
    read = Path.read_text

    def read_and_let_the_other_go_on(path: Path, **options: str) -> str:
        text = read(path, **options)
        monkeypatch.undo()
        monkeypatch.setenv("LESSON_PROGRESS", str(progress))
        other = "from lesson_lib.teach import store; store.record('2.other', {'answer': 'b'})"
        subprocess.run([sys.executable, "-c", other], check=True, timeout=60)
        return text
    monkeypatch.setattr(Path, "read_text", read_and_let_the_other_go_on)
    store.record("2.ours", {"answer": "a"})
    assert store.all_entries() == {"2.other": [{"answer": "b"}], "2.ours": [{"answer": "a"}]}
    assert {path.name: path.read_text() for path in progress.glob("answers-unreadable-*")} == {"answers-unreadable-1.json": "broken"}


def test_a_file_that_can_be_neither_read_nor_renamed_is_not_overwritten(
        progress: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    progress.mkdir()
    (progress / store.FILE).write_text("broken")

    def refuse_to_rename(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "rename", refuse_to_rename)
    store.record("2.x", {"answer": "a"})
    assert store.entries("2.x") == [{"answer": "a"}] and (progress / store.FILE).read_text() == "broken"
    assert capsys.readouterr().out == (f"Your answers cannot be saved in {progress} (the file answers.json there can be neither read "
                                       "nor renamed); they are kept until the kernel stops.\n")


OUT_OF_FILES = """
import resource
from lesson_lib.teach import store
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
files = []
try:
    while True:
        files.append(open("/dev/null"))
except OSError:
    pass
store.record("2.y", {"answer": "b"})
files.clear()
print(store.all_entries())
"""


def test_a_kernel_with_too_many_open_files_renames_nothing(progress: Path) -> None:
    store.record("2.x", {"answer": "a"})
    done = subprocess.run([sys.executable, "-c", OUT_OF_FILES], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        f"Your answers cannot be saved in {progress} (Too many open files); they are kept until the kernel stops.",
        "{'2.x': [{'answer': 'a'}], '2.y': [{'answer': 'b'}]}"], done.stderr


@pytest.mark.parametrize("fcntl", ["None", "types.ModuleType('fcntl')"])
def test_where_the_system_has_no_locks_answers_are_kept(progress: Path, fcntl: str) -> None:
    """Windows has no `fcntl`; that of a page has no `flock`, and nothing was kept there."""
    code = f"""
import sys, types
sys.modules["fcntl"] = {fcntl}
from lesson_lib.teach import store
store.record("2.x", {{"answer": "a"}})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert store.entries("2.x") == [{"answer": "a"}]


def test_a_crash_while_writing_leaves_the_old_file(progress: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record("2.x", {"answer": "a"})

    def crash(*_: object) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(store.os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        store.record("2.x", {"answer": "b"})
    monkeypatch.undo()
    monkeypatch.setenv("LESSON_PROGRESS", str(progress))
    assert store.entries("2.x") == [{"answer": "a"}]
    assert {p.name for p in progress.iterdir()} == {store.FILE, ".lock"}


def test_where_nothing_can_be_written_answers_last_as_long_as_the_kernel(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "file" / "folder"))
    store.record("2.x", {"answer": "a"})
    store.record("2.x", {"answer": "b"})
    assert [e["answer"] for e in store.entries("2.x")] == ["a", "b"]
    assert capsys.readouterr().out.count("cannot be saved") == 1


def test_what_could_not_be_saved_is_saved_with_the_next_answer_in_its_order(
        progress: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(store, "_write", refuse)
        store.record("2.x", {"answer": "a"})
        assert store.entries("2.x") == [{"answer": "a"}] and "cannot be saved" in capsys.readouterr().out
    store.record("2.x", {"answer": "a"})  # the same again: it's there, but in memory alone
    assert json.loads((progress / store.FILE).read_text())["answers"] == {"2.x": [{"answer": "a"}]}
    store.record("2.x", {"answer": "b"})
    assert store.entries("2.x") == [{"answer": "a"}, {"answer": "b"}]
    assert json.loads((progress / store.FILE).read_text())["answers"] == {"2.x": [{"answer": "a"}, {"answer": "b"}]}


def refuse(*_: object) -> None:
    """As a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("in_page", "kept", "told"), [(True, "", True), (True, "kept", False), (False, "", False)])
def test_in_a_page_that_keeps_nothing_the_learner_is_told_once(
        progress: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_page: bool, kept: str, told: bool) -> None:
    monkeypatch.setattr(store, "IN_PAGE", in_page)
    monkeypatch.setattr(store, "BROWSER_STORAGE", str(progress) if kept else "/drive")
    store.record("1.one", {"answer": "a"}), store.record("1.two", {"answer": "b"})
    said = "Your browser keeps nothing for this page, as in a private window: your answers last until you leave it.\n"
    assert capsys.readouterr().out == said * told
    assert len(store.all_entries()) == 2


def test_it_lies_beside_the_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESSON_PROGRESS")
    monkeypatch.chdir(tmp_path)
    assert store.folder() == tmp_path / ".progress"
    (tmp_path / "notebooks").mkdir()
    assert store.folder() == tmp_path / "notebooks" / ".progress"
