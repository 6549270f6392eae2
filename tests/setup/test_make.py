"""The Makefile and the script behind `make setup`: what they say, and to whom."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {"setup", "lab", "test", "kafka", "kafka-down", "bench", "clean", "help"}


def make(*arguments: str) -> str:
    """What make prints, also when this test was itself started by make, which hands its own options down."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_help_says_what_each_target_does():
    listed = make("help")
    described = dict(re.findall(r"^  make (\S+) +(\S.*)$", listed, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    assert described.keys() == phony >= TARGETS


def test_make_alone_is_help():
    assert make() == make("help")


@pytest.mark.parametrize(("user", "let_in"), [("0", True), ("1000", False)])
def test_root_is_let_in_as_in_a_container(user, let_in, tmp_path, monkeypatch):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert ("--allow-root" in make("--dry-run", "lab")) is let_in


def test_lab_passes_options_to_jupyterlab_and_opens_lesson_1():
    shown = make("--dry-run", "lab", "LAB_ARGS=--no-browser --port 8890")
    assert re.search(
        r"-m course_tools\.lab --LabApp\.default_url=/lab/tree/notebooks/01-\S+\.ipynb (--allow-root)? --no-browser --port 8890$", shown
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that tools/setup.sh reads, and a path that holds nothing but the shell's own programs."""
    (tmp_path / "tools").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "tools/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "share", tmp_path / "share")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "rm", "mkdir", "chmod", "grep", "sleep"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


def pretend_python(folder: Path, name: str, script: str) -> None:
    """Put a program on the path that answers as the script says."""
    program = folder / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def set_up(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run tools/setup.sh with only `folder`/bin on the path."""
    environment = {"PATH": str(folder / "bin"), "HOME": os.devnull, **environment}
    return subprocess.run([folder / "tools/setup.sh"], env=environment, capture_output=True, text=True, check=False)


def test_no_python_is_one_sentence(folder):
    run = set_up(folder)
    assert run.returncode == 1
    assert re.fullmatch(r"No Python 3\.11 or newer was found: install one [^\n]*\n", run.stderr)


def test_an_older_python_does_not_count(folder):
    pretend_python(folder, "python3", "exit 1")
    assert "No Python 3.11 or newer was found" in set_up(folder).stderr


def test_what_is_too_old_is_named(folder):
    pretend_python(folder, "python3", 'test "$1" = --version && echo Python 3.9.2')
    assert set_up(folder).stderr.startswith("No Python 3.11 or newer was found (python3 is Python 3.9.2): install one ")


def test_a_newer_python_under_another_name_is_found(folder):
    pretend_python(folder, "python3", "exit 1")
    pretend_python(folder, "python3.13", 'case "$*" in *ensurepip*) exit 1;; esac')
    assert set_up(folder).stderr.startswith("python3.13 has no venv module: install it")


def test_the_python_that_was_named_is_the_one_that_is_tried(folder):
    pretend_python(folder, "python3", "exit 0")
    pretend_python(folder, "mine", "exit 1")
    assert "No Python 3.11 or newer was found" in set_up(folder, PYTHON="mine").stderr


# A Python whose venv module copies this very script, and whose pip does what the test says.
VENV = """case "$*" in
    *"venv --clear"*) mkdir -p .venv/bin; cat "$0" > .venv/bin/python; chmod +x .venv/bin/python;;
    *"pip install"*) {pip};;
esac"""


NO_ANSWER = "the package index can't be reached. Once it answers"


@pytest.mark.parametrize(("said", "why"), [
    ("WARNING: Retrying (Retry(total=4)) after connection broken by NewConnectionError", NO_ANSWER),
    ("WARNING: Retrying (Retry(total=4))\\nERROR: No matching distribution found for attrs", NO_ANSWER),
    ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", NO_ANSWER),
    ("WARNING: Retrying (Retry(total=4))\\nCollecting attrs==1\\nERROR: another", "another. Once that is fixed"),
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full (all of it takes"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "a package arrived incomplete or altered. Once the network"),
    ("ERROR: Failed to build 'numpy'", "one of them has no build for this Python. Once you have chosen"),
    ("ERROR: something else\\nERROR: and more", "something else. Once that is fixed"),
    ("", "pip was stopped. Once that is fixed"),
])
def test_packages_that_cannot_be_had_are_one_sentence_and_the_next_run_tries_again(folder, said, why):
    pretend_python(folder, "python3", VENV.format(pip=f'printf "{said}\\n"; exit 1'))
    for _ in range(2):
        run = set_up(folder)
        assert run.returncode == 1
        assert run.stderr.startswith(f"The packages could not be installed: {why}") and run.stderr.count("\n") == 1
        assert run.stderr.endswith("run make again: it goes on from here.\n")


FETCHED = "".join(f"Collecting p{n}==1\\n  Downloading p{n}.whl (1.{n} MB)\\n" for n in range(3))


def test_progress_is_lines_where_there_is_no_terminal(folder):
    """The tenth second is played by a `sleep` that doesn't wait, and pip by one that waits until ten seconds were counted."""
    pip = f'printf "Ignoring appnope\\n{FETCHED}"; until [ -e counted ]; do /bin/sleep 0.1; done'
    pretend_python(folder, "python3", VENV.format(pip=f'case "$*" in *--editable*) exit;; esac; {pip}'))
    (folder / "bin" / "sleep").unlink()
    pretend_python(folder, "sleep", "n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n > n; [ $n -le 20 ] || : > counted; /bin/sleep 0.05")
    pins = sum(line[:1].isalnum() for line in (folder / "requirements.lock").read_text().splitlines())
    said = set_up(folder).stdout.splitlines()
    assert re.fullmatch(rf"Fetching 3 of {pins - 1}: p2==1 \(1\.2 MB\), 10 s", said[1])
    assert said[-1] == "3 packages are in .venv."


def test_on_a_terminal_it_is_one_line_that_is_written_over(folder):
    pip = f'printf "{FETCHED}Installing collected packages\\n"'
    pretend_python(folder, "python3", VENV.format(pip=f'case "$*" in *--editable*) exit;; esac; {pip}'))
    ours, theirs = pty.openpty()
    environment = {"PATH": str(folder / "bin"), "HOME": os.devnull}
    subprocess.run([folder / "tools/setup.sh"], env=environment, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    said = b""
    with suppress(OSError), open(ours, "rb", buffering=0) as terminal:  # the end of a terminal is an error
        while piece := terminal.read(4096):
            said += piece
    _, line, *rest = said.decode().split("\r\n")
    frames = line.split("\r")
    assert re.fullmatch(r"Fetching 1 of \d+: p0==1, 0:00\x1b\[K", frames[1])
    assert re.fullmatch(r"Fetching 1 of \d+: p0==1 \(1\.0 MB\), 0:00\x1b\[K", frames[2])
    assert frames[-1] == "\x1b[K3 packages are in .venv." and rest == [""]


def test_interrupted_it_says_that_the_next_run_goes_on(folder):
    pretend_python(folder, "python3", VENV.format(pip=": > started; exec /bin/sleep 60"))
    run = subprocess.Popen([folder / "tools/setup.sh"], env={"PATH": str(folder / "bin")}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    while not (folder / "started").exists():
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does
    _, said = run.communicate(timeout=30)
    assert run.returncode == 1 and said == "Stopped. Run make again: it goes on from here.\n"
    assert not (folder / ".venv/.ready").exists()


def test_what_an_earlier_run_left_half_installed_is_installed_again(folder):
    pretend_python(folder, "python3", VENV.format(pip=":"))
    for name, installer in (("whole", "pip"), ("half", "")):
        (folder / f".venv/lib/python3.12/site-packages/{name}.dist-info").mkdir(parents=True)
        (folder / f".venv/lib/python3.12/site-packages/{name}.dist-info/INSTALLER").write_text(installer)
    (folder / ".venv/bin").mkdir()
    shutil.copy(folder / "bin/python3", folder / ".venv/bin/python")
    assert set_up(folder).returncode == 0
    assert [path.name for path in folder.glob(".venv/lib/*/*/*")] == ["whole.dist-info"]


def test_a_second_set_up_does_nothing_until_the_lock_changes(folder):
    pretend_python(folder, "python3", VENV.format(pip='echo "$*" >> pip.calls'))
    said = [set_up(folder).stdout for _ in range(2)]
    assert said[0].startswith("Making .venv with")
    assert said[1] == ""
    lock, course = (folder / "pip.calls").read_text().splitlines()
    assert "--require-hashes --requirement requirements.lock" in lock
    assert "--no-deps --no-build-isolation --editable ." in course
    with (folder / "requirements.lock").open("a") as changed:
        changed.write("# another version\n")
    assert set_up(folder).stdout != ""


def test_ignored_are_the_folders_that_make_clean_removes():
    ignored = set((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    removed = re.search(r"rm -rf (\.venv .*)$", MAKEFILE, re.MULTILINE)[1].split()
    assert [name for name in removed if not ignored & {name, f"{name}/"}] == []
