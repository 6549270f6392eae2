"""One thread, one clock, one event loop. Whoever waits lets everybody else run; where nobody can, the clock
goes on to what is due next.

Broker and proxy run on that loop as they are. A thread is a function that the loop calls for each of its
turns: nobody has a stack of their own, so a wait within a turn runs the others on top of it, and what waits
further down waits for it too.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
import random
import sys
import threading
from asyncio import events
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Any

from kafka.net.selector import NetworkSelector
from kafka.producer.sender import Sender

from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import kept_interrupts

SEED = 1
# What the clocks show at first: monotonic; seconds since 1970 (2026-01-01, UTC).
BEGIN, EPOCH = 1.0, 1_767_225_600.0
# Seconds; who asks for such a time-out wants none (kafka-python asks for threading.TIMEOUT_MAX).
FOREVER, NEVER = 1e8, float("inf")
PATIENCE = 900.0  # virtual seconds after which a wait without a time-out is given up
TURNS_AT_ONCE, MOMENT, LONGEST_MOMENT = 30, 1e-6, 0.001
OVER = "This client belongs to a virtual world that is over; make a new one with the lab of now."
log = logging.getLogger("kafka")


class VirtualWorld(asyncio.BaseEventLoop):
    """Asyncio's own loop, on a clock that nobody waits for. What is random in the world comes from `random`.

    `current` has the turn: a thread, the loop itself, or where that is None the cell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.random = BEGIN, random.Random(SEED)
        self.current: Any = None
        self.identity, self.threads = self, list[VirtualThread]()
        self.listeners: dict[int, Callable[..., Coroutine[Any, Any, None]]] = {}  # port -> who serves there
        self.owner, self._turns_now, self._moment = threading.get_ident(), 0, MOMENT
        self._queue: list[tuple[float, int, asyncio.Handle]] = []  # all that is to be called
        self._numbers = itertools.count()
        self._undo = ExitStack()
        self._undo.callback(super().close)

    def put(self, home: Any, name: str, value: Any) -> None:
        """Put a value under a name of a module or class, until the world is closed."""
        if name in vars(home):
            self._undo.callback(setattr, home, name, vars(home)[name])
        else:  # it is inherited
            self._undo.callback(delattr, home, name)
        setattr(home, name, value)

    def close(self) -> None:
        """End every thread and task, let nobody wait here any more, and take away what was put somewhere."""
        with self._undo:
            for thread in list(self.threads):
                thread.abandon()
            if late := asyncio.all_tasks(self):  # who was just being let in
                for task in late:
                    task.cancel()
                self.run_until_complete(asyncio.wait(late))

    def is_here(self) -> bool:
        """Whether this code runs in the world: in its one thread, while it is open."""
        return not self.is_closed() and threading.get_ident() == self.owner

    def check(self) -> None:
        """LessonError for a client of this world that is used outside of it."""
        if self.is_closed():
            raise LessonError(OVER)
        if not self.is_here():
            raise LessonError("A virtual world has one thread: use its clients in the cell itself, or "
                              "start_lab(world='sockets').")

    # waiting

    def wait(self, done: Callable[[], Any], timeout: float | None = None) -> bool:
        """Run everybody else until `done()`, or until `timeout` seconds are over: False then.

        LessonError where there is no time-out and nothing came for `PATIENCE`. Within a turn an interrupt
        would break the one that has it; it strikes between two turns of the outermost wait.
        """
        self.check()
        patient = timeout is None or timeout >= FOREVER
        end = self.now + (PATIENCE if patient else timeout)
        self.count_turn()
        outer = events._get_running_loop()  # a kernel's loop runs the cell, and makes room for so long
        task = outer and asyncio.current_task(outer)
        if task:
            asyncio._leave_task(outer, task)
        events._set_running_loop(self)
        try:
            with nullcontext(bool) if self.current else kept_interrupts(at_once=False) as strike:
                while not done():
                    if self.now >= end:
                        if patient:
                            raise LessonError(f"{_who_waits()} without a time-out, and a quarter of an hour "
                                              "of virtual time brought nothing: nobody will ever answer. "
                                              "Give that call a time-out.")
                        return False
                    self._call_next(end)
                    strike()
            return True
        finally:
            events._set_running_loop(outer)
            if task:
                asyncio._enter_task(outer, task)

    def run_until_complete(self, future: Any) -> Any:
        task = asyncio.ensure_future(future, loop=self)
        self.wait(task.done)
        return task.result()

    def _next_at(self) -> float:
        while self._queue and self._queue[0][-1].cancelled():
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else NEVER

    def _call_next(self, end: float) -> None:
        """Call what is due; where nothing is, the clock goes on, to `end` at most."""
        at = self._next_at()
        if at > self.now:
            self.now, self._turns_now, self._moment = min(at, end), 0, MOMENT
            return
        before, self.current = self.current, self
        try:
            heapq.heappop(self._queue)[-1]._run()
        finally:
            self.current = before

    def count_turn(self) -> None:
        """Where somebody is busy without end at one moment, real time would pass by itself; here it does
        so after many turns, first a little, and then more and more.
        """
        self._turns_now += 1
        if self._turns_now > TURNS_AT_ONCE:
            self.now += self._moment
            self._moment = min(2 * self._moment, LONGEST_MOMENT)

    # the event loop

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = asyncio.Handle(callback, args, self, context)
        # whole microseconds: two hops and one way of that length are over at one moment, whatever floats say
        at = math.ceil(when * 1e6 - 1e-3) / 1e6 if when < NEVER else NEVER
        if at <= self.now < when:  # what is to be later is
            at = self.now + MOMENT
        heapq.heappush(self._queue, (at, next(self._numbers), handle))
        return handle

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.now, callback, *args, context=context)


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
        self._owner, turn = getattr(target, "__self__", None), TURNS.get(getattr(target, "__func__", None))
        self._goes_on = partial(turn, self._owner) if turn else partial(target, *args)
        self._selector, self._until = None, NEVER  # where it sleeps, and until when
        self.identity = self._owner if isinstance(self._owner, threading.Thread) else self

    def start(self) -> None:
        self._world.threads.append(self)
        self._next = self._world.call_soon(self._turn)

    def is_alive(self) -> bool:
        return self in self._world.threads

    def join(self, timeout: float | None = None) -> None:
        if self._world.current is self:
            raise RuntimeError("cannot join current thread")
        if self.is_alive():
            self._world.wait(lambda: not self.is_alive(), timeout)

    def sleep(self, selector: Any, until: float) -> bool:
        """Sleep in this `select` from the end of the turn until then. False where it is to sleep already: it
        waits in the midst of a turn, nobody knows for what next, and has another at once.
        """
        awake = self._selector is None
        self._selector, self._until = selector, until if awake else self._world.now
        return awake

    def wake(self) -> None:
        """Something came to where it sleeps."""
        self._next.cancel()
        self._next = self._world.call_soon(self._turn)

    def _get_up(self) -> None:
        if self._selector:
            self._selector.sleeper = self._selector = None

    def _turn(self) -> None:
        """Run until it sleeps, or to its end. An exception ends it, and is logged."""
        self._get_up()
        self._world.current = self
        try:
            goes_on = self._goes_on()
        except BaseException:
            log.exception("%s died", self.name)
            goes_on = False
        if not goes_on:
            self._end()
        elif self._selector and self._until > self._world.now and not self._selector.ready():
            self._selector.sleeper = self
            self._next = self._world.call_at(self._until, self._turn)
        else:  # it is busy, or wants to sleep for less than the clock can show
            self._world.count_turn()
            self._next = self._world.call_soon(self._turn)

    def _end(self) -> None:
        self._get_up()
        self._next.cancel()
        self._world.threads.remove(self)

    def abandon(self) -> None:
        """Have no further turn; who waits for what kafka-python loops in, or uses it later, is told."""
        self._end()
        if isinstance(self._owner, NetworkSelector):
            self._owner._exception = LessonError(OVER)
        elif isinstance(self._owner, Sender):
            self._owner._client._net._exception = LessonError(OVER)
            self._owner.force_close()
            self._owner._accumulator.abort_batches(LessonError(OVER))  # else `__del__` would wait for them


def turn_of_sender(sender: Sender) -> bool:
    """One round of `Sender.run`'s two loops; once they are over it is called for what comes after them."""
    client, batches = sender._client, sender._accumulator
    goes_on = sender._running or not sender._force_close and (
        batches.has_undrained() or client.in_flight_request_count() > 0)
    try:
        sender.run_once() if goes_on else sender.run()
    except Exception:
        log.exception("%s: Uncaught error in kafka producer I/O thread", sender.name)
    return goes_on


def turn_of_selector(net: NetworkSelector) -> bool:
    """One round of `NetworkSelector.run_forever`."""
    goes_on = not net._stop
    try:
        net._poll_once() if goes_on else net.drain()
    except Exception as error:
        net._exception = error
        net._fail_pending_waiters(error)
        raise
    return goes_on


TURNS: dict[Any, Callable[[Any], bool]] = {
    Sender.run: turn_of_sender, NetworkSelector.run_forever: turn_of_selector}


class Condition(threading.Condition):
    """`threading.Condition`, in whose `wait` the others run. Its lock is one that a thread may take again, as
    all of them are one: who runs changes only in a wait, and kafka-python holds no lock in one that those
    need for whom it waits.
    """

    def __init__(self, world: VirtualWorld) -> None:
        super().__init__(threading.RLock())
        self._world, self._notices = world, 0

    def notify(self, n: int = 1) -> None:
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
