"""Questions as a learner meets them: shown, answered well and badly, revealed, answered again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lesson_lib import misconception_map, observe, progress, question, reveal
from lesson_lib.draw.picture import AT_ITS_END
from lesson_lib.errors import LessonError
from lesson_lib.teach import store
from lesson_lib.teach.ask import AskedQuestion
from lesson_lib.teach.content import find
from lesson_lib.teach.kernel_link import KernelLink
from lesson_lib.teach.message import Outcome, QuietMessage

RUN = find("2.lost-ack").scenario.run()
CONTROL = find("2.lost-request").scenario.run()


def seen(asked: AskedQuestion) -> str:
    """The card as it is without a script."""
    return asked.rich().partition("<script>")[0]


def test_a_question_shows_its_options_and_how_to_answer(capsys: pytest.CaptureFixture[str]) -> None:
    question("2.lost-ack")
    said = capsys.readouterr().out
    assert "simulate(3, faults={2: 'lose ack'}, idempotence=False)" in said
    assert all(f"  {key}  " in said for key in "abc")
    assert 'predict.answer("a", confidence=3)' in said
    assert "Not attempted" not in said


def test_its_html_says_the_same_and_escapes() -> None:
    rich = question("2.lost-ack").rich()
    assert "<code>m0 m1 m1 m2</code>" in rich and 'role="group"' in rich
    assert "`" not in rich.partition("<script>")[0]


@pytest.mark.parametrize("dots", [..., None])
def test_the_placeholder_is_no_answer(dots: Any) -> None:
    asked = question("2.lost-ack")
    assert asked.answer(dots).outcome == Outcome.NOT_ATTEMPTED
    assert store.all_entries() == {}


@pytest.mark.parametrize("option", ["e", "", "ab", 2, ["a"], "m0 m1 m2"])
def test_what_is_no_option_is_answered_with_the_options(option: Any) -> None:
    said = question("2.lost-ack").answer(option)
    assert said.outcome == Outcome.CANNOT_RUN and '"a", "b", "c" or "d"' in said.text
    assert store.all_entries() == {}


@pytest.mark.parametrize("sure", [0, 4, "3", True, 2.5, []])
def test_confidence_is_one_two_or_three(sure: Any) -> None:
    said = question("2.lost-ack").answer("b", confidence=sure)
    assert said.outcome == Outcome.CANNOT_RUN and "1 (a guess)" in said.text
    assert store.all_entries() == {}


def test_a_prediction_is_noted_and_not_judged() -> None:
    for key in "abc":
        said = question("2.lost-ack").answer(key, confidence=1)
        assert said.outcome == Outcome.NOTED and find("2.lost-ack").explanation not in said.text


def test_capital_letters_do() -> None:
    asked = question("2.lost-ack")
    asked.answer(" B ")
    assert asked.given == "b"


def test_the_first_answer_stays_the_first() -> None:
    asked = question("2.lost-ack")
    asked.answer("a", confidence=3)
    said = asked.answer("b", confidence=2)
    asked.answer("b", confidence=2)
    assert store.entries("2.lost-ack") == [{"answer": "a", "confidence": 3}, {"answer": "b", "confidence": 2}]
    assert "first answer, a, stays" in said.text
    assert question("2.lost-ack").given == "b"
    assert question("2.lost-ack").answer(...).text.startswith("You said b, fairly sure.")


def test_recall_is_judged_at_once() -> None:
    assert question("2.recall-batch").answer("b").outcome == Outcome.RIGHT
    said = question("2.recall-batch").answer("a")
    assert said.outcome == Outcome.WRONG and "the second batch starts at offset 3." in said.text


def test_a_cell_that_is_run_again_says_again_what_the_answer_was_worth() -> None:
    first = question("2.recall-batch").answer("a")
    again = question("2.recall-batch").answer(...)
    assert (again.outcome, again.text) == (first.outcome, first.text)


def test_reveal_holds_the_prediction_against_the_run() -> None:
    predict = question("2.lost-ack")
    predict.answer("a", confidence=3)
    said = reveal(RUN, predict)
    assert said.outcome == Outcome.WRONG
    assert "  " not in said.text
    assert "You predicted a (sure)" in said.text and "the log holds `m0 m1 m1 m2`" in said.text and "shows b" in said.text
    predict.answer("b")
    assert reveal(RUN, predict).outcome == Outcome.RIGHT


def test_reveal_without_a_prediction_scolds_nobody_and_draws() -> None:
    said = reveal(RUN, question("2.lost-ack"))
    assert said.outcome == Outcome.INFO and said.text.startswith("The run shows b: ")
    bundle = said._repr_mimebundle_()
    assert "<img" in bundle["text/html"] and 'alt="' in bundle["text/html"] and "stored at offset 2" in bundle["text/plain"]


def test_reveal_is_about_the_run_that_it_is_given() -> None:
    """Another run than the one asked about, from a cell further up or with another setting, is drawn and not judged."""
    predict = question("2.lost-ack")
    predict.answer("b")
    assert reveal(find("2.lost-ack").scenario.run(), predict).outcome == Outcome.RIGHT
    for other in (CONTROL, find("2.refused-first").scenario.run()):
        said = reveal(other, predict)
        assert said.outcome == Outcome.INFO and "isn't the run that 2.lost-ack asks about" in said.text and said.picture
        assert said.picture.playing.opens_at == AT_ITS_END, "nothing was predicted of it"


def test_reveal_with_a_control_draws_both() -> None:
    both = reveal(RUN, question("2.lost-ack"), control=CONTROL)
    assert "stored at offset 2" in repr(both) and "lost" in repr(both)


def test_a_question_about_two_runs_wants_both() -> None:
    predict = question("2.two-worlds")
    with pytest.raises(LessonError, match="control="):
        reveal(RUN, predict)
    predict.answer("c")
    assert reveal(*[find("2.two-worlds").scenario.run(), predict], control=find("2.two-worlds").control.run()).outcome == Outcome.RIGHT


def test_reveal_wants_a_question() -> None:
    with pytest.raises(LessonError, match="reveal"):
        reveal(RUN, "2.lost-ack")  # type: ignore[arg-type]


def test_an_observation_is_checked_against_the_run_at_hand() -> None:
    assert observe("2.copies", RUN).answer("a").outcome == Outcome.RIGHT
    said = observe("2.copies", RUN).answer("b")
    assert said.outcome == Outcome.WRONG and "told offset 2" in said.text and said.text.endswith("Look again.")
    assert observe("2.copies", CONTROL).answer("b").outcome == Outcome.RIGHT


def test_the_card_says_what_was_answered_and_nothing_before() -> None:
    asked = question("2.lost-ack")
    assert "You said" not in seen(asked) and "You said" not in asked.plain()
    asked.answer("a", confidence=3)
    asked.answer("b", confidence=1)
    assert "You said b, a guess. Your first answer, a, stays on record." in seen(asked)
    assert "You said b, a guess." in asked.plain()


def test_without_a_script_a_card_has_no_verdict_and_no_answer() -> None:
    for item in ("2.recall-batch", "2.lost-ack"):
        text = seen(question(item))
        assert find(item).explanation not in text and "Right" not in text and "Run this cell to answer." in text


def test_dots_and_an_answer_on_its_own_card_show_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = question("2.recall-batch")
    assert asked.answer(...)._ipython_display_() is None  # type: ignore[func-returns-value]
    monkeypatch.setattr("lesson_lib.teach.message.cell_number", lambda: 7)
    asked.show()
    assert isinstance(asked.answer("b"), QuietMessage)
    monkeypatch.setattr("lesson_lib.teach.message.cell_number", lambda: 8)
    assert not isinstance(asked.answer("b"), QuietMessage), "in another cell it is said there"


def test_the_wire_takes_what_the_card_writes() -> None:
    asked = question("2.lost-ack")
    for written in ("b2", "c", "z3", "", "b9", "b", "a1"):
        asked.link.asked.value = written
    assert store.entries("2.lost-ack") == [{"answer": "b", "confidence": 2}, {"answer": "c"}, {"answer": "b"},
                                           {"answer": "a", "confidence": 1}]
    assert asked.link.box.layout.display == "none"


def test_a_card_says_what_the_kernel_would_only_print(progress: Path, monkeypatch: pytest.MonkeyPatch,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    asked = AskedQuestion(find("1.acks-0"))
    asked.hear("b3")
    assert 'role="alert"' not in asked.rich()
    (progress / "file").write_text("in the way")
    monkeypatch.setenv("LESSON_PROGRESS", str(progress / "file" / "folder"))
    asked.hear("a1")
    assert '<p role="alert">Your answers cannot be saved in ' in asked.rich() and "You said a, a guess." in asked.rich()
    assert capsys.readouterr().out == ""


def test_a_card_asks_how_sure_one_is_but_not_of_what_was_just_seen() -> None:
    assert '"sures":["A guess","Fairly sure","Sure"]' in question("2.recall-batch").rich()
    assert '"sures":[]' in observe("2.copies", RUN).rich()


def test_progress_counts_what_the_runs_confirm() -> None:
    assert "0 of" in repr(progress(2))
    question("2.lost-ack").answer("a")
    question("2.recall-batch").answer("b")
    shown = repr(progress(2))
    assert shown.startswith("1 of") and "2.lost-ack" in shown and "wrong" in shown
    assert "<table>" in progress()._repr_mimebundle_()["text/html"]
    assert "no questions" in repr(progress(99))


def test_the_map_is_drawn_from_first_answers() -> None:
    assert "You haven't answered a question yet" in repr(misconception_map())
    question("2.recall-batch").answer("b")
    assert "none of your first answers was wrong" in repr(misconception_map())
    asked = question("2.lost-ack")
    asked.answer("a", confidence=3)
    asked.answer("b", confidence=3)
    question("2.refused-first").answer("b", confidence=1)
    rows = misconception_map().rows
    assert [row[0] for row in rows] == ["a broker knows a retry when it sees one", "one connection keeps the order"]
    assert rows[0][1] == "2.lost-ack" and find("2.lost-ack").text.startswith(rows[0][2].removesuffix(" …"))
    assert rows[0][3:] == ("`m0 m1 m2`, and three oks.", "sure", "`m0 m1 m1 m2`, and three oks.")


def test_answers_of_another_edition_do_no_harm() -> None:
    for entry in ({"answer": "z"}, {"answer": None}, {}, {"answer": "a", "confidence": "very"}):
        store.record("2.lost-ack", entry)
    store.record("2.gone", {"answer": "a"})
    store.record("2.own-rule", {"outcome": 5})
    assert repr(progress()) and repr(misconception_map())
    assert reveal(RUN, question("2.lost-ack")).text


def test_a_link_says_nothing_where_widgets_are_older_ones() -> None:
    """ipywidgets 7, which Colab has, shows a widget in another way."""
    link = KernelLink("card", lambda words: None)
    assert link._repr_mimebundle_().keys() > {"text/plain", "text/html"}
    link.box = object()
    assert link._repr_mimebundle_() == {"text/plain": "", "text/html": ""}


@pytest.mark.parametrize(("item", "runs"), [
    ("2.copies", [5]), ("2.copies", [RUN, CONTROL]), ("2.copies", ["2.copies"]), ("2.two-worlds", [RUN]), ("2.two-worlds", [RUN, None])])
def test_an_observation_wants_the_runs_that_it_is_about(item: str, runs: list[Any]) -> None:
    with pytest.raises(LessonError, match=rf"observe\('{item}', run"):
        observe(item, *runs)
