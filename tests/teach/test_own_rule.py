"""The rule of lesson 2 comes back in later lessons, from what was kept."""

from __future__ import annotations

import pytest

from lesson_lib import own_rule, show, simulate
from lesson_lib.draw.heading import names_of, small_print
from lesson_lib.explorer.explore import explore
from lesson_lib.history.story import as_story, recognised
from lesson_lib.teach import store
from lesson_lib.teach.tasks.learner_rule import LearnerBroker, function_in
from lesson_lib.text_table import WIDTH

EVERY_NUMBER = """def accept(batch, memory):
    key = (batch.producer, batch.number)
    known = key in memory
    memory[key] = True
    return not known
"""


def refused() -> list[str]:
    """The log after a refusal with four requests in flight, decided by the learner's rule."""
    return simulate(4, in_flight=4, faults={2: "refuse 6"}, client="java", rule=own_rule()).values()


def test_without_an_answer_a_common_rule_is_taken_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused() == ["m0", "m2", "m3"]
    said = capsys.readouterr().out
    assert "There's no rule of yours" in said and max(map(len, said.splitlines())) <= WIDTH


def test_what_is_dropped_without_having_been_stored_is_called_so() -> None:
    run = simulate(4, in_flight=4, faults={2: "refuse 6"}, client="java", rule=own_rule())
    assert run.attempts[-1].verdict == "duplicate" and run.told[1] == "ok" and "m1" not in run.values()
    picture = show(run)
    assert "taken for" in picture.svg and "offset -1" not in picture.svg
    said = f"{run}\n{as_story(run)}\n{recognised(run)}"
    assert said.count("taken for a duplicate") == 3 and "ok, no offset" in said and "offset -1" not in said
    [said] = [caption for caption in picture.playing.captions if "for a duplicate" in caption]
    assert said.startswith("The broker takes batch 1 for a duplicate, though the log holds nothing like it")
    again = show(simulate(3, faults={2: "lose ack"}))
    assert "taken for" not in again.svg and "= offset 1" in again.svg


def test_the_rule_that_was_kept_decides(capsys: pytest.CaptureFixture[str]) -> None:
    store.record("2.own-rule", {"outcome": "right", "answer": EVERY_NUMBER})
    assert refused() == ["m0", "m2", "m3", "m1"]
    assert "the rule that you wrote" in capsys.readouterr().out


def test_a_caption_says_whose_rule_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The reader's, or that of many where they wrote none; never the name of a class or function of ours."""
    settings = {"in_flight": 4, "client": "java", "faults": {2: "refuse 6"}}
    assert "simulated, a rule that many people write" in small_print(simulate(4, rule=own_rule(), **settings))
    store.record("2.own-rule", {"outcome": "right", "answer": EVERY_NUMBER})
    assert "simulated, your rule" in small_print(simulate(4, rule=own_rule(), **settings))
    found = explore(["a", "b"], faults=1, rule=own_rule())
    assert "simulated, your rule" in small_print(found.history(found.outcomes[0]))
    refusing = explore(["a", "b"], faults=1, rule=LearnerBroker(accept=lambda batch, memory: True, refusing=True))
    assert "simulated, your rule" in small_print(refusing.history(refusing.outcomes[0]))
    assert names_of([simulate(4, rule=own_rule()), simulate(4)]) == ["Your rule", "Kafka 4.4"]


def test_what_is_no_rule_is_passed_over() -> None:
    store.record("2.own-rule", {"outcome": "right", "answer": EVERY_NUMBER})
    store.record("2.own-rule", {"outcome": "wrong", "answer": "'accept'"})
    assert refused() == ["m0", "m2", "m3", "m1"]


@pytest.mark.parametrize("source", ["", "'accept'", "def accept(", "1 / 0", "import nowhere_at_all"])
def test_a_source_without_a_function_gives_none(source: str) -> None:
    assert function_in(source) is None


def test_it_comes_back_against_every_schedule_too() -> None:
    """In lesson 6, five in flight: `explore` tries it in many states at once, so nothing may be left in it between them."""
    found = [explore(["a", "b", "c"], in_flight=5, rule=own_rule()).anomaly_names for _ in range(2)]
    assert found == [["hole", "lost write"]] * 2
