"""What `threading` and `queue` are in a virtual world: a wait runs the others.

A thread has its turn until it would sleep in `select`. There it is parked until its sockets or the clock have something for it.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kafka.net.selector import NetworkSelector

from lesson_lib.lab.virtual.world import World

if TYPE_CHECKING:
    from lesson_lib.lab.virtual.sockets import VirtualSelector

log = logging.getLogger("kafka")


class VirtualThread:
    """`threading.Thread`: a target whose loop is known gets turns, any other one is run to its end in its first turn."""

    def __init__(self, world: World, target: Callable[..., Any], name: str = "", args: tuple[Any, ...] = (), daemon: bool = True) -> None:
        self.name, self.daemon = name, daemon
        self._world, self._running, self._alive = world, False, False
        self._target, self._args = target, args
        self._parked_at: VirtualSelector | None = None
        self._until: float | None = None

        self.identity: Any = self
        self.stop: Callable[[], None] = lambda: None

    def start(self, turns: Iterator[None] | None = None) -> None:
        """Have turns from now on."""
        self._turns = turns or self._run()
        self._alive = True
        self._world.everybody.append(self)

    def _run(self) -> Iterator[None]:
        if getattr(self._target, "__func__", None) is NetworkSelector.run_forever:
            yield from turns_of_selector(self._target.__self__)
        else:
            self._target(*self._args)

    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._alive

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._world.current is self:
            raise RuntimeError("cannot join current thread")
        if self._alive:
            self._world.wait(lambda: not self._alive, timeout)

    def park(self, selector: VirtualSelector, until: float | None) -> bool:
        """Sleep until then, or until the selector has something; False where it sleeps already, in this very turn."""
        if self._parked_at is not None:
            return False
        self._parked_at, self._until = selector, until
        return True

    def stay_awake(self) -> None:
        """Have another turn now: it has waited in the middle of this one, and who knows what it would do next."""
        self._until = self._world.now

    def can_run(self) -> bool:
        """Whether it is not asleep, or is to be woken now."""
        if self._running:
            return False
        return (self._parked_at is None or bool(self._parked_at.ready())
                or (self._until is not None and self._until <= self._world.now))

    def waits_until(self) -> float | None:
        """When it wakes by itself."""
        return None if self._running else self._world.now if self._parked_at is None else self._until

    def turn(self) -> None:
        """Run until it sleeps, or to its end."""
        self._running, self._parked_at = True, None
        try:
            next(self._turns)
        except StopIteration:
            self.end()
        except BaseException:
            log.exception("%s died", self.name)
            self.end()
        finally:
            self._running = False
        if self._parked_at is None:
            self._world.take_time()

    def end(self) -> None:
        """Have no further turn."""
        self._alive = False
        if self in self._world.everybody:
            self._world.everybody.remove(self)


def turns_of_selector(net: NetworkSelector) -> Iterator[None]:
    """`NetworkSelector.run_forever`, a turn at a time."""
    net._stop = False
    try:
        while not net._stop:
            net._poll_once()
            yield
        net.drain()
    except Exception as error:
        net._exception = error
        net._fail_pending_waiters(error)
        raise


class _TurnIsOver(BaseException):
    """Leaves `Sender.run`, which catches every other kind of exception."""


def turns_of_sender(sender: Any) -> Iterator[None]:
    """`Sender.run` keeps all that it knows in the sender: it is left after each `run_once`, and called again."""
    def run_once() -> None:
        try:
            type(sender).run_once(sender)
        except Exception:
            log.exception("%s: Uncaught error in kafka producer I/O thread", sender)
        raise _TurnIsOver

    sender.run_once = run_once
    while True:
        try:
            sender.run()
            return
        except _TurnIsOver:
            yield


class Event:
    """`threading.Event`."""

    def __init__(self, world: World) -> None:
        self._world, self._is_set = world, False

    def set(self) -> None:
        """Let those go on who wait."""
        self._is_set = True

    def clear(self) -> None:
        """Let those wait who come."""
        self._is_set = False

    def is_set(self) -> bool:
        """Whether those who come need not wait."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False when the time is over."""
        return self._is_set or self._world.wait(self.is_set, timeout)


class Lock:
    """`threading.Lock` and `RLock`. It never makes anybody wait: turns change only where somebody waits, and in kafka-python
    nobody waits for something else while holding a lock that this something needs.
    """

    def __init__(self) -> None:
        self._held = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; False where it is taken and one would rather not wait."""
        if self._held and not blocking:
            return False
        self._held += 1
        return True

    def release(self) -> None:
        """Give it back."""
        self._held -= 1

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Condition(Lock):
    """`threading.Condition`."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._notified = world, 0

    def notify(self, n: int = 1) -> None:
        """Let those go on who wait."""
        self._notified += 1

    notify_all = notify

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a notice; False when the time is over."""
        before = self._notified
        return self._world.wait(lambda: self._notified != before, timeout)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until it is true; False when the time is over."""
        self._world.wait(predicate, timeout)
        return predicate()


class SimpleQueue(deque[Any]):
    """`queue.SimpleQueue`."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    put = deque.append

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest; `queue.Empty` where none comes in time."""
        if not self and not (block and self._world.wait(lambda: len(self), timeout)):
            raise queue.Empty
        return self.popleft()
