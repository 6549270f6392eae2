"""One thread, one clock. Whoever waits lets everybody else run; where nobody can, the clock goes on to what
is due next.

`everybody` is the event loop and the threads. Each says when it is `due`, and then has a `turn`, which
raises nothing. A thread is a generator here: nobody has a stack of their own, so a wait within a turn runs
the others on top of it, and what waits further down waits for it too.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import kept_interrupts
from lesson_lib.lab.virtual.loop import VirtualLoop

Result = TypeVar("Result")
SEED = 1
# What the clocks show at first: monotonic; seconds since 1970 (2026-01-01, UTC).
BEGIN, EPOCH = 1.0, 1_767_225_600.0
# Seconds; who asks for such a time-out wants none (kafka-python asks for threading.TIMEOUT_MAX).
FOREVER = 1e8
PATIENCE = 900.0  # virtual seconds after which a wait without a time-out is given up
STEPS_AT_ONCE, STEP_SECONDS = 10, 0.001
OVER = "This client belongs to a virtual world that is over; make a new one with the lab of now."


class VirtualWorld:
    """The clock, the event loop and the threads of one world. What is random in it comes from `random`."""

    def __init__(self) -> None:
        self.now, self.open, self.random = BEGIN, True, random.Random(SEED)
        self.loop = VirtualLoop(lambda: self.now)
        self.everybody: list[Any] = [self.loop]
        self.current: Any = None  # whose turn it is
        self._owner, self._steps = threading.get_ident(), 0
        self._undo: list[Callable[[], None]] = []

    def put(self, home: Any, name: str, value: Any) -> None:
        """Put a value under a name of a module or class, until the world is closed."""
        inherited = name not in vars(home)
        self._undo.append(partial(delattr, home, name) if inherited
                          else partial(setattr, home, name, vars(home)[name]))
        setattr(home, name, value)

    def close(self) -> None:
        """End every thread, take away what was put somewhere, and let nobody wait here any more."""
        try:
            for thread in self.everybody[1:]:
                thread.end()
        finally:
            self.loop.close()
            self.open = False
            while self._undo:
                self._undo.pop()()

    def is_here(self) -> bool:
        """Whether this code runs in the world: in its one thread, while it is open."""
        return self.open and threading.get_ident() == self._owner

    def check(self) -> None:
        """LessonError for a client of this world that is used outside of it."""
        if not self.open:
            raise LessonError(OVER)
        if not self.is_here():
            raise LessonError("A virtual world has one thread: use its clients in the cell itself, or "
                              "start_lab(world='sockets').")

    def wait(self, done: Callable[[], Any], timeout: float | None = None) -> bool:
        """Run everybody else until `done()`, or until `timeout` seconds are over: False then.

        LessonError where there is no time-out and nothing came for `PATIENCE`. Within a turn an interrupt
        would break whoever has it; it strikes between two steps of the outermost wait.
        """
        self.check()
        patient = timeout is None or timeout >= FOREVER
        end = self.now + (PATIENCE if patient else timeout)
        self._take_time()
        with nullcontext(bool) if self.current else kept_interrupts(at_once=False) as strike:
            while not done():
                if self.now >= end:
                    if patient:
                        raise LessonError(f"{_who_waits()} without a time-out, and a quarter of an hour of "
                                          "virtual time brought nothing: nobody will ever answer. Give that "
                                          "call a time-out.")
                    return False
                self._step(end)
                strike()
        return True

    def finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the event loop to its end."""
        task = self.loop.create_task(work)
        self.wait(task.done)
        return task.result()

    def _step(self, end: float) -> None:
        """A turn for everybody who has something to do now; where nobody has, the clock goes on."""
        due = [(turns.due(), turns) for turns in self.everybody]
        busy = [turns for at, turns in due if at <= self.now]
        if not busy:
            self.now, self._steps = min(end, *(at for at, _ in due)), 0
            return
        for turns in busy:
            if turns.due() <= self.now:  # else somebody who waited in an earlier turn has given it its turn
                outer, self.current = self.current, turns
                turns.turn()
                self.current = outer
        if all(turns in busy or turns.due() > self.now for turns in self.everybody):
            self._take_time()

    def _take_time(self) -> None:
        """Where somebody is busy without end at one moment, real time would pass by itself; here it does
        so after many steps.
        """
        self._steps += 1
        if self._steps > STEPS_AT_ONCE:
            due = [turns.due() for turns in self.everybody]
            self.now = min([self.now + STEP_SECONDS, *(at for at in due if at > self.now)])


def _who_waits() -> str:
    """The call of kafka-python that waits, and within what; from the stack."""
    frame, names = sys._getframe(), list[str]()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("kafka."):
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return f"{names[-1]} waits in {names[0]}" if names else "A call waits"
