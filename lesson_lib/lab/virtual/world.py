"""One thread, one clock, one event loop. Whoever waits lets everybody else run; where nobody can, the clock
goes on to what is due next.

Broker and proxy run on that loop as they are. A thread has turns, which the loop calls: nobody has a stack of
their own, so a wait within a turn runs the others on top of it, and what waits further down waits for it too.
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
import logging
import math
import random
import textwrap
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Any

from kafka.net.selector import NetworkSelector
from kafka.producer.sender import Sender

from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import kept_interrupts, open_worlds

SEED = 1
BEGIN, EPOCH = 1.0, 1_767_225_600.0  # what the clocks show at first: monotonic; since 1970 (2026-01-01, UTC)
# Seconds; who asks for such a time-out wants none (kafka-python asks for threading.TIMEOUT_MAX).
FOREVER, NEVER = 1e8, float("inf")
PATIENCE = 900.0  # virtual seconds after which a wait without a time-out is given up
TURNS_AT_ONCE, MOMENT, LONGEST_MOMENT = 30, 1e-6, 0.001
OVER = "This client belongs to a virtual world that is over; make a new one with the lab of now."


class VirtualWorld(asyncio.BaseEventLoop):
    """Asyncio's own loop, on a clock that nobody waits for. What is random in the world comes from `random`.

    `current` has the turn: a thread, the loop itself, or where that is None the cell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.random, self.owner = BEGIN, random.Random(SEED), threading.get_ident()
        self.current: Any = None
        self.threads = dict[VirtualThread, None]()
        self.listeners: dict[int, Callable[..., Coroutine[Any, Any, None]]] = {}  # port -> who serves there
        self._queue, self._numbers = list[tuple[float, int, asyncio.Handle]](), itertools.count()
        self._turns_now = 0
        self._undo = ExitStack()
        self._undo.callback(super().close)
        open_worlds.append(self)
        self._undo.callback(open_worlds.remove, self)

    def put(self, home: Any, name: str, value: Any) -> None:
        """Put a value under a name that a module or class has, until the world is closed."""
        self._undo.callback(setattr, home, name, vars(home)[name])
        setattr(home, name, value)

    def close(self) -> None:
        """End every thread and task, let nobody wait here any more, and take away what was put somewhere."""
        with self._undo:
            for thread in list(self.threads):
                thread.abandon()
            asyncio.runners._cancel_all_tasks(self)  # who was just being let in

    def is_here(self) -> bool:
        """Whether this code runs in the world: in its one thread, while it is open."""
        return not self.is_closed() and threading.get_ident() == self.owner

    def check(self) -> None:
        """LessonError for a client of this world that is used outside of it."""
        if self.is_closed():
            raise LessonError(OVER)
        if not self.is_here():
            if self.owner in {thread.ident for thread in threading.enumerate()}:
                raise LessonError("A virtual world has one thread, the one that opened it: use its clients "
                                  "and stop its lab there. For several threads open "
                                  "start_lab(world='sockets') there.")
            self.owner = threading.get_ident()  # that thread has ended, and nobody else could close its world

    def wait(self, done: Callable[[], Any], timeout: float | None = None) -> bool:
        """Run everybody else until `done()`, or until `timeout` seconds are over: False then.

        LessonError where there is no time-out and nothing came for `PATIENCE`. Within a turn an interrupt
        would break the one that has it; it strikes between two turns of the outermost wait.
        """
        self.check()
        self.count_turn()
        patient = timeout is None or timeout >= FOREVER
        end = self.now + (PATIENCE if patient else timeout)
        outer = asyncio.events._get_running_loop()  # a kernel's makes room for so long
        task = outer and asyncio.current_task(outer)
        if task:
            asyncio._leave_task(outer, task)
        asyncio.events._set_running_loop(self)
        try:
            with nullcontext(bool) if self.current else kept_interrupts(at_once=False) as strike:
                while not done() and self.now < end:
                    self._call_next(end)
                    strike()
                if not (came := done()) and patient:
                    raise LessonError(f"{_who_waits()} without a time-out, and a quarter of an hour of "
                                      "virtual time brought nothing: nobody will ever answer. Give that call "
                                      "a time-out.")
            return bool(came)
        finally:
            asyncio.events._set_running_loop(outer)
            if task:
                asyncio._enter_task(outer, task)

    def run_until_complete(self, future: Any) -> Any:
        task = asyncio.ensure_future(future, loop=self)
        self.wait(task.done)
        return task.result()

    def _call_next(self, end: float) -> None:
        """Call what is due; where nothing is, the clock goes on, to `end` at most."""
        while self._queue and self._queue[0][-1].cancelled():
            heapq.heappop(self._queue)
        at = self._queue[0][0] if self._queue else NEVER
        if at > self.now:
            self.now, self._turns_now = min(at, end), 0
            return
        before, self.current = self.current, self
        try:
            heapq.heappop(self._queue)[-1]._run()
        finally:
            self.current = before

    def count_turn(self) -> None:
        """After many turns at one moment time passes, first a little, then more: somebody is busy."""
        self._turns_now += 1
        if (more := self._turns_now - TURNS_AT_ONCE) > 0:
            self.now += min(MOMENT * 2 ** min(more - 1, 10), LONGEST_MOMENT)

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
    names = [frame.f_code.co_qualname for frame, _ in traceback.walk_stack(None)
             if frame.f_globals.get("__name__", "").startswith("kafka.")]
    return f"{names[-1]} waits in {names[0]}" if names else "A call waits"


def in_turns(loop: Callable[..., None], step: str) -> Callable[..., Iterator[None]]:
    """A loop of kafka-python as a generator that gives way after each such step; by its own text."""
    text, made = textwrap.dedent(inspect.getsource(loop)), dict[str, Any]()
    exec(text.replace(f"self.{step}()", f"yield self.{step}()"), loop.__globals__, made)
    return made[loop.__name__]


LOOPS = {Sender.run: in_turns(Sender.run, "run_once"),
         NetworkSelector.run_forever: in_turns(NetworkSelector.run_forever, "_poll_once")}


class VirtualThread(threading.Thread):
    """A thread of this `world`. One in which kafka-python loops has a turn for each round, and sleeps where
    it would in `select`; any other is run to its end in one.
    """

    world: VirtualWorld
    selector, until = None, NEVER  # where it sleeps from the end of its turn, and until when

    def start(self) -> None:
        target = self._target or self.run
        self._owner, rounds = getattr(target, "__self__", None), LOOPS.get(getattr(target, "__func__", None))
        self._rounds = rounds(self._owner) if rounds else iter(partial(target, *self._args), None)
        self.world.threads[self] = None
        self._next = self.world.call_soon(self._turn)

    def is_alive(self) -> bool:
        return self in self.world.threads

    def join(self, timeout: float | None = None) -> None:
        if self.world.current is self:
            raise RuntimeError("cannot join current thread")
        if self.is_alive():
            self.world.wait(lambda: not self.is_alive(), timeout)

    def wake_if_ready(self) -> None:
        """Have a turn at once if there is something to do in the selector in which it sleeps."""
        if self._next and self.selector and self.selector.ready():
            self._next.cancel()
            self._next = self.world.call_soon(self._turn)

    def _turn(self) -> None:
        """Run until it sleeps, or to its end. An exception ends it, and is logged."""
        self._next = self.selector = None
        self.world.current = self
        try:
            next(self._rounds)
        except BaseException as end:
            if not isinstance(end, StopIteration):
                logging.getLogger("kafka").exception("%s died", self.name)
            self.world.threads.pop(self, None)
            return
        if self.selector and self.until > self.world.now and not self.selector.ready():
            self._next = self.world.call_at(self.until, self._turn)
        else:  # it is busy, or wants to sleep for less than the clock can show
            self.world.count_turn()
            self._next = self.world.call_soon(self._turn)

    def abandon(self) -> None:
        """Have no further turn; who waits for what kafka-python loops in, or uses it later, is told."""
        del self.world.threads[self]
        if self._next:
            self._next.cancel()
        over, net = LessonError(OVER), self._owner
        if isinstance(self, Sender):
            net = self._client._net
            self.force_close()
            self._accumulator.abort_batches(over)  # else `__del__` would wait for them
            self._accumulator.append = lambda *_, **__: self.world.check()
            if self._transaction_manager:
                self._transaction_manager.transition_to_fatal_error(over)
        if isinstance(net, NetworkSelector):
            net._exception = over
            for task in list(net._pending_tasks):
                net.cancel(task)
