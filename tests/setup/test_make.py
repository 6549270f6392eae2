"""The Makefile and the script behind `make setup`: what they say, and to whom."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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
        r"-m jupyterlab --LabApp\.default_url=/lab/tree/notebooks/01-\S+\.ipynb (--allow-root)? --no-browser --port 8890$", shown
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that tools/setup.sh reads, and a path that holds nothing but the shell's own programs."""
    (tmp_path / "tools").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "tools/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "share", tmp_path / "share")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "rm", "mkdir", "chmod"):
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


def test_packages_that_cannot_be_had_are_one_sentence_and_the_next_run_tries_again(folder):
    pretend_python(folder, "python3", VENV.format(pip="exit 1"))
    for _ in range(2):
        run = set_up(folder)
        assert run.returncode == 1
        assert "The packages could not be installed: is the package index reachable?" in run.stderr


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
