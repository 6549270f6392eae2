"""An interrupt is never lost, whatever a library makes of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from lesson_lib.lab.clients import kept_interrupts

pytestmark = pytest.mark.usefixtures("interruptible")


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def swallowed() -> None:
    try:
        interrupt()
    except BaseException:  # noqa: BLE001 - as kafka-python does it
        pass


def turned_into_something_else() -> None:
    try:
        interrupt()
    except BaseException:  # noqa: BLE001
        raise ConnectionError("lost") from None


@pytest.mark.parametrize("library", [interrupt, swallowed, turned_into_something_else])
def test_an_interrupt_in_the_block_leaves_it(library: Callable[[], None]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        library()
    assert signal.getsignal(signal.SIGINT) is before


def test_it_comes_at_once_where_nothing_swallows_it() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        interrupt()
        reached.append(1)
    assert not reached


def test_it_waits_where_it_would_break_something_but_only_once() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), kept_interrupts(at_once=False):
        interrupt()
        reached.append(1)
        interrupt()
        reached.append(2)
    assert reached == [1]


def test_without_an_interrupt_nothing_changes() -> None:
    with kept_interrupts():
        pass
    with pytest.raises(ConnectionError), kept_interrupts():
        raise ConnectionError
    with pytest.raises(StopIteration), kept_interrupts():
        next(iter(()))


def test_another_thread_leaves_the_handler_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def look() -> None:
        with kept_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
