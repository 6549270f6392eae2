"""Every schedule as the branches of one run: where a request could meet a fault, the process forks.

Schedules that begin alike share their beginning, down to the last byte in flight. In each child the fault
happens and the run goes on from there; in the parent it doesn't. A virtual world has one thread and no files,
so a fork of it is a copy. The process that asked runs nothing itself, so that its own lab stays as it was.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import BinaryIO

from lesson_lib.errors import LessonError
from lesson_lib.faults import DELIVER, LOSSES, Fault, FaultScript, Rule
from lesson_lib.history import History

CAN_FORK = sys.platform in ("linux", "darwin")


def longer_by(number: int, api: str, kinds: tuple[Fault, ...], apis: tuple[str, ...]) -> list[Rule]:
    """What can go wrong with this request: with a produce request (no `api`) each kind, with one to a
    coordinator that a kind can happen to.
    """
    possible = kinds if not api else [kind for kind in kinds if kind.name in LOSSES] if api in apis else ()
    return [Rule(number, number, kind, api) for kind in possible]


def fork_process() -> int:
    """`os.fork`, of which Python 3.12 warns where there are threads: those of a kernel aren't in the
    child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class BranchingScript(FaultScript):
    """A script that takes every course: `at` returns once in each process, with another fault in each."""

    def __init__(self, faults: int, kinds: tuple[Fault, ...], apis: tuple[str, ...], most: int) -> None:
        context = multiprocessing.get_context("fork")
        self.grown: list[Rule] = []
        self._left, self._kinds, self._apis, self._most = faults, kinds, apis, most
        self.begun = context.Value("q", 1)  # how many schedules there are so far
        self._free_cores = context.Semaphore((os.cpu_count() or 1) - 1)
        self._parent, self._took_core = os.getppid(), False
        self._children: list[int] = []

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The faults that happened in this process."""
        return tuple(self.grown)

    def at(self, attempt: int, api: str = "") -> Fault:
        """In the parent `deliver`, and in a child for each kind that one."""
        for rule in longer_by(attempt, api, self._kinds, self._apis) if self._left else ():
            if self._is_allowed() and self.fork() == 0:
                self.grown.append(rule)
                self._left -= 1
                return rule.fault
        return DELIVER

    def _is_allowed(self) -> bool:
        """Whether there may be one more; who asked may be gone, by a restart of the kernel."""
        if os.getppid() != self._parent:
            os._exit(1)
        with self.begun.get_lock():
            allowed = self.begun.value < self._most
            self.begun.value += allowed
            return allowed

    def fork(self) -> int:
        """0 in the child. The parent goes on beside it where a core is free, else once the child is done."""
        took_core, parent = self._free_cores.acquire(block=False), os.getpid()
        if (child := fork_process()) == 0:
            gc.disable()  # what was dropped before the fork is the parent's to close
            self._parent, self._took_core, self._children = parent, took_core, []
        elif took_core:
            self._children.append(child)
        else:
            os.waitpid(child, 0)
        return child

    def finish(self) -> None:
        """Wait for what this process has forked, and free its core."""
        if self._took_core:
            self._free_cores.release()
        for child in self._children:
            os.waitpid(child, 0)


def run_branches(run: Callable[[FaultScript], History], script: BranchingScript) -> list[History]:
    """All courses that the run can take. What one of them raises is raised here."""
    gc.freeze()  # a collection would write to every object, and so copy it into every child
    try:
        with tempfile.TemporaryFile(buffering=0) as outcomes:
            if (first := fork_process()) == 0:
                os.setpgid(0, 0)
                script._parent = os.getppid()
                _run_one(run, script, outcomes)
            _wait_for_all(first)
            return _read(outcomes, script.begun.value)
    finally:
        gc.unfreeze()


def _run_one(run: Callable[[FaultScript], History], script: BranchingScript, outcomes: BinaryIO) -> None:
    """One course, in a process that ends with it; a write to a file that is shared goes behind the last."""
    try:
        outcome: History | Exception = run(script)
    except LessonError as error:
        outcome = error
    except BaseException:
        outcome = RuntimeError(f"The course '{script}' failed: {traceback.format_exc()}")
    try:
        outcomes.write(pickle.dumps(outcome))
        script.finish()
    finally:
        os._exit(0)


def _wait_for_all(first: int) -> None:
    """Until the first child is done, which waits for all others; an interrupt ends them all."""
    try:
        os.waitpid(first, 0)
    except BaseException:
        os.killpg(first, signal.SIGKILL)
        os.waitpid(first, 0)
        raise


def _read(outcomes: BinaryIO, expected: int) -> list[History]:
    outcomes.seek(0)
    reader = open(os.dup(outcomes.fileno()), "rb")
    found = []
    with reader:
        while reader.peek(1):
            if isinstance(outcome := pickle.load(reader), Exception):
                raise outcome
            found.append(outcome)
    if len(found) < expected:
        raise RuntimeError(f"Of {expected} schedules {expected - len(found)} brought no outcome.")
    return found
