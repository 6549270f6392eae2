"""One thread, one clock. Whoever waits lets everybody else run; where nobody can, the clock goes on to what
is due next.

`everybody` is the event loop and the threads. Each says when it is `due`, and then has a `turn`, which
raises nothing. A thread is a generator here: nobody has a stack of their own, so a wait within a turn runs
the others on top of it, and what waits further down waits for it too.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

from kafka.net.selector import NetworkSelector
from kafka.producer.sender import Sender

from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import kept_interrupts
from lesson_lib.lab.virtual.loop import NEVER, VirtualLoop

Result = TypeVar("Result")
SEED = 1
# What the clocks show at first: monotonic; seconds since 1970 (2026-01-01, UTC).
BEGIN, EPOCH = 1.0, 1_767_225_600.0
# Seconds; who asks for such a time-out wants none (kafka-python asks for threading.TIMEOUT_MAX).
FOREVER = 1e8
PATIENCE = 900.0  # virtual seconds after which a wait without a time-out is given up
STEPS_AT_ONCE, STEP_SECONDS = 30, 0.001
OVER = "This client belongs to a virtual world that is over; make a new one with the lab of now."
log = logging.getLogger("kafka")


class VirtualWorld:
    """The clock, the event loop and the threads of one world. What is random in it comes from `random`."""

    def __init__(self) -> None:
        self.now, self.open, self.random = BEGIN, True, random.Random(SEED)
        self.loop = VirtualLoop(lambda: self.now)
        self.everybody: list[Any] = [self.loop]
        self.current: Any = None  # whose turn it is
        self.owner, self._steps = threading.get_ident(), 0
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
        return self.open and threading.get_ident() == self.owner

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
        self._count_step()
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
        soonest, before = end, self.current
        for turns in list(self.everybody):
            soonest = min(soonest, at := turns.due())
            if at <= self.now:
                self.current = turns
                turns.turn()
                self.current = before
        if soonest <= self.now:
            self._count_step()
        else:
            self.now, self._steps = soonest, 0

    def _count_step(self) -> None:
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


class VirtualThread:
    """`threading.Thread`. A target that kafka-python loops in gets turns, each until it would sleep in
    `select`; any other is run to its end in its first one. `identity` is what `current_thread` says.
    """

    def __init__(self, world: VirtualWorld, target: Callable[..., Any], name: str = "",
                 args: tuple[Any, ...] = (), daemon: bool = True) -> None:
        self.name, self.daemon, self._world = name, daemon, world
        self._alive = self._running = False
        self._until, self._wakes = NEVER, None  # where it sleeps: until when, or what wakes it
        owner, loop = getattr(target, "__self__", None), LOOPS.get(getattr(target, "__func__", None))
        self._turns = loop(owner) if loop else (target(*args) for _ in range(1))
        self.identity = owner if isinstance(owner, threading.Thread) else self

    def start(self) -> None:
        self._alive = True
        self._world.everybody.append(self)

    def is_alive(self) -> bool:
        return self._alive

    def join(self, timeout: float | None = None) -> None:
        if self._world.current is self:
            raise RuntimeError("cannot join current thread")
        if self._alive:
            self._world.wait(lambda: not self._alive, timeout)

    def sleep(self, wakes: Callable[[], Any], until: float) -> bool:
        """Sleep from the end of this turn until then, or until something wakes it. False where it is to
        sleep already: it waits in the midst of a turn, nobody knows for what next, and has another at once.
        """
        awake = self._wakes is None
        self._wakes, self._until = wakes, until if awake else self._world.now
        return awake

    def due(self) -> float:
        """When it wakes; `NEVER` while it is on the stack."""
        if self._running or not self._alive:
            return NEVER
        return self._until if self._wakes and not self._wakes() else self._world.now

    def turn(self) -> None:
        """Run until it sleeps, or to its end. An exception ends it, and is logged."""
        self._running, self._wakes = True, None
        try:
            next(self._turns)
        except BaseException as error:
            if not isinstance(error, StopIteration):
                log.exception("%s died", self.name)
            self.end()
        self._running = False

    def end(self) -> None:
        """Have no further turn; what kafka-python loops in is closed."""
        if self._alive:
            self._alive = False
            self._world.everybody.remove(self)
            self._turns.close()


def _turns_of_sender(sender: Sender) -> Iterator[None]:
    """`Sender.run`: its two loops; then it is called for what comes after them."""
    client, batches = sender._client, sender._accumulator
    try:
        while sender._running or not sender._force_close and (
                batches.has_undrained() or client.in_flight_request_count() > 0):
            try:
                sender.run_once()
            except Exception:
                log.exception("%s: Uncaught error in kafka producer I/O thread", sender.name)
            yield
        sender.run()
    except GeneratorExit:  # the world ends
        client._net._exception = LessonError(OVER)
        sender.force_close()


def _turns_of_selector(net: NetworkSelector) -> Iterator[None]:
    """`NetworkSelector.run_forever`."""
    net._stop = False
    try:
        while not net._stop:
            net._poll_once()
            yield
        net.drain()
    except GeneratorExit:  # the world ends
        net._exception = LessonError(OVER)
    except Exception as error:
        net._exception = error
        net._fail_pending_waiters(error)
        raise


LOOPS: dict[Any, Callable[[Any], Iterator[None]]] = {
    Sender.run: _turns_of_sender, NetworkSelector.run_forever: _turns_of_selector}


class Condition:
    """`threading.Lock`, and `threading.Condition` on it. The lock makes nobody wait: who runs changes only in
    a wait, and kafka-python holds no lock in one that those need for whom it waits.
    """

    def __init__(self, world: VirtualWorld) -> None:
        self._world, self._held, self._notices = world, 0, 0

    def acquire(self, blocking: bool = True) -> bool:
        taken = blocking or not self._held
        self._held += taken
        return taken

    def release(self, *_: object) -> None:
        self._held -= 1

    __enter__, __exit__ = acquire, release

    def notify_all(self) -> None:
        self._notices += 1

    def wait(self, timeout: float | None = None) -> bool:
        before = self._notices
        return self._world.wait(lambda: self._notices != before, timeout)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        self._world.wait(predicate, timeout)
        return predicate()


def virtual_event(world: VirtualWorld) -> threading.Event:
    """`threading.Event`, on a condition of ours."""
    event = threading.Event()
    event._cond = Condition(world)
    return event
