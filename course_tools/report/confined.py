"""A process with bounds on what it may use, behind a wall where it runs other people's code.

The wall is bubblewrap (`bwrap`), which gives a process namespaces of its own. Behind it a copy sees Python,
this course and nothing else of the machine: no file of its user, no other copy, no other process, no network
but its own loopback. It can write to one folder, which is in memory and of bounded size. Linux kills what is
left in there when the process ends. Where bubblewrap is missing or may not make namespaces there is no wall,
and `no_wall` says so: bounds on time and memory still hold, but a copy can do whatever the user can who runs
the report.

Limits are the system's (`setrlimit`), so they hold for whatever the process starts as well. The bound on the
size of its folder, and on the number of its processes, comes with the wall.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import lesson_lib
from course_tools.report.line import JsonLine
from lesson_lib.errors import LessonError

LIBRARY = Path(lesson_lib.__file__).parents[1]  # holds this course's two packages
INSIDE = "/tmp"  # the one folder that a copy can write to, its home
_SHARED = 16 * 2**20  # bytes for shared memory, such as Python's semaphores
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache",
           "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/etc/passwd")
_OWN = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_SHUT = ("--proc", "/proc", "--dev", "/dev", "--size", str(_SHARED), "--tmpfs", "/dev/shm",
         "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE)
_NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
_NONE = "There is no wall around other people's code here, because bubblewrap"
_ADVICE = ("Install bubblewrap 0.7 or newer, or run the report in the container of "
           "notebooks/for-instructors.md; without either, a copy can do on this machine whatever you can.")
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_PROCESSES = 512  # threads are counted too


def _bound(default: float, words: str) -> Any:
    return field(default=default, metadata={"words": words})


@dataclass(frozen=True)
class Bounds:
    """What one copy may use."""

    cell: float = _bound(60.0, "seconds for one cell")
    run: float = _bound(300.0, "seconds for one copy")
    item: float = _bound(60.0, "seconds for the check of one item")
    memory: int = _bound(2048, "MB for one process")
    printed: float = _bound(10.0, "MB of output of one copy")
    disk: int = _bound(256, "MB of files of one copy")


def _behind_wall(command: list[str], megabytes: int) -> list[str]:
    """The command behind the wall, with a folder for so many megabytes."""
    packages = (str(LIBRARY / name) for name in ("lesson_lib", "course_tools"))
    seen = dict.fromkeys((*_SYSTEM, sys.base_prefix, sys.prefix, *site.getsitepackages(), *packages))
    shown = (word for path in seen for word in ("--ro-bind-try", path, path))
    room = ("--size", str(megabytes * 2**20), "--tmpfs", INSIDE)
    return [shutil.which("bwrap") or "bwrap", *_OWN, *room, *shown, *_SHUT, *command]


@cache
def find_wall() -> tuple[dict[str, Any] | None, str]:
    """What `Popen` needs to be who may put a process behind the wall, None and in a sentence why where there
    is no wall. Root becomes nobody, except where nobody can't read this Python.
    """
    if not shutil.which("bwrap"):
        return None, f"{_NONE} is missing. {_ADVICE}"
    said = ""
    for account in (_NOBODY, {}) if os.geteuid() == 0 else ({},):
        if not (said := _problem(account)):
            return account, ""
    return None, f"{_NONE} fails ({said}). {_ADVICE}"


def _problem(account: dict[str, Any]) -> str:
    """Why Python cannot run behind it, in the words of bubblewrap; "" when it can."""
    tried = _behind_wall([sys.executable, "-P", "-c", "import ipykernel, lesson_lib, course_tools"], 16)
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(LIBRARY)}
    try:
        done = subprocess.run(tried, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False, **account)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it says nothing"])[-1]


def no_wall() -> str:
    """A sentence on why there is no wall and what to do about it, "" where there is one."""
    return find_wall()[1]


class Confined(JsonLine):
    """A process that serves a module of this room, and the line to it; `walled` where it runs other people's
    code. It may work for so many `seconds`.
    """

    def __init__(self, module: str, bounds: Bounds, seconds: float, walled: bool = True) -> None:
        if os.name != "posix":
            raise LessonError("Windows cannot bound what a copy does; use Linux, macOS or WSL.")
        account = find_wall()[0] if walled else None
        self._folder = tempfile.mkdtemp(prefix="lesson-report-") if walled and account is None else None
        limits = {"RLIMIT_AS": bounds.memory * 2**20, "RLIMIT_CPU": int(seconds) + 1, "RLIMIT_CORE": 0,
                  "RLIMIT_FSIZE": bounds.disk * 2**20}
        if account is not None:  # without a wall its user has other processes, too
            limits["RLIMIT_NPROC"] = _PROCESSES
        ours, theirs = socket.socketpair()
        serves = f"from course_tools.report import line, {module}; {module}.serve(line.begin())"
        command = [sys.executable, "-P", "-c", serves, json.dumps(limits), str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                command if account is None else _behind_wall(command, bounds.disk), cwd=self._folder or "/",
                env=_environment(self._folder or INSIDE), pass_fds=(theirs.fileno(),), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                **(account or {}))
        finally:
            theirs.close()
        super().__init__(ours)

    @property
    def runs(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, with what it started; nothing of its folder is left."""
        self.kill()
        super().close()
        self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it and let those who wait for it find out, also where a child of its holds the line open."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.hang_up()


def _environment(home: str) -> dict[str, str]:
    """What a process may know: no tokens, no settings of ours. Live cells run on the broker that is
    everywhere, and in virtual time: what a copy waits for costs the class no seconds."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "HOME": home, "TMPDIR": home, "PYTHONPATH": str(LIBRARY),
            "LESSON_PROGRESS": f"{home}/.progress", "KAFKA_BOOTSTRAP_SERVERS": "embedded",
            "LESSON_WORLD": "virtual", "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
