"""`python -m lesson_lib room`: opened, used, abused and closed as in a class. Nothing is lost, nothing is left running."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from course_tools.report.copies import copies_in
from course_tools.room import copy_folder, desk, machine
from course_tools.room.copy_folder import CopyFolder, NotTaken
from course_tools.room.desk import Desk
from lesson_lib.__main__ import main
from lesson_lib.errors import LessonError
from lesson_lib.teach import hand_in as teach_hand_in
from lesson_lib.teach import store
from lesson_lib.teach.hand_in import hand_in
from lesson_lib.wire import probe
from lesson_lib.wire.requests import RawClient, make_topic
from tests.raw import hung_up

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20
LESSON_2 = ROOT / "notebooks" / "02-one-lost-ack.ipynb"
NOTEBOOK = {"cells": [{"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": ["secret"]},
                      {"cell_type": "markdown", "source": "## Words"}]}


@dataclass
class OpenRoom:
    """A room in a process of its own, and what it has said."""

    process: subprocess.Popen[str]
    folder: Path
    said: str
    page: str
    broker: str

    def rest(self) -> str:
        """What it says until its end."""
        return self.process.communicate(timeout=SECONDS)[0]


def command(*options: str) -> subprocess.Popen[str]:
    """`python -m lesson_lib room` with these options, on any free ports of this machine alone."""
    return subprocess.Popen([sys.executable, "-m", "lesson_lib", "room", "--host", "127.0.0.1", "--port", "0", "--page-port", "0",
                             *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., OpenRoom]]:
    """Opens rooms; what is left of them is killed after the test."""
    processes = []

    def open_one(*options: str, folder: Path = tmp_path / "room") -> OpenRoom:
        process = command("--folder", str(folder), *options)
        processes.append(process)
        said = ""
        while " handed in\n" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        page = re.search(r'hand_in\("([\d.:]+)"', said)[1]
        broker = re.search(r"The broker is at ([\d.:]+\d)", said)
        return OpenRoom(process, folder, said, page, broker[1] if broker else "")
    yield open_one
    for process in processes:
        process.kill()
        process.communicate()


def order(learner: Any = "ada", who: str = "1", **more: Any) -> bytes:
    """A hand-in as it goes over the wire."""
    return json.dumps({"learner": learner, "who": who, "notebooks": {LESSON_2.name: NOTEBOOK}} | more).encode()


def post(page: str, body: bytes, kind: str = "application/json", **headers: str) -> tuple[int, str]:
    """Status and sentence."""
    connection = HTTPConnection(page, timeout=SECONDS)
    connection.request("POST", "/copies", body, {"Content-Type": kind, **headers})
    answer = connection.getresponse()
    said = answer.status, answer.read().decode()
    connection.close()
    return said


# open, use, close


def test_a_room_from_its_opening_to_its_report(opened: Callable[..., OpenRoom]) -> None:
    room = opened()
    last = [line for line in room.said.splitlines() if line.strip(" =")][-2]
    assert last.strip() == f"%env KAFKA_BOOTSTRAP_SERVERS={room.broker}", "a hub's browsers are elsewhere"
    assert "no password" in room.said and "ok    files" in room.said
    with RawClient(room.broker, timeout=SECONDS) as client:
        make_topic(client, "toy-0123abcd-77-1")
        make_topic(client, "toy-fedc9876-78-1")
    assert post(room.page, order(answers={"2.lost-ack": [{"answer": "b"}]})) == (200, "Handed in as ada: 02-one-lost-ack and 1 answer.")
    time.sleep(2.5)
    room.process.send_signal(signal.SIGINT)
    rest = room.rest()
    assert room.process.returncode == 0
    assert "2 used the broker, 2 of them now" in rest
    assert "ada handed in 02-one-lost-ack and 1 answer\n" in rest
    assert f"1 learner handed in 1 notebook, in {room.folder}" in rest and f"report --class {room.folder}" in rest
    table = subprocess.run([sys.executable, "-m", "lesson_lib", "report", "--class", str(room.folder), "--no-execute"], cwd=ROOT,
                           capture_output=True, text=True)
    assert re.search(r"\| ada \| 1 \| 0 \| \d+ \|", table.stdout), table


def test_without_a_broker_it_only_collects(opened: Callable[..., OpenRoom]) -> None:
    room = opened("--no-broker")
    assert "KAFKA_BOOTSTRAP_SERVERS" not in room.said and room.said.count(f'hand_in("{room.page}"') == 2
    assert "section hidden" in text_of(room.page)


def text_of(page: str) -> str:
    """The page."""
    connection = HTTPConnection(page, timeout=SECONDS)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]
    return answer.read().decode()


def test_the_page_has_the_lines(opened: Callable[..., OpenRoom]) -> None:
    room = opened()
    text = text_of(room.page)
    for line in (f"KAFKA_BOOTSTRAP_SERVERS={room.broker} make lab", f"%env KAFKA_BOOTSTRAP_SERVERS={room.broker}",
                 f'hand_in("{room.page}", "your name")'):
        assert line in text and line in room.said
    assert "$" not in re.sub(r"\$\$", "", text.partition("<script>")[0])


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT],
                                     [signal.SIGHUP, signal.SIGTERM, signal.SIGINT]], ids=str)
def test_it_ends_and_leaves_nothing(opened: Callable[..., OpenRoom], numbers: list[signal.Signals]) -> None:
    room = opened()
    with RawClient(room.broker, timeout=SECONDS) as client, socket.create_connection(probe.split_address(room.page)) as hanging:
        hanging.sendall(b"POST /copies HTTP/1.1\r\n")
        for number in numbers:
            room.process.send_signal(number)
        assert hung_up(client)
    rest = room.rest()
    assert len(numbers) > 1 or (room.process.returncode == 0 and "Traceback" not in rest)
    for address in (room.broker, room.page):
        assert probe.is_free(probe.split_address(address)[1])


def test_it_ends_in_the_background_of_a_script_too(tmp_path: Path) -> None:
    """There the shell has SIGINT ignored. Under nohup the end of the terminal is no end of the room."""
    options = f"--host 127.0.0.1 --port 0 --page-port 0 --folder {tmp_path / 'room'}"
    script = f"nohup {sys.executable} -m lesson_lib room {options} 2>&1 & echo $!; wait $!; echo ended $?"
    with subprocess.Popen(["sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as shell:
        number = int(shell.stdout.readline())
        while " handed in\n" not in shell.stdout.readline():
            assert shell.poll() is None
        os.kill(number, signal.SIGHUP)
        os.kill(number, signal.SIGINT)
        assert "The room is closing." in (said := shell.communicate(timeout=SECONDS)[0]) and said.endswith("ended 0\n")


def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    """The terminal is closed: nothing can be printed any more, and that's no trouble."""
    ours, theirs = pty.openpty()
    with open(theirs, "wb", closefd=True) as terminal:
        process = subprocess.Popen([sys.executable, "-m", "lesson_lib", "room", "--host", "127.0.0.1", "--port", "0", "--page-port", "0",
                                    "--folder", str(tmp_path / "room")], cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal,
                                   start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    try:
        said = b""
        while b"0 handed in" not in said:
            said += os.read(ours, 4096)
        page = re.search(rb'hand_in\("([\d.:]+)"', said)[1].decode()
        assert b"\033[1m%env" in said and post(page, order())[0] == 200
        os.close(ours)
        assert process.wait(SECONDS) in (0, 120)  # the latter where Python can't flush at its end
        assert not probe.is_usable(*probe.split_address(page)) and (tmp_path / "room" / "ada" / LESSON_2.name).exists()
    finally:
        process.kill()
        process.wait()


@pytest.mark.java
def test_apache_kafka_is_there_for_other_machines_and_gone_afterwards(tmp_path: Path) -> None:
    host = next(iter(machine.addresses().values()), "127.0.0.1")
    port = probe.two_free_ports()
    process = command("--kafka", "--host", host, "--port", str(port), "--folder", str(tmp_path / "room"))
    try:
        said = ""
        while " handed in\n" not in said:
            said += (line := process.stdout.readline())
            assert line, said
        with RawClient(f"{host}:{port}", timeout=SECONDS) as client:
            make_topic(client, "t")
            process.send_signal(signal.SIGTERM)
            assert hung_up(client)
        assert process.wait(60) == 0
        assert probe.is_free(port, host) and probe.is_free(port + 1)
    finally:
        process.kill()
        process.communicate()


# what can't be


def said_by(capfd: pytest.CaptureFixture[str], *options: str) -> str:
    """The last line of a room that can't open."""
    assert main(["room", *options]) == 1
    out, err = capfd.readouterr()
    return (err or out).splitlines()[-1]


def test_a_busy_port_is_one_sentence(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        here = "--host", "127.0.0.1", "--folder", str(tmp_path / "room")
        assert "page for learners can't listen" in said_by(capfd, *here, "--port", "0", "--page-port", port)
        assert f"listen on 127.0.0.1:{port}" in said_by(capfd, *here, "--port", port, "--page-port", "0")
        assert "can't listen" in said_by(capfd, *here, "--port", "0", "--page-port", "99999")


def test_a_second_room_takes_another_folder(capfd: pytest.CaptureFixture[str], opened: Callable[..., OpenRoom]) -> None:
    room = opened()
    options = "--host", "127.0.0.1", "--port", "0", "--page-port", "0", "--folder", str(room.folder)
    assert said_by(capfd, *options).startswith(f"Another room collects copies into {room.folder}")
    opened(folder=room.folder.with_name("other"))


def test_a_folder_that_cannot_be_is_one_sentence(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be the folder for copies" in said_by(capfd, "--host", "127.0.0.1", "--folder", str(tmp_path / "file"))


@pytest.mark.parametrize(("options", "words"), [
    (["--host", "198.51.100.7"], "isn't an address of this machine"), (["--host", "no such name"], "is no name or IPv4 address"),
    (["--host", "\ud800"], "is no name"), (["--host", "a" * 300], "is no name")])
def test_a_wrong_host_is_one_sentence(capfd: pytest.CaptureFixture[str], options: list[str], words: str, tmp_path: Path) -> None:
    assert words in said_by(capfd, *options, "--folder", str(tmp_path / "room"))


def test_which_address_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"eth0": "192.0.2.2", "tun0": "198.51.100.9"}
    monkeypatch.setattr(machine, "addresses", lambda: found)
    monkeypatch.setattr(machine, "outward", lambda: "198.51.100.9")
    host, said = machine.reachable_at(None)
    assert host == "198.51.100.9" and "(tun0)" in said and said.endswith("Also here, to choose with --host: 192.0.2.2 (eth0).")
    assert machine.reachable_at("192.0.2.2") == ("192.0.2.2", "Learners reach this machine at 192.0.2.2 (eth0).")
    monkeypatch.setattr(machine, "outward", lambda: None)
    assert machine.reachable_at(None)[0] == "192.0.2.2"
    monkeypatch.setattr(machine.platform, "release", lambda: "5.15-microsoft-standard-WSL2")
    assert "This is WSL" in machine.reachable_at(None)[1]
    found.clear()
    with pytest.raises(LessonError, match="in no network"):
        machine.reachable_at(None)
    assert machine.reachable_at("127.0.0.1")[1] == "Only programs on this machine reach 127.0.0.1."


def test_a_machine_that_is_too_small_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (256, 512))
    monkeypatch.setattr(machine.resource, "setrlimit", lambda *_: None)
    assert machine.open_files().text.startswith("this program may open 512 files, enough for about 42 learners")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert "STOP  the disk has 1 MB left" in said_by(capfd, "--folder", str(tmp_path / "not" / "there"))
    assert not (tmp_path / "not").exists()


# what is handed in


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[CopyFolder]:
    """An empty folder for copies."""
    folder = CopyFolder(tmp_path / "copies")
    yield folder
    folder.close()


def tree(folder: CopyFolder) -> set[str]:
    """Every file but the lock."""
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()} - {".lock"}


def test_only_the_text_of_cells_is_kept(copies: CopyFolder) -> None:
    copies.take(order())
    text = (copies.path / "ada" / LESSON_2.name).read_text(encoding="utf-8")
    kept = json.loads(text)
    assert [(cell["cell_type"], cell["source"]) for cell in kept["cells"]] == [("code", "x = 1\ny = 2"), ("markdown", "## Words")]
    assert "secret" not in text
    assert [(copy.learner, copy.alone) for copy in copies_in(copies.path)] == [("ada", True)]


def test_a_copy_runs_where_its_room_is_gone(copies: CopyFolder) -> None:
    lines = ["%env KAFKA_BOOTSTRAP_SERVERS=192.0.2.2:9092", "if lab:", '    from lesson_lib import hand_in; hand_in("192.0.2.2:8080", "a")',
             "x = hand_in", 'hand_in(\n    "192.0.2.2:8080", "ada")']
    copies.take(order(notebooks={"x.ipynb": {"cells": [{"cell_type": "code", "source": "\n".join(lines)}]}}))
    kept = json.loads((copies.path / "ada" / "x.ipynb").read_text())["cells"][0]["source"]
    gone = "pass  # a line of the room"
    assert kept.splitlines() == [gone, "if lab:", f"    {gone}", "x = hand_in", gone]
    compile(kept, "x", "exec")


@pytest.mark.parametrize("text", ["\n" * 10**6, " " * 10**6, "hand_in(\n" * 10**5, "hand_in(" * 10**5, "%env" + " " * 10**6])
def test_no_text_keeps_the_room_busy(copies: CopyFolder, text: str) -> None:
    begun = time.monotonic()
    copies.take(order(notebooks={"x.ipynb": {"cells": [{"cell_type": "code", "source": text}]}}))
    assert time.monotonic() - begun < 5


def test_a_learner_of_half_a_character_is_one_too(copies: CopyFolder) -> None:
    assert copies.take(order(who="\ud800")).learner == copies.take(order(who="\ud800")).learner == "ada"


@pytest.mark.parametrize(("body", "words"), [
    (order(notebooks={f"{n}.ipynb": {"cells": [{"cell_type": "raw"}] * 1001} for n in (1, 2)}), "more than 2,000 cells"),
    (b"", "Only notebooks"), (b"PK\x03\x04", "Only notebooks"), (b"[" * 100_000, "Only notebooks"), (b"5", "Only notebooks"),
    (order(notebooks=[]), "Only notebooks"), (order(notebooks={}), "1 to 20"),
    (order(notebooks={f"{n:02}-x.ipynb": NOTEBOOK for n in range(21)}), "1 to 20"),
    (order(notebooks={"x.py": NOTEBOOK}), "only notebooks"), (order(notebooks={"x.ipynb": "import os"}), "isn't a notebook"),
    (order(notebooks={"x.ipynb": {"cells": [5]}}), "isn't a notebook"),
    (order(notebooks={"x.ipynb": {"cells": [{"cell_type": "exec"}]}}), "isn't a notebook"),
    (order(notebooks={"x.ipynb": {"cells": [{"cell_type": ["code"]}]}}), "isn't a notebook"),
    (order(notebooks={"a/x.ipynb": NOTEBOOK, "a_x.ipynb": NOTEBOOK}), "the same name"),
    (order(notebooks={"...ipynb": NOTEBOOK}), "no name"),
    (order(answers=[1]), "answers"), (order(learner=""), "who you are"), (order(learner="../.."), "who you are"),
    (order(learner=None), "who you are"), (order(learner={"a": 1}, notebooks={}), "1 to 20"),
])
def test_anything_else_is_refused_and_leaves_nothing(copies: CopyFolder, body: bytes, words: str) -> None:
    with pytest.raises(NotTaken, match=words):
        copies.take(body)
    assert tree(copies) == set() and copies.learners() == []


@pytest.mark.parametrize(("name", "folder"), [
    ("../../etc", "_.._etc"), ("/etc/passwd", "_etc_passwd"), (".hidden", "hidden"), ("-rf", "rf"), ("Zoë Ünal", "Zoë Ünal"),
    ("a\0b\n", "a_b_"), ("x" * 500, "x" * 60), ("李" * 70, "李" * 60), ("\ud800y", "_y"), ("<b>", "_b_"), ("con.ipynb", "con.ipynb")])
def test_no_name_leads_out_of_the_folder(copies: CopyFolder, name: str, folder: str) -> None:
    taken = copies.take(order(learner=name, notebooks={f"02-{name}.ipynb": NOTEBOOK}))
    assert taken.learner == folder.strip("._ -") and copies.learners() == [taken.learner]
    assert all((copies.path / path).resolve().is_relative_to(copies.path.resolve()) for path in tree(copies))


def test_a_later_copy_keeps_the_earlier_and_another_learner_of_that_name_has_a_folder(copies: CopyFolder) -> None:
    copies.take(order())
    copies.take(order())
    assert tree(copies) == {"ada/.who", f"ada/{LESSON_2.name}"}
    for text in ("one", "two"):
        changed = {"cells": [{"cell_type": "code", "source": text}]}
        copies.take(order(notebooks={LESSON_2.name: changed}, answers={"2.x": [{"answer": text}]}))
    assert tree(copies) == {"ada/.who", f"ada/{LESSON_2.name}", f"ada/.earlier/1-{LESSON_2.name}", f"ada/.earlier/2-{LESSON_2.name}",
                            "ada/.progress/answers.json", "ada/.earlier/1-answers.json"}
    assert copies.take(order("Ada", "2")).learner == "Ada-2" and copies.take(order("ADA", "3")).learner == "ADA-3"
    assert copies.take(order("ADA", "2")).learner == "Ada-2"
    assert [copy.learner for copy in copies_in(copies.path)] == ["ADA-3", "Ada-2", "ada"]


def test_a_room_opened_again_goes_on(tmp_path: Path) -> None:
    for name in ("ada", "bob", "ada"):
        folder = CopyFolder(tmp_path / "copies")
        folder.take(order(name))
        folder.close()
    assert tree(folder) == {"ada/.who", f"ada/{LESSON_2.name}", "bob/.who", f"bob/{LESSON_2.name}"}


def test_half_a_copy_of_a_killed_room_counts_nowhere(copies: CopyFolder) -> None:
    copies.take(order())
    (copies.path / "ada" / ".new").mkdir()
    (copies.path / "ada" / ".new" / LESSON_2.name).write_text('{"cells": [')
    assert copies.notebooks() == len(copies_in(copies.path)) == 1


def test_a_full_disk_loses_nothing(copies: CopyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    copies.take(order())
    before = tree(copies)
    real, calls = Path.write_bytes, iter(range(100))

    def half(path: Path, content: bytes) -> int:
        if next(calls) % 2:
            real(path, content[:5])
            raise OSError(28, "No space left on device")
        return real(path, content)
    monkeypatch.setattr(Path, "write_bytes", half)
    for learner, who in (("ada", "1"), ("bob", "2")):
        changed = {name: {"cells": [{"cell_type": "code", "source": name}]} for name in (LESSON_2.name, "03-x.ipynb")}
        with pytest.raises(NotTaken, match="can't write it .No space left on device.*still there") as refused:
            copies.take(order(learner, who, notebooks=changed))
        assert refused.value.status == 507
    assert tree(copies) == before and copies.learners() == ["ada"]


def test_the_folder_has_bounds(copies: CopyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_folder, "MOST_LEARNERS", 3)
    for name in "abc":
        copies.take(order(name))
    with pytest.raises(NotTaken, match="3 learners already"):
        copies.take(order("d"))
    copies.take(order("a"))
    monkeypatch.setattr(copy_folder, "MOST_BYTES", 1000)
    with pytest.raises(NotTaken, match="folder is full"):
        copies.take(order("a", notebooks={"03-x.ipynb": {"cells": [{"cell_type": "code", "source": "x" * 900}]}}))


# the desk


@pytest.fixture
def at_desk(copies: CopyFolder) -> Iterator[Desk]:
    """An open desk; what it says is in `heard`."""
    heard: list[str] = []
    one = Desk("127.0.0.1", 0, copies, heard.append)
    one.heard, one.at = heard, f"127.0.0.1:{one.server_address[1]}"
    one.open({"broker": "b:1", "page": one.at, "without_broker": ""})
    yield one
    one.shutdown()
    one.server_close()
    assert all("failed" not in said for said in heard)


@pytest.mark.parametrize(("body", "kind", "headers", "status"), [
    (b"x", "application/json", {"Content-Length": str(2**30)}, 413), (b"x", "application/json", {"Content-Length": "9" * 5000}, 413),
    (b"x", "application/json", {"Content-Length": "-1"}, 411), (b"x", "application/json", {"Content-Length": "²"}, 411),
    (order(), "text/plain", {}, 415), (order(), "multipart/form-data; boundary=x", {}, 415), (b"{}", "application/json", {}, 400)])
def test_the_desk_refuses_in_a_sentence(at_desk: Desk, body: bytes, kind: str, headers: dict[str, str], status: int) -> None:
    found, said = post(at_desk.at, body, kind, **{name: value.encode("latin-1").decode("latin-1") for name, value in headers.items()})
    assert found == status and said.endswith(".") and tree(at_desk.copies) == set()


def test_only_one_page_is_there(at_desk: Desk) -> None:
    for path in ("/ada/02-one-lost-ack.ipynb", "/../../etc/passwd", "/copies"):
        connection = HTTPConnection(at_desk.at, timeout=SECONDS)
        connection.request("GET", path)
        assert connection.getresponse().status == 404
        connection.close()


@pytest.mark.parametrize("sent", [b"", b"GET", b"POST /copies HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
                                  b"\x00\x00\x00\x10\x00\x12\x00\x03\x00\x00\x00\x01\x00\x00", b"\xff" * 70_000])
def test_who_hangs_is_cut_off_and_keeps_nobody_waiting(at_desk: Desk, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(desk, "SECONDS", 1.0)
    with socket.create_connection(probe.split_address(at_desk.at), timeout=SECONDS) as hanging:
        hanging.sendall(sent)
        assert post(at_desk.at, order())[0] == 200
        try:
            while hanging.recv(4096):
                pass
        except ConnectionError:
            pass
    assert tree(at_desk.copies) == {"ada/.who", f"ada/{LESSON_2.name}"}


def test_of_too_many_at_once_some_are_turned_away_and_then_there_is_room_again(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "SECONDS", 2.0)
    crowd = [socket.create_connection(probe.split_address(at_desk.at), timeout=SECONDS) for _ in range(desk.AT_ONCE + 5)]
    turned_away = sum(one.recv(1) == b"" for one in crowd[desk.AT_ONCE:])
    assert turned_away == 5
    for one in crowd:
        one.close()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            assert post(at_desk.at, order())[0] == 200
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise AssertionError("no room again")


def test_what_breaks_in_it_is_told_and_the_desk_stays(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_desk.copies, "take", lambda body: 1 / 0)
    with pytest.raises(OSError):
        post(at_desk.at, order())
    assert "ZeroDivisionError" in at_desk.heard.pop()
    assert "hand_in" in text_of(at_desk.at)


@pytest.mark.browser
def test_a_file_is_dropped_on_the_page(at_desk: Desk, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.ipynb").write_text("[]")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://{at_desk.at}/")
    page.locator(".line button").first.click()
    assert page.locator(".line button").first.text_content() == "Copied"

    def handed_in(*files: Path) -> str:
        page.set_input_files("#files", list(files))
        page.click("#send")
        page.wait_for_selector("#send:not([disabled])")
        return page.text_content("#said")
    page.fill("#name", "Zoë")
    assert handed_in(tmp_path / "wrong.ipynb") == "wrong.ipynb isn't a notebook."
    assert handed_in(LESSON_2, LESSON_2.with_name("03-idempotency.ipynb")) == "Handed in as Zoë: 02-one-lost-ack, 03-idempotency."
    assert handed_in(LESSON_2) == "Handed in as Zoë: 02-one-lost-ack." and at_desk.copies.learners() == ["Zoë"]
    at_desk.shutdown()
    at_desk.server_close()
    assert handed_in(LESSON_2) == "The room doesn't answer. Is it still open?" and complaints == []
    page.close()


# the learner's line


@pytest.fixture
def worked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with lessons 1 to 4: the first was run, a question of the second answered, the fourth is half a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LESSON_PROGRESS", raising=False)
    run = [{"cell_type": "code", "source": "x", "execution_count": 3}]
    for number, cells in ((1, run), (2, NOTEBOOK["cells"]), (3, NOTEBOOK["cells"])):
        (tmp_path / f"0{number}-x.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "04-x.ipynb").write_text('{"cells"')
    store.record("2.lost-ack", {"answer": "b", "confidence": 2})
    return tmp_path


def test_the_line_hands_in_what_was_worked_in_and_no_output(at_desk: Desk, worked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(f"http://{at_desk.at}/", "ada")
    said = capsys.readouterr().out
    assert said.startswith("Handed in as ada: 01-x, 02-x and 1 answer.\nLast saved at ")
    assert tree(at_desk.copies) == {"ada/.who", "ada/01-x.ipynb", "ada/02-x.ipynb", "ada/.progress/answers.json"}
    assert json.loads((at_desk.copies.path / "ada" / ".progress" / "answers.json").read_text()) == json.loads(
        (worked / ".progress" / "answers.json").read_text())


@pytest.mark.parametrize(("room", "name", "words"), [
    ("127.0.0.1:1", "ada", "doesn't answer"), ("room", "ada", "is not host:port"), (5, "ada", "is not host:port"),
    ("", "ada", "is not host:port"), ("1.2.3.4:99999", "ada", "is not host:port"),
    ("\ud800:80", "ada", "doesn't answer"), ("HERE", "", "who you are"), ("HERE", "...", "who you are"), ("HERE", ..., "who you are")])
def test_the_line_says_in_a_sentence_what_is_wrong(at_desk: Desk, worked: Path, room: Any, name: Any, words: str) -> None:
    with pytest.raises(LessonError, match=words):
        hand_in(at_desk.at if room == "HERE" else room, name)
    assert tree(at_desk.copies) == set()


def test_the_line_and_the_page_send_nothing_that_is_too_large(at_desk: Desk, worked: Path) -> None:
    (worked / "01-x.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": "x" * 9_000_000, "execution_count": 1}]}))
    with pytest.raises(LessonError, match="9 MB of text, and a room takes 8"):
        hand_in(at_desk.at, "ada")
    assert f"body.size > {8 * 2**20})" in text_of(at_desk.at)


def test_the_line_says_so_where_there_is_nothing_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "03-x.ipynb").write_text(json.dumps(NOTEBOOK))
    with pytest.raises(LessonError, match="nothing to hand in yet"):
        hand_in("127.0.0.1:1", "ada")


def test_the_line_in_a_web_page_names_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teach_hand_in.sys, "platform", "emscripten")
    with pytest.raises(LessonError, match="open http://192.0.2.2:8080 and drop it there"):
        hand_in("192.0.2.2:8080", "ada")
