"""Brokers and labs for the tests of `broker`, `proxy` and `lab`. Each is stopped, whatever the test did."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.lab import lab as lab_module
from lesson_lib.lab.lab import Lab, start_lab


class StillRunning(BaseException):
    """No Exception: what a learner writes would catch it."""


@contextmanager
def ending(guard: Callable[..., object], seconds: float) -> Iterator[None]:
    """What `guard` runs ends: where the guard is broken, the test fails after so many seconds instead of running for ever.

    It strikes again and again, for what runs may swallow it, but never outside of what the guard has called.
    """
    def strike(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code is guard.__code__:
                raise StillRunning(f"{guard.__qualname__} has not ended within {seconds:.0f} seconds")
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.01)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["4.4"])
def embedded(request: pytest.FixtureRequest) -> Iterator[EmbeddedBroker]:
    """A running broker; fails the test when a handler raised. Another release: parametrize `embedded` indirectly."""
    with EmbeddedBroker(request.param) as broker:
        yield broker
        assert list(broker.cluster.failures) == []


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab on an embedded broker."""
    lab = start_lab("embedded")
    yield lab
    lab.stop()


@pytest.fixture
def mortal() -> Iterator[Callable[[], tuple[Lab, EmbeddedBroker]]]:
    """Makes a lab on a broker that the test may stop."""
    brokers: list[EmbeddedBroker] = []

    def make() -> tuple[Lab, EmbeddedBroker]:
        brokers.append(EmbeddedBroker().start())
        return start_lab(brokers[-1]), brokers[-1]

    yield make
    if lab_module._current is not None:
        lab_module._current.stop()
    for broker in brokers:
        broker.stop()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, as in a kernel; a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
