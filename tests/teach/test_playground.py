"""The playground by call and by its controls: both run the same thing, and what happened before a change stays."""

from __future__ import annotations

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.sim import simulate
from lesson_lib.teach import playground
from lesson_lib.teach.playground_view import FAULTS, SWITCHES, PlaygroundView


def test_it_prints_the_call_that_makes_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    ground = playground(3, idempotence=False, faults={2: "lose ack"})
    call = capsys.readouterr().out.splitlines()[0]
    assert call == "simulate(3, idempotence=False, faults={2: 'lose ack'})"
    assert eval(call, {"simulate": simulate}) == ground.run


def test_a_change_keeps_what_was_before_it_and_drops_what_was_after() -> None:
    ground = playground(4, idempotence=False, faults={1: "lose ack", 4: "lose request"})
    before = ground.run
    ground.change(3, "lose ack")
    assert ground.faults == {1: "lose ack", 3: "lose ack"}
    sends = [a.send for a in ground.run.attempts[:3]]
    assert sends == [a.send for a in before.attempts[:3]]
    assert ground.before == before


def test_deliver_takes_a_fault_away() -> None:
    ground = playground(2, faults={1: "lose ack"})
    ground.change(1, "deliver")
    assert ground.call == "simulate(2)"


def test_the_old_future_stays_on_the_page() -> None:
    said = playground(2, idempotence=False).change(2, "lose ack")
    assert repr(said).count("told:") == 2 and "stored at offset 2" in repr(said)
    assert "<img" in said._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(("settings", "word"), [({"acks": 0}, "Idempotence"), ({"faults": {9: "lose ack"}}, "attempt"),
                                                ({"faults": {1: "loose ack"}}, "no fault"), ({"broker": "old"}, "broker")])
def test_what_cannot_be_run_says_why_and_changes_nothing(settings: dict, word: str) -> None:
    ground = playground(2)
    before = ground.run, ground.call
    assert word in ground.switch(**settings).text
    assert (ground.run, ground.call) == before


def test_it_has_room_for_twelve_attempts() -> None:
    with pytest.raises(LessonError, match="12"):
        playground(13)


def test_the_controls_do_the_same_as_the_calls() -> None:
    ground = playground(3, idempotence=False)
    view = PlaygroundView(ground)
    assert [one.description for one in view.attempts.children] == ["Attempt 1 (m0)", "Attempt 2 (m1)", "Attempt 3 (m2)"]
    view.attempts.children[1].value = "lose ack"
    view.button.click()
    assert ground.call == "simulate(3, idempotence=False, faults={2: 'lose ack'})"
    assert len(view.attempts.children) == 4 and "<img" in view.said.value and "lose ack" in view.said.value
    view.switches["idempotence"].value = True
    view.button.click()
    assert ground.call == "simulate(3, faults={2: 'lose ack'})" and ground.run.values() == ["m0", "m1", "m2"]


def test_the_first_changed_attempt_decides_what_is_kept() -> None:
    ground = playground(3, faults={1: "lose ack", 3: "lose ack"})
    view = PlaygroundView(ground)
    view.attempts.children[1].value = "refuse 19"
    view.button.click()
    assert ground.faults == {1: "lose ack", 2: "refuse 19"}


def test_a_mistake_at_the_controls_is_a_sentence() -> None:
    view = PlaygroundView(playground(2))
    view.switches["acks"].value = 0
    view.button.click()
    assert "Idempotence cannot work with acks=0" in view.said.value


def test_every_control_has_a_label() -> None:
    view = PlaygroundView(playground(3))
    labels = [one.description for one in (*view.attempts.children, *view.switches.values(), view.button)]
    assert all(labels) and len(set(labels)) == len(labels)


@pytest.mark.parametrize("fault", [fault for _, fault in FAULTS])
def test_every_fault_that_is_offered_can_be_run(fault: str) -> None:
    ground = playground(4, in_flight=5, idempotence=False)
    ground.change(1, fault)
    assert ground.faults == ({} if fault == "deliver" else {1: fault})


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, options, usual) in SWITCHES.items()
                                              for _, value in options if value != usual])
def test_every_switch_that_is_offered_can_be_set(name: str, value: object) -> None:
    ground = playground(2, idempotence=False)
    assert "simulate(2" in ground.switch(**{name: value}).text


def test_a_setting_without_a_control_stays() -> None:
    view = PlaygroundView(playground(4, records_per_batch=2, in_flight=7, idempotence=False))
    view.button.click()
    assert view.ground.call == "simulate(4, records_per_batch=2, in_flight=7, idempotence=False)"
