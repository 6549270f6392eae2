"""The playground by call and through its wire: both run the same thing, and what was chosen stays as long as it happens."""

from __future__ import annotations

import json
import random
from html import unescape
from typing import Any

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.history.story import as_story
from lesson_lib.sim import simulate
from lesson_lib.teach.playground import ANSWER, MORE, REQUEST, SWITCHES, Playground, playground
from lesson_lib.teach.runs_ahead import encoded

FAULTS = [fault for fault in (*REQUEST, *ANSWER, *MORE) if fault]


def asked(ground: Playground, faults: dict[int, str], **settings: Any) -> dict[str, Any]:
    """What the playground sends back when the picture asks for that."""
    ground.wire.asked.value = json.dumps({"key": str(faults), "faults": faults, "settings": {"idempotence": False, **settings}})
    told = json.loads(unescape(ground.wire.told.value))
    assert told["asked"] == str(faults)
    return told


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
        faults = {n: dice.choice(FAULTS) for n in range(1, len(ground.run.attempts) + 1) if dice.random() < 0.5}
        told = asked(ground, faults, in_flight=dice.choice([1, 3, 5]), client=dice.choice(["kafka-python", "java"]))
        assert eval(ground.call, {"simulate": simulate}) == ground.run
        dropped = {n for n, fault in faults.items() if n not in ground.faults}
        assert all(n > len(ground.run.attempts) and f"{n}: {faults[n]}" in told["said"] for n in dropped)


@pytest.mark.parametrize(("attempt", "word"), [(9, "only 2 requests were sent"), (0, "Requests are counted from"), ("2", "by its number")])
def test_an_attempt_that_does_not_happen_cannot_be_changed(attempt: int, word: str) -> None:
    ground = playground(2)
    assert word in ground.change(attempt, "lose ack").text
    assert ground.call == "simulate(2)" and ground.before is None


def test_a_script_as_it_stands() -> None:
    ground = playground(3, idempotence=False, faults={2: "lose ack"})
    assert ground.switch(faults="1-2: refuse 6").text.startswith("`simulate(3, idempotence=False, faults='1-2: refuse 6')`")
    assert ground.faults == {1: "refuse 6", 2: "refuse 6"} and "Choose a request from" in ground.switch(faults={9: "lose ack"}).text
    ground.switch(faults={})
    assert ground.call == "simulate(3, idempotence=False)"


def test_deliver_takes_a_fault_away() -> None:
    ground = playground(2, faults={1: "lose ack"})
    ground.change(1, "deliver")
    assert ground.call == "simulate(2)"


def test_the_run_before_is_shown_too() -> None:
    said = playground(2, idempotence=False).change(2, "lose ack")
    assert repr(said).count("told:") == 2 and "stored at offset 2" in repr(said)
    before, now = "No fault: Each record is stored once, acks=all", "Ack lost at request 2: m1 is stored twice"
    assert repr(said).index(before) < repr(said).index(now)
    html = said._repr_mimebundle_()["text/html"]
    assert "Two runs. No fault: A producer" in html and "<script>" in html, "and can be stepped through"


def test_running_the_same_again_keeps_the_run_before() -> None:
    ground = playground(2, idempotence=False)
    ground.change(2, "lose ack")
    before = ground.before
    assert "No fault:" in repr(ground.change(2, "lose ack")) and ground.before is before


def test_a_change_that_changes_nothing_says_so() -> None:
    said = playground(2, idempotence=False).switch(acks=1)
    assert said.text == "`simulate(2, idempotence=False, acks=1)`\nNothing has changed." and "Before," not in repr(said)


def test_a_cut_that_finds_too_little_in_flight_says_so() -> None:
    """Both lines of the menu do the same then."""
    ground = playground(3, idempotence=False)
    said = "Too few requests are in flight for `1: cut 3 1`. It does what `cut 2 1` does."
    assert said in ground.change(1, "cut 3 1").text and "Too few" not in ground.change(1, "cut 2 1").text
    assert ground.run.values() == ["m0", "m1", "m1", "m2"]
    ground.change(1, "cut 3 1")
    assert "Too few" not in ground.switch(in_flight=5).text
    assert ground.run.values() == ["m0", "m1", "m2", "m2", "m1"]


def test_a_fault_has_one_word_in_menu_table_and_caption() -> None:
    run = playground(3, idempotence=False, faults={2: "repeat"}).run
    assert REQUEST["repeat"] == "arrives twice" and "arrived twice" in run.table() and "arrives twice" in as_story(run)


@pytest.mark.parametrize(("settings", "word"), [({"acks": 0}, "Idempotence"), ({"faults": {9: "lose ack"}}, "request"),
                                                ({"faults": {1: "loose ack"}}, "no fault"), ({"broker": "old"}, "Kafka release")])
def test_what_cannot_be_run_says_why_and_changes_nothing(settings: dict, word: str) -> None:
    ground = playground(2)
    before = ground.run, ground.call
    assert word in ground.switch(**settings).text
    assert (ground.run, ground.call) == before


def test_it_has_room_for_twelve_attempts() -> None:
    with pytest.raises(LessonError, match="12"):
        playground(13)


def test_the_picture_does_the_same_as_the_calls() -> None:
    ground = playground(["a", "b"], idempotence=False)
    told = asked(ground, {2: "lose ack"}, acks=1)
    assert ground.call == "simulate(['a', 'b'], idempotence=False, acks=1, faults={2: 'lose ack'})"
    assert told["run"] == [encoded(ground.run), {"0": ["a"], "1": ["b"]}] and told["faults"] == {"2": "lose ack"} and not told["said"]
    asked(ground, {2: "lose ack"}, idempotence=True)
    assert ground.call == "simulate(['a', 'b'], idempotence=True, faults={2: 'lose ack'})", "a switch that is back is left out"
    assert ground.run.values() == ["a", "b"] and ground.before is not None and ground.before.values() == ["a", "b", "b"]


def test_what_the_picture_drops_is_said() -> None:
    ground = playground(2, idempotence=False, faults={2: "lose ack", 3: "lose ack"})
    told = asked(ground, {3: "refuse 19"})
    assert ground.call == "simulate(2, idempotence=False)" and told["faults"] == {}
    assert told["said"] == "There is no request 3 any more, so its fault is dropped: 3: refuse 19."


def test_a_mistake_in_the_picture_is_a_sentence_and_changes_nothing() -> None:
    ground = playground(2)
    told = asked(ground, {}, idempotence=True, acks=0)
    assert "Idempotence cannot work with acks=0" in told["said"] and "run" not in told
    assert ground.call == "simulate(2)"


def test_values_are_no_html() -> None:
    assert "</script><b>" not in playground(["</script><b>"], idempotence=False).rich()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_that_is_offered_can_be_run(fault: str) -> None:
    ground = playground(4, in_flight=5, idempotence=False)
    ground.change(1, fault)
    assert ground.faults == {1: fault}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, values) in SWITCHES.items()
                                              for value in values[1:]])
def test_every_switch_that_is_offered_can_be_set(name: str, value: object) -> None:
    ground = playground(2, idempotence=False)
    assert "simulate(2" in ground.switch(**{name: value}).text


def test_a_setting_without_a_switch_stays() -> None:
    ground = playground(4, records_per_batch=2, in_flight=7, idempotence=False)
    asked(ground, {}, in_flight=7)
    assert ground.call == "simulate(4, records_per_batch=2, in_flight=7, idempotence=False)"
    assert '"in flight",[1,2,3,4,5,7]' in ground.rich() and '"records_per_batch=2"' in ground.rich()


@pytest.mark.parametrize("settings", [{"partitions": 2}, {"consumer": True}])
def test_what_the_picture_cannot_draw_is_said(settings: dict) -> None:
    with pytest.raises(LessonError, match="one log and no consumer"):
        playground(2, **settings)
