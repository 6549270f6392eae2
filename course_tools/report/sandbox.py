"""Processes for other people's code: a clean lesson_lib, a home of their own, and bounds on what they may use.

Limits are the system's (`setrlimit`), so they hold for what a process starts as well. They are no wall: see the room's docstring.
"""

from __future__ import annotations

import compileall
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import lesson_lib
from lesson_lib.errors import LessonError

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "KAFKA_BOOTSTRAP_SERVERS", "SYSTEMROOT")
_LONGEST = 16 * 2**20  # bytes of a result


@dataclass(frozen=True)
class Bounds:
    """What one copy may use: seconds for a cell, for all cells, and for the check of one item; megabytes of memory (each process)
    and of output."""

    cell: float = 60
    run: float = 300
    item: float = 60
    memory: int = 2048
    printed: float = 10


class Pristine:
    """lesson_lib as it is on the disk now; later changes of those files do not reach what is unpacked from here."""

    def __init__(self) -> None:
        root = Path(lesson_lib.__file__).parent
        self._files = {path.relative_to(root.parent): path.read_bytes()
                       for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"}
        self._compile()

    def _compile(self) -> None:
        """Compile it once, and not in each of the processes that are to come."""
        with tempfile.TemporaryDirectory(prefix="lesson-report-") as folder:
            root = self.unpack(Path(folder) / "library")
            compileall.compile_dir(root, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
            self._files |= {path.relative_to(root): path.read_bytes() for path in root.rglob("*.pyc")}

    def unpack(self, folder: Path) -> Path:
        """Write it there, in place of what lay there."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in self._files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def changed_in(self, folder: Path) -> list[str]:
        """The source files unpacked there that are not what they were, sorted."""
        return sorted(str(name) for name, content in self._files.items() if name.suffix != ".pyc" and not _holds(folder / name, content))


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file that others could write is still this; a larger one is not read."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def environment(home: Path, library: Path) -> dict[str, str]:
    """What a process may know: no tokens of ours, no settings of ours, its home and its answers in a folder of its own."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(library), "LESSON_PROGRESS": str(home / ".progress"),
            "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1"}


def command(library: Path, role: str, limits: dict[str, int]) -> list[str]:
    """The command line of a process of that role (a module of this room), which begins by limiting itself."""
    return [sys.executable, "-I", str(library / "lesson_lib" / "report" / "child.py"), str(library), role, json.dumps(limits)]


def limits(bounds: Bounds, seconds: float) -> dict[str, int]:
    """Limits of the system for a process that may work for so many seconds."""
    return {"RLIMIT_AS": bounds.memory * 2**20, "RLIMIT_CPU": int(seconds) + 1, "RLIMIT_FSIZE": 64 * 2**20, "RLIMIT_CORE": 0}


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a process: the lines of JSON that it sent, and in a sentence why it did not end well ("" when it did)."""

    lines: list[dict[str, Any]]
    problem: str


def run(library: Path, role: str, order: dict[str, Any], home: Path, bounds: Bounds, seconds: float) -> Ended:
    """Run a process of that role to its end, or to the end of its time; nothing of its group is left behind."""
    if os.name != "posix":
        raise LessonError("Reports bound what copies may do, and Windows cannot; use Linux, macOS or WSL.")
    home.mkdir(parents=True, exist_ok=True)
    order_file = home / f"{role}.json"
    order_file.write_text(json.dumps(order), encoding="utf-8")
    reading, writing = os.pipe()
    process = subprocess.Popen([*command(library, role, limits(bounds, seconds)), str(order_file), str(writing)],
                               cwd=home, env=environment(home, library), pass_fds=(writing,), start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    text, in_time = bytearray(), False
    try:
        in_time = _read(reading, text, time.monotonic() + seconds)
        if in_time:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
    finally:
        os.close(reading)
        status = process.poll()
        for leader in (process.pid, *(line["kernel"] for line in _lines(text) if "kernel" in line)):
            _kill_group(leader)
        process.wait()
        _sweep(home)
    return Ended(_lines(text), "" if status == 0 else _why(in_time, status, seconds))


def _kill_group(leader: int) -> None:
    """Kill a process and what it started, if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _sweep(home: Path) -> None:
    """Kill what has left its group and still has that home, as far as the system lets one see it (Linux)."""
    mark = f"HOME={home}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes() + b"\0":
                os.kill(int(entry.name), signal.SIGKILL)


def _read(pipe: int, found: bytearray, end: float) -> bool:
    """Everything up to the end of the pipe; whether it came in time and in size."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0 and len(found) <= _LONGEST:
            if selector.select(left):
                part = os.read(pipe, 2**16)
                if not part:
                    return True
                found += part
    return False


def _lines(text: bytearray) -> list[dict[str, Any]]:
    """The whole lines among what was sent."""
    found = []
    for line in text.split(b"\n")[:-1]:
        with suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    return found


def _why(in_time: bool, status: int | None, seconds: float) -> str:
    if not in_time:
        return f"did not end within {seconds:g} seconds"
    if status is not None and status < 0:
        return f"was ended by the system ({signal.Signals(-status).name}): too much memory, time or output"
    return "broke off"
