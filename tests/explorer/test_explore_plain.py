"""The explorer without idempotence has fewer states than the whole search, and everything else of it."""

from __future__ import annotations

from collections import Counter

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.explorer import without_idempotence as explore_plain
from lesson_lib.explorer.exploration import Exploration, Outcome
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.protocol import KINDS, USUAL_KINDS, Place
from lesson_lib.sim.wrong_brokers import ForgetOnFailover

ALL = tuple(KINDS)
BOUNDS = [(batches, in_flight, faults, kinds) for batches in (1, 2, 3) for in_flight in range(1, batches + 1) for faults in (0, 1, 2)
          for kinds in (USUAL_KINDS, ALL, ("late",), ("cut", "delivery timeout"))
          if (batches, faults, kinds) != (3, 2, ALL)] + [(3, 2, 2, ALL), (4, 4, 1, ALL), (2, 2, 3, USUAL_KINDS)]


def both(batches: int, in_flight: int, faults: int, kinds: tuple[str, ...]) -> tuple[Exploration, Exploration]:
    """The whole search and the one with fewer states."""
    return tuple(explore(batches, in_flight, faults, idempotence=False, kinds=kinds, whole=whole) for whole in (True, False))


def ends(found: Exploration) -> Counter:
    """All that an end is, with how many faults it needs; each of them once."""
    return Counter((o.batches, o.told, o.log, o.anomalies, o.left) for o in found.outcomes)


def steps(found: Exploration, outcome: Outcome) -> int:
    """How many steps lead to an end."""
    graph, place = found.way(outcome)
    return len(graph.path(place))


@pytest.mark.parametrize(("batches", "in_flight", "faults", "kinds"), BOUNDS)
def test_fewer_states_have_the_same_ends(batches: int, in_flight: int, faults: int, kinds: tuple[str, ...]) -> None:
    whole, fewer = both(batches, in_flight, faults, kinds)
    assert ends(fewer) == ends(whole)
    assert fewer.counts == whole.counts
    assert {o.anomalies: steps(fewer, o) for o in fewer.firsts.values()} == {
        o.anomalies: steps(whole, o) for o in whole.firsts.values()}
    assert fewer.states < whole.states or faults == 0 or batches == 1


@pytest.mark.parametrize(("batches", "in_flight", "faults", "kinds"), [
    (2, 2, 2, ALL), (3, 3, 1, USUAL_KINDS), (3, 1, 2, ("cut", "late")),
])
def test_each_end_has_the_same_shortest_history(batches: int, in_flight: int, faults: int, kinds: tuple[str, ...]) -> None:
    whole, fewer = both(batches, in_flight, faults, kinds)
    histories = {(o.batches, o.told): whole.history(o) for o in whole.outcomes}
    assert {(o.batches, o.told): fewer.history(o) for o in fewer.outcomes} == histories


def test_the_anomalies_within_the_bound_that_the_whole_search_cannot_walk() -> None:
    """TLC walked it once: 12,933,268 states, and as many different ends as are counted here."""
    found = explore(5, 5, 2, idempotence=False)
    assert found.anomaly_names == ["duplicate", "reordered"]
    assert found.counts.total() == 416_261
    for name in found.anomaly_names:
        history = found.find(name)
        assert history is not None
        assert name in history.anomaly_names
    with pytest.raises(LessonError, match="more than 500,000 states"):
        explore(5, 5, 2, idempotence=False, whole=True)


def test_a_log_longer_than_python_may_recurse_can_be_counted() -> None:
    assert explore(1200, 1, 1, idempotence=False, kinds=("cut",)).counts.total() == 1201


def test_only_kafkas_own_rule_without_numbers_has_fewer_states() -> None:
    assert explore(2, 2, 1).states == explore(2, 2, 1, whole=True).states
    mutant = ForgetOnFailover()
    assert explore(2, 2, 1, rule=mutant, idempotence=False).states == explore(2, 2, 1, rule=mutant, idempotence=False, whole=True).states


def test_the_comparison_notices_a_log_that_is_forgotten_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = explore(3, 2, 1, idempotence=False, whole=True)
    monkeypatch.setattr(explore_plain, "alike", lambda log: log[-1].number)
    assert explore(3, 2, 1, idempotence=False).counts != whole.counts


def test_the_comparison_notices_an_order_that_is_fixed_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_early(self: explore_plain.PlainProtocol, place: Place) -> list[tuple[str, Place]]:
        every = super(explore_plain.PlainProtocol, self).steps(place)
        return [step for step in every if step[0] == "send"] or every

    whole = explore(3, 2, 1, idempotence=False, whole=True)
    monkeypatch.setattr(explore_plain.PlainProtocol, "steps", too_early)
    assert ends(explore(3, 2, 1, idempotence=False)) != ends(whole)


def test_a_bound_that_is_too_large_gets_those_that_are_not() -> None:
    with pytest.raises(LessonError) as refusal:
        explore(4, 4, 2, idempotence=False, max_states=5000)
    assert "faults=1 or batches=3 is the most" in str(refusal.value)
    assert explore(4, 4, 1, idempotence=False, max_states=5000).states < 5000
    assert explore(3, 4, 2, idempotence=False, max_states=5000).states < 5000
    with pytest.raises(LessonError, match="fewer of both"):
        explore(1, max_states=1)
