"""The playground by call and by its controls: both run the same thing, and what was chosen stays as long as it happens."""

from __future__ import annotations

import random

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.sim import simulate
from lesson_lib.teach import playground
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.playground import FAULTS, SWITCHES, Playground, PlaygroundView


def test_it_prints_the_call_that_makes_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    ground = playground(3, idempotence=False, faults={2: "lose ack"})
    call = capsys.readouterr().out.splitlines()[0]
    assert call == "simulate(3, idempotence=False, faults={2: 'lose ack'})"
    assert eval(call, {"simulate": simulate}) == ground.run


def test_a_change_keeps_what_was_before_it_and_what_was_chosen_for_later() -> None:
    ground = playground(4, idempotence=False, faults={1: "lose ack", 4: "lose request"})
    before = ground.run
    ground.change(3, "lose ack")
    assert ground.faults == {1: "lose ack", 3: "lose ack", 4: "lose request"}
    sends = [a.send for a in ground.run.attempts[:3]]
    assert sends == [a.send for a in before.attempts[:3]]
    assert ground.before == before


def test_a_fault_may_be_called_as_the_controls_call_it() -> None:
    by_label, by_name = (playground(3, idempotence=False) for _ in range(2))
    by_label.change(2, "ack lost")
    by_name.change(2, "lose ack")
    assert by_label.faults == by_name.faults == {2: "lose ack"}


def test_what_is_no_text_is_no_fault() -> None:
    ground = playground(3, idempotence=False)
    assert "There is no fault ['lose ack']" in ground.change(2, ["lose ack"]).text  # type: ignore[arg-type]
    assert ground.faults == {}


def test_a_fault_whose_attempt_happens_no_more_is_dropped_and_named() -> None:
    ground = playground(2, idempotence=False, faults={1: "lose ack", 2: "lose ack", 4: "lose request"})
    said = ground.change(2, "deliver")
    assert ground.call == "simulate(2, idempotence=False, faults={1: 'lose ack'})"
    assert "There is no request 4 any more, so its fault is dropped: `4: lose request`." in said.text
    assert "dropped" not in ground.change(1, "deliver").text


def test_several_dropped_faults_are_all_named() -> None:
    ground = playground(1, faults={1: "lose ack", 2: "lose ack", 3: "lose ack"})
    said = ground.change(1, "deliver")
    assert ground.call == "simulate(1)"
    assert "There are no requests 2, 3 any more, so their faults are dropped: `2: lose ack; 3: lose ack`." in said.text


def test_a_switch_keeps_the_faults_that_still_happen_and_names_the_others() -> None:
    ground = playground(3, idempotence=False, faults={2: "refuse 19", 4: "lose ack"})
    said = ground.switch(retries=0)
    assert ground.call == "simulate(3, idempotence=False, retries=0, faults={2: 'refuse 19'})" and "`4: lose ack`" in said.text


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_chosen_the_printed_call_makes_the_same_run(seed: int) -> None:
    dice = random.Random(seed)
    ground = playground(dice.randint(1, 5), idempotence=False)
    for _ in range(3):
        faults = {n: dice.choice(FAULTS)[1] for n in range(1, len(ground.run.attempts) + 1) if dice.random() < 0.5}
        said = ground.choose(faults, in_flight=dice.choice([1, 3, 5]), client=dice.choice(["kafka-python", "java"]))
        call = said.text.split("`")[1]
        assert call == ground.call and eval(call, {"simulate": simulate}) == ground.run
        dropped = {n for n, fault in faults.items() if fault != "deliver" and n not in ground.faults}
        assert all(n > len(ground.run.attempts) and f"{n}: {faults[n]}" in said.text for n in dropped)


@pytest.mark.parametrize(("attempt", "word"), [(9, "only 2 requests were sent"), (0, "Requests are counted from"), ("2", "by its number")])
def test_an_attempt_that_does_not_happen_cannot_be_changed(attempt: int, word: str) -> None:
    ground = playground(2)
    assert word in ground.change(attempt, "lose ack").text
    assert ground.call == "simulate(2)" and ground.before is None


def test_deliver_takes_a_fault_away() -> None:
    ground = playground(2, faults={1: "lose ack"})
    ground.change(1, "deliver")
    assert ground.call == "simulate(2)"


def test_the_old_future_stays_on_the_page_as_a_ghost() -> None:
    said = playground(2, idempotence=False).change(2, "lose ack")
    assert repr(said).count("told:") == 2 and "stored at offset 2" in repr(said)
    assert "Before: Each record is stored once, idempotence off, acks=all, 1 in flight" in repr(said)
    html = said._repr_mimebundle_()["text/html"]
    assert "A run, and pale behind it the run before a change." in html and "<script>" in html, "and can be stepped through"


def test_running_the_same_again_keeps_the_ghost() -> None:
    ground = playground(2, idempotence=False)
    ground.change(2, "lose ack")
    before = ground.before
    assert "Before:" in repr(ground.change(2, "lose ack")) and ground.before is before


def test_a_change_that_changes_nothing_says_so() -> None:
    said = playground(2, idempotence=False).switch(acks=1)
    assert said.text == "`simulate(2, idempotence=False, acks=1)`\nNothing has changed." and "Before," not in repr(said)


@pytest.mark.parametrize(("settings", "word"), [({"acks": 0}, "Idempotence"), ({"faults": {9: "lose ack"}}, "request"),
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
    assert [one.description for one in view.attempts.children] == ["Request 1 (m0)", "Request 2 (m1)", "Request 3 (m2)"]
    view.attempts.children[1].value = "lose ack"
    view.button.click()
    assert ground.call == "simulate(3, idempotence=False, faults={2: 'lose ack'})"
    assert len(view.attempts.children) == 4 and "<img" in view.said.value and "lose ack" in view.said.value
    view.switches["idempotence"].value = True
    view.button.click()
    assert ground.call == "simulate(3, faults={2: 'lose ack'})" and ground.run.values() == ["m0", "m1", "m2"]


def test_all_that_was_chosen_in_one_go_is_kept() -> None:
    view = PlaygroundView(playground(3, idempotence=False))
    view.attempts.children[1].value = "lose ack"
    view.attempts.children[2].value = "refuse 19"
    view.button.click()
    assert view.ground.faults == {2: "lose ack", 3: "refuse 19"}
    assert [one.value for one in view.attempts.children] == ["deliver", "lose ack", "refuse 19", "deliver", "deliver"]


def test_what_the_controls_drop_is_said() -> None:
    view = PlaygroundView(playground(2, idempotence=False, faults={2: "lose ack", 3: "lose ack"}))
    view.attempts.children[1].value = "deliver"
    view.attempts.children[2].value = "refuse 19"
    view.button.click()
    assert view.ground.call == "simulate(2, idempotence=False)"
    assert "There is no request 3 any more, so its fault is dropped: <code>3: refuse 19</code>" in view.said.value
    assert len(view.attempts.children) == 2


def test_a_fault_beyond_the_controls_stays() -> None:
    faults = {1: "lose ack", 13: "lose ack"}
    view = PlaygroundView(Playground(Scenario(12, {"idempotence": False, "faults": faults})))
    assert len(view.attempts.children) == 12
    view.attempts.children[1].value = "refuse 19"
    view.button.click()
    assert view.ground.faults == {1: "lose ack", 2: "refuse 19", 13: "lose ack"}


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
