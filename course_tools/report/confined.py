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
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from course_tools.report.wall import INSIDE, library, wall
from lesson_lib.errors import LessonError

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_LONGEST = 16 * 2**20  # bytes that a process may say at once
_PROCESSES = 512  # threads are counted too


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


class ProcessEnded(Exception):
    """The process is gone or says too much; `late`: it was ended because it said nothing in time."""

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class JsonLine:
    """One end of the line between two processes."""

    def __init__(self, end: socket.socket) -> None:
        self._socket, self._file = end, end.makefile("rwb")

    def send(self, told: Any) -> None:
        """Say it. ProcessEnded when nobody listens."""
        try:
            self._file.write(json.dumps(told).encode() + b"\n")
            self._file.flush()
        except OSError:
            raise ProcessEnded from None

    def receive(self) -> Any:
        """What the other side says next, None for what is not JSON. ProcessEnded when nothing comes."""
        try:
            told = self._file.readline(_LONGEST)
        except OSError:
            raise ProcessEnded from None
        if not told.endswith(b"\n"):
            raise ProcessEnded
        with suppress(ValueError, RecursionError):
            return json.loads(told)
        return None

    def ask(self, order: Any) -> Any:
        """Send an order and wait, for as long as it takes, for what comes of it."""
        self.send(order)
        return self.receive()

    def hang_up(self) -> None:
        """Whoever waits at either end finds that nobody is there any more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the line back to the system."""
        with suppress(OSError):  # what was still to be sent
            self._file.close()
        self._socket.close()


class Confined:
    """A process that is a module of this room; `walled` where it runs other people's code."""

    def __init__(self, module: str, bounds: Bounds, seconds: float, walled: bool = True) -> None:
        if os.name != "posix":
            raise LessonError("Windows cannot bound what a copy does; use Linux, macOS or WSL.")
        behind, self._late = wall() if walled else None, False
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

    @contextmanager
    def within(self, seconds: float) -> Iterator[JsonLine]:
        """The line to it; it is ended when it takes longer than that."""
        timer = threading.Timer(max(0.0, seconds), self._end_late)
        timer.start()
        try:
            yield self.line
        except ProcessEnded:
            raise ProcessEnded(self._late) from None
        finally:
            timer.cancel()

    def _end_late(self) -> None:
        self._late = True
        self.kill()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End it, with what it started; nothing of its folder is left."""
        self.kill()
        self.line.close()
        self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it and let those who wait for it find out, also where a child of its holds the line open."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.line.hang_up()


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
