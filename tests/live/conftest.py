"""A broker of its own for each test, which takes a millisecond, and a few words to say what a log holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lesson_lib.live.broker import EmbeddedBroker


@pytest.fixture(params=["4.4"])
def embedded(request: pytest.FixtureRequest) -> Iterator[EmbeddedBroker]:
    """A running broker; fails the test when a handler raised. Another release: parametrize `embedded` indirectly."""
    with EmbeddedBroker(request.param) as broker:
        yield broker
        assert list(broker.cluster.failures) == []
