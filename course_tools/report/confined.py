"""A process with bounds on what it may use, and the line to it: an order goes there, an answer comes back,
both as JSON.

Limits are the system's (`setrlimit`), so they hold for whatever the process starts as well. The bound on the
size of its folder, and on the number of its processes, comes with the wall (`wall`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from course_tools.report.wall import INSIDE, library, wall
from lesson_lib.errors import LessonError

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_LONGEST = 16 * 2**20  # bytes that a process may say
_PROCESSES = 512  # threads are counted too
_GLANCE = 0.5  # seconds between two looks at whether a silent process still runs


@dataclass(frozen=True)
class Bounds:
    """What one copy may use: seconds for a cell, for all cells, and for the check of one item; megabytes of
    memory (each process), of output and of files."""

    cell: float = 60
    run: float = 300
    item: float = 60
    memory: int = 2048
    printed: float = 10
    disk: int = 256


class Ended(Exception):
    """The process is gone, says too much, or is `late`: it said nothing in time."""

    late = False


class JsonLine:
    """One end of the line between two processes."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._text, self._left = end, bytearray(), _LONGEST

    def send(self, told: Any, seconds: float | None = None) -> None:
        """Say it. Ended when nobody listens."""
        self._end.settimeout(seconds)
        try:
            self._end.sendall(json.dumps(told).encode() + b"\n")
        except OSError as error:
            raise _ended(error) from None

    def receive(self, seconds: float | None = None, runs: Any = lambda: True) -> Any:
        """What the other side says next, None for what is not JSON. Ended when it says nothing any more."""
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._text:
            self._add(None if end is None else end - time.monotonic(), runs)
        line, _, self._text = self._text.partition(b"\n")
        with suppress(ValueError, RecursionError):
            return json.loads(line)
        return None

    def _add(self, seconds: float | None, runs: Any) -> None:
        ran = runs()
        self._end.settimeout(seconds if seconds is None else max(0.001, min(seconds, _GLANCE)))
        try:
            part = self._end.recv(2**16)
        except TimeoutError as error:
            if ran and (seconds or 0) > 0:
                return
            raise _ended(error, late=ran) from None
        except OSError as error:
            raise _ended(error) from None
        self._left -= len(part)
        self._text += part
        if not part or self._left < 0:
            raise Ended

    def new_measure(self) -> None:
        """From now on the other side may say as much again."""
        self._left = _LONGEST

    def close(self) -> None:
        """Hang up."""
        self._end.close()


def _ended(error: OSError, late: bool = True) -> Ended:
    ended = Ended()
    ended.late = late and isinstance(error, TimeoutError)
    return ended


class Confined:
    """A process that is a module of this room; `walled` where it runs other people's code."""

    def __init__(self, module: str, bounds: Bounds, seconds: float, walled: bool = True) -> None:
        if os.name != "posix":
            raise LessonError("Windows cannot bound what a copy does; use Linux, macOS or WSL.")
        behind = wall() if walled else None
        self._folder = tempfile.mkdtemp(prefix="lesson-report-") if walled and not behind else None
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", f"course_tools.report.{module}",
                   json.dumps(_limits(bounds, seconds, bool(behind))), str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                behind.around(command, bounds.disk) if behind else command, cwd=self._folder or "/",
                env=_environment(self._folder or INSIDE), pass_fds=(theirs.fileno(),), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                **(behind.account if behind else {}))
        finally:
            theirs.close()
        self.line = JsonLine(ours)

    def __enter__(self) -> Confined:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, order: Any, seconds: float | None = None) -> Any:
        """Send an order and wait for what comes of it."""
        self.line.new_measure()
        self.line.send(order, seconds)
        return self.receive(seconds)

    def receive(self, seconds: float | None = None) -> Any:
        """What the process says next."""
        return self.line.receive(seconds, lambda: self.runs)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, with what it started; nothing of its folder is left."""
        self.kill()
        self.line.close()
        self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it and let those who wait for it find out."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _limits(bounds: Bounds, seconds: float, walled: bool) -> dict[str, int]:
    """Limits for so many seconds of work; without a wall its user has other processes, too."""
    found = {"RLIMIT_AS": bounds.memory * 2**20, "RLIMIT_CPU": int(seconds) + 1, "RLIMIT_CORE": 0,
             "RLIMIT_FSIZE": bounds.disk * 2**20}
    return found | ({"RLIMIT_NPROC": _PROCESSES} if walled else {})


def _environment(home: str) -> dict[str, str]:
    """What a process may know: no tokens, no settings of ours. Live cells run on the broker that is
    everywhere, and in virtual time: what a copy waits for costs the class no seconds."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "HOME": home, "TMPDIR": home, "PYTHONPATH": library(),
            "LESSON_PROGRESS": f"{home}/.progress",
            "KAFKA_BOOTSTRAP_SERVERS": "embedded", "LESSON_WORLD": "virtual", "MPLBACKEND": "agg",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def begin(argv: list[str]) -> JsonLine:
    """The first thing that such a process does: limit itself, then take its end of the line."""
    import resource
    for name, value in json.loads(argv[0]).items():
        with suppress(AttributeError, ValueError, OSError):  # macOS does not know all
            resource.setrlimit(getattr(resource, name), (value, value))
    return JsonLine(socket.socket(fileno=int(argv[1])))
