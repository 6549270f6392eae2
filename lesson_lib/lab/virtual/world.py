"""One thread, one clock. Whoever waits lets everybody else run; where nobody can run, the clock goes on to
what is due next.

A thread of the real world is a generator here, advanced by one turn at a time. Nobody has a stack of their
own: a wait within a turn runs the others on top of it, and what waits further down waits for it too.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from lesson_lib.errors import LessonError
from lesson_lib.lab.virtual.loop import VirtualLoop

Result = TypeVar("Result")
SEED = 1
# What the clocks show at first: monotonic; seconds since 1970 (2026-01-01, UTC).
BEGIN, EPOCH = 1.0, 1_767_225_600.0
# Seconds; who asks for such a time-out wants none (kafka-python asks for threading.TIMEOUT_MAX).
FOREVER = 1e8
OVER = "This client belongs to a virtual world that is over; make a new one with the lab of now."
PATIENCE = 900.0  # virtual seconds after which a wait without a time-out is given up
STEPS_AT_ONCE, STEP_SECONDS = 10, 0.001


class Turns(Protocol):
    """Somebody who runs while others wait: the event loop, or a thread. `identity` is what
    `current_thread` says.
    """

    identity: Any

    def can_run(self) -> bool:
        """Whether there is something to do now, and it is not already on the stack."""

    def waits_until(self) -> float | None:
        """When there is something to do without anybody's help; None for never, and while it is on the
        stack.
        """

    def turn(self) -> None:
        """Do it. Raises nothing."""

    def end(self) -> None:
        """Do nothing any more."""


class VirtualWorld:
    """The clock, the event loop and the threads of one virtual world. What is random in it comes from
    `random`.
    """

    def __init__(self) -> None:
        self.now = BEGIN
        self.open = True
        self.random = random.Random(SEED)
        self.loop = VirtualLoop(lambda: self.now)
        self.everybody: list[Turns] = [self.loop]
        self.current: Turns | None = None
        self._owner = threading.get_ident()
        self._steps = 0
        self._undo: list[Callable[[], None]] = []
        self._interrupt: tuple[Any, ...] = ()
        self._handle_interrupt: Any = None

    def put(self, home: Any, name: str, value: Any) -> None:
        """Put a value under a name of a module or class, until the world is closed."""
        if name in vars(home):
            self._undo.append(partial(setattr, home, name, vars(home)[name]))
        else:  # it was inherited
            self._undo.append(partial(delattr, home, name))
        setattr(home, name, value)

    def close(self) -> None:
        """End every thread, take away what was put somewhere, and let nobody wait here any more."""
        try:
            for turns in self.everybody[1:]:
                turns.end()
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

        LessonError where there is no time-out and nothing came for `PATIENCE`.
        """
        self.check()
        patient = timeout is None or timeout >= FOREVER
        end = self.now + (PATIENCE if patient else timeout)
        self._take_time()
        with self._interrupts_held():
            while not done():
                if self.now >= end:
                    if patient:
                        raise LessonError(f"{_who_waits()} without a time-out, and a quarter of an hour of "
                                          "virtual time brought nothing: nobody will ever answer. Give that "
                                          "call a time-out.")
                    return False
                self._step(end)
                self._strike()
        return True

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self.wait(lambda: False, seconds)

    def _step(self, end: float) -> None:
        """A turn for everybody who has something to do now; where nobody has, the clock goes on."""
        busy = [turns for turns in self.everybody if turns.can_run()]
        for turns in busy:
            if turns.can_run():  # else somebody who waited in an earlier turn has given it its turn
                outer, self.current = self.current, turns
                turns.turn()
                self.current = outer
        if not busy:
            self.now, self._steps = min([end, *self._due()]), 0
        elif not any(turns.can_run() for turns in self.everybody if turns not in busy):
            self._take_time()

    def _due(self) -> list[float]:
        """The moments to come at which somebody has something to do."""
        times = [turns.waits_until() for turns in self.everybody]
        return [at for at in times if at is not None and at > self.now]

    def _take_time(self) -> None:
        """Where somebody is busy without end at one moment, real time would pass by itself; here it does
        so after many steps.
        """
        self._steps += 1
        if self._steps > STEPS_AT_ONCE:
            self.now = min([self.now + STEP_SECONDS, *self._due()])

    def finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the event loop to its end."""
        task = self.loop.create_task(work)
        self.wait(task.done)
        return task.result()

    # the interrupt button

    @contextmanager
    def _interrupts_held(self) -> Iterator[None]:
        """Within a turn an interrupt would break whoever has it; it strikes between two turns of the
        outermost wait.
        """
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT) if in_main else None
        if self.current is not None or not callable(before):
            yield
            return
        self._handle_interrupt = before
        signal.signal(signal.SIGINT, self._note_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._strike()

    def _note_interrupt(self, *interrupt: Any) -> None:
        self._interrupt = interrupt

    def _strike(self) -> None:
        if self._interrupt and self.current is None:
            interrupt, self._interrupt = self._interrupt, ()
            self._handle_interrupt(*interrupt)


def _who_waits() -> str:
    """The call of kafka-python that waits, and within what; from the stack."""
    frame, names = sys._getframe(), list[str]()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("kafka."):
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return f"{names[-1]} waits in {names[0]}" if names else "A call waits"
