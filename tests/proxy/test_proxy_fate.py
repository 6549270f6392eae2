"""What becomes of the requests on one connection: the table of `proxy_fate`, row by row."""

from __future__ import annotations

import pytest

from lesson_lib.faults import DELIVER, Fate, parse_fault

THROUGH = (True, True)


def ends(fault: str, requests: int) -> list[tuple[bool, bool]]:
    """(handled, answered) of `requests` requests, the fault being at the first."""
    fate = Fate()
    return [fate.take(parse_fault(fault) if n == 0 else DELIVER) for n in range(requests)]


@pytest.mark.parametrize("fault", ["deliver", "refuse 19", "store and answer 20", "repeat", "delay 5", "restart broker", "kill producer"])
def test_most_faults_leave_the_connection_alone(fault: str) -> None:
    assert ends(fault, 3) == [THROUGH] * 3


@pytest.mark.parametrize(("fault", "expected"), [
    ("lose request", [(False, False)] * 3),
    ("lose ack", [(True, False), (False, False), (False, False)]),
    ("lose request silently", [(False, False)] * 3),
    ("lose ack silently", [(True, False), (False, False), (False, False)]),
    ("cut 3 1", [(True, True), (True, False), (True, False)]),
    ("cut 1 1", [(True, True), (False, False), (False, False)]),
    ("cut 0 0", [(False, False)] * 3),
])
def test_a_cut_lets_k_requests_and_j_answers_through(fault: str, expected: list[tuple[bool, bool]]) -> None:
    assert ends(fault, 3) == expected


def test_what_was_sent_before_the_fault_is_answered() -> None:
    fate = Fate()
    assert [fate.take(DELIVER), fate.take(parse_fault("lose ack"))] == [THROUGH, (True, False)]


@pytest.mark.parametrize(("fault", "requests"), [("lose request", 1), ("lose ack", 1), ("cut 0 0", 1), ("cut 2 1", 2), ("cut 3 0", 3)])
def test_it_drops_when_everything_is_through_and_not_earlier(fault: str, requests: int) -> None:
    fate = Fate()
    for n in range(requests):
        assert not fate.drops_now
        fate.take(parse_fault(fault) if n == 0 else DELIVER)
    assert fate.drops_now and fate.drops


@pytest.mark.parametrize("fault", ["lose request silently", "lose ack silently"])
def test_a_silent_connection_is_dead_and_stays_open(fault: str) -> None:
    fate = Fate()
    fate.take(parse_fault(fault))
    assert fate.is_silent and not fate.drops_now


def test_a_second_fault_on_a_connection_that_is_lost_changes_nothing() -> None:
    fate = Fate()
    fate.take(parse_fault("cut 2 1"))
    assert fate.take(parse_fault("lose request")) == (True, False)
