"""What `threading` is in a virtual world, where a wait runs the others.

A thread has its turn until it would sleep in `select`. There it is parked until its sockets or the clock have
something for it. `RLock` stays what it is, as there is one thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from kafka.net.selector import NetworkSelector
from kafka.producer.sender import Sender

from lesson_lib.errors import LessonError
from lesson_lib.lab.virtual.loop import NEVER
from lesson_lib.lab.virtual.world import OVER, VirtualWorld

log = logging.getLogger("kafka")


class VirtualThread:
    """`threading.Thread`. A target that kafka-python loops in gets turns; any other is run to its end in
    its first one. `identity` is what `current_thread` says.
    """

    def __init__(self, world: VirtualWorld, target: Callable[..., Any], name: str = "",
                 args: tuple[Any, ...] = (), daemon: bool = True) -> None:
        self.name, self.daemon, self._world = name, daemon, world
        self._alive = self._running = False
        self._parked, self._until = False, NEVER
        self._wakes: Callable[[], Any] = bool
        owner, loop = getattr(target, "__self__", None), LOOPS.get(getattr(target, "__func__", None))
        self._turns = loop(owner) if loop else _one_turn(target, args)
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

    def park(self, wakes: Callable[[], Any], until: float) -> bool:
        """Sleep from the end of this turn until then, or until something wakes it; False where it is to
        sleep already.
        """
        if self._parked:
            return False
        self._wakes, self._until, self._parked = wakes, until, True
        return True

    def stay_awake(self) -> None:
        """Have a turn at once: it has waited in the middle of this one, and nobody knows what it would do
        next.
        """
        self._until = self._world.now

    def due(self) -> float:
        """When it wakes; `NEVER` while it is on the stack."""
        if self._running:
            return NEVER
        return self._until if self._parked and not self._wakes() else self._world.now

    def turn(self) -> None:
        """Run until it sleeps, or to its end. An exception ends it, and is logged."""
        self._running, self._parked = True, False
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


def _one_turn(target: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[None]:
    target(*args)
    yield from ()


class _TurnIsOver(BaseException):
    """Leaves `Sender.run`, which catches every exception of another kind."""


def _turns_of_sender(sender: Sender) -> Iterator[None]:
    """`Sender.run` keeps all that it knows in the sender, so it can be left after each `run_once`, and
    called again.
    """
    def run_once() -> None:
        try:
            type(sender).run_once(sender)
        except Exception:
            log.exception("%s: Uncaught error in kafka producer I/O thread", sender.name)
        raise _TurnIsOver

    sender.run_once = run_once
    while True:
        try:
            sender.run()
            return
        except _TurnIsOver:
            try:
                yield
            except GeneratorExit:  # the world ends
                sender._client._net._exception = LessonError(OVER)
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


class Lock:
    """`threading.Lock`. It makes nobody wait: who runs changes only in a wait, and kafka-python holds no lock
    in one that those need for whom it waits.
    """

    def __init__(self) -> None:
        self._held = 0

    def acquire(self, blocking: bool = True) -> bool:
        taken = blocking or not self._held
        self._held += taken
        return taken

    def release(self, *_: object) -> None:
        self._held -= 1

    __enter__, __exit__ = acquire, release


class Condition(Lock):
    """`threading.Condition`."""

    def __init__(self, world: VirtualWorld) -> None:
        super().__init__()
        self._world, self._notices = world, 0

    def notify_all(self) -> None:
        self._notices += 1

    def wait(self, timeout: float | None = None) -> bool:
        before = self._notices
        return self._world.wait(lambda: self._notices != before, timeout)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        self._world.wait(predicate, timeout)
        return predicate()


class VirtualEvent(threading.Event):
    """`threading.Event`, on a condition of ours."""

    def __init__(self, world: VirtualWorld) -> None:
        self._cond, self._flag = Condition(world), False
