"""The wall around other people's code: bubblewrap (`bwrap`), which gives a process namespaces of its own.

Behind it a copy sees Python, this course and nothing else of the machine: no file of its user, no other copy,
no other process, no network but its own loopback. It can write to one folder, which is in memory and of
bounded size. Linux kills what is left in there when the process ends. Where bubblewrap is missing or may not
make namespaces there is no wall, and `missing` says so: bounds on time and memory still hold, but a copy can
do whatever the user can who runs the report.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import course_tools
import lesson_lib

INSIDE = "/tmp"  # the one folder that a copy can write to, its home
_SHARED = 16 * 2**20  # bytes for shared memory, such as Python's semaphores
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache",
           "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/etc/passwd")
_OWN = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
_TRIED = "import ipykernel, lesson_lib, course_tools"
_NONE = "There is no wall around other people's code here, because bubblewrap"
_ADVICE = ("Install bubblewrap 0.7 or newer, or run the report in the container of "
           "notebooks/for-instructors.md; without either, a copy can do on this machine whatever you can.")


@dataclass(frozen=True)
class Wall:
    """How to put a command behind it. `account`: what `Popen` needs to be nobody and not root."""

    bwrap: str
    account: dict[str, Any] = field(default_factory=dict)

    def around(self, command: list[str], megabytes: int) -> list[str]:
        """The command behind the wall, with a folder for so many megabytes."""
        room = ["--size", str(megabytes * 2**20), "--tmpfs", INSIDE]
        seen = [word for path in _seen() for word in ("--ro-bind-try", path, path)]
        devices = ["--proc", "/proc", "--dev", "/dev", "--size", str(_SHARED), "--tmpfs", "/dev/shm"]
        shut = ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE]
        return [self.bwrap, *_OWN, *room, *seen, *devices, *shut, *command]

    def problem(self) -> str:
        """Why Python cannot run behind it, in the words of bubblewrap; "" when it can."""
        tried = self.around([sys.executable, "-P", "-c", _TRIED], 16)
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": library()}
        try:
            done = subprocess.run(tried, env=environment, cwd="/", stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60, check=False, **self.account)
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it says nothing"])[-1]


def _seen() -> Iterator[str]:
    """What a copy may read."""
    packages = (Path(package.__file__ or "").parent for package in (lesson_lib, course_tools))
    yield from dict.fromkeys((*_SYSTEM, sys.base_prefix, sys.prefix, *site.getsitepackages(),
                              *map(str, packages)))


def library() -> str:
    """The folder that holds this course's two packages, for PYTHONPATH."""
    return str(Path(lesson_lib.__file__).parents[1])


@cache
def _found() -> tuple[Wall | None, str]:
    """The wall, or in a sentence why there is none. Root becomes nobody where nobody can read this Python."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return None, f"{_NONE} is missing. {_ADVICE}"
    said = ""
    for account in ([_NOBODY] if os.geteuid() == 0 else []) + [{}]:
        wall = Wall(bwrap, account)
        if not (said := wall.problem()):
            return wall, ""
    return None, f"{_NONE} fails ({said}). {_ADVICE}"


def wall() -> Wall | None:
    """The wall of this machine, tried once for each process; None where there is none."""
    return _found()[0]


def missing() -> str:
    """A sentence on why there is no wall and what to do about it, "" where there is one."""
    return _found()[1]
