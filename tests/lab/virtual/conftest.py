"""A lab in a virtual world, and what its clock says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lesson_lib.lab.clients import open_worlds
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.lab.virtual.world import VirtualWorld
from tests.labs import ending


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """Every test: where the world's clock stands still, whoever waits in it would wait for ever."""
    with ending(VirtualWorld.wait, 120):
        yield


@pytest.fixture(autouse=True)
def nobody_names_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI does, for the tests that talk to Apache Kafka; a virtual world refuses."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The lab; no handler of its broker raised."""
    lab = start_lab(world="virtual")
    yield lab
    assert list(lab.choice.embedded.cluster.failures) == []
    lab.stop()


@pytest.fixture
def world(lab: Lab) -> VirtualWorld:
    """Its world."""
    return open_worlds[0]


@pytest.fixture
def seconds(world: VirtualWorld) -> Callable[[Callable[[], object]], float]:
    """How long something takes on the world's clock."""
    def measure(work: Callable[[], object]) -> float:
        begin = world.now
        work()
        return round(world.now - begin, 6)
    return measure
