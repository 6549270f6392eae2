"""The two forms: what is asked, what is kept, and that nothing is said to an answer before its time."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from lesson_lib import afterwards, before, misconception_map, progress
from lesson_lib.teach import concepts, store
from lesson_lib.teach.concepts import SITTINGS, ConceptForm, change, right_keys, said_to, sittings
from lesson_lib.teach.content import Question, all_items
from lesson_lib.teach.lessons.concept_questions import CONCEPTS, FORMS, Concept
from lesson_lib.teach.message import Outcome

QUESTIONS = [question for concept in CONCEPTS for question in (concept.before, concept.after)]
DAY = date(2026, 11, 29)


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The day on which everything happens; its only entry can be changed."""
    days = [DAY]
    monkeypatch.setattr(concepts, "today", lambda: days[0])
    return days


def rights(sitting: str) -> str:
    """The right letters of a sitting, one behind the other."""
    return "".join(right_keys()[concepts.question_of(concept, sitting).id] for concept in CONCEPTS)


def answered(sitting: str, keys: str) -> ConceptForm:
    """A form after these letters, a dot for a question that is left out."""
    form = ConceptForm(sitting)
    for number, key in enumerate(keys, 1):
        if key != ".":
            assert form.answer(number, key).outcome == Outcome.NOTED
    return form


# what is asked

@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)
def test_one_option_is_true_of_the_run_and_every_other_is_an_idea(question: Question) -> None:
    runs = question.runs()
    true = [key for key in question.keys if question.option(key).is_true(*runs)]
    assert len(true) == 1 and true[0] == right_keys()[question.id]
    for key in question.keys:
        assert bool(question.option(key).misconception) == (key != true[0])


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda c: c.id)
def test_both_forms_ask_about_the_belief_on_another_surface(concept: Concept) -> None:
    one, other = concept.before, concept.after
    for question in (one, other):
        assert concept.belief in [option.misconception for option in question.options], "the belief can be chosen"
        assert 2 <= len(question.options) <= 4
    assert len(one.options) == len(other.options), "a guess is as good in both"
    assert right_keys()[one.id] != right_keys()[other.id], "whoever remembers a letter is wrong"
    assert not {option.text for option in one.options} & {option.text for option in other.options}
    assert one.text != other.text and one.explanation == other.explanation == concept.so


def test_there_are_twelve_and_no_letter_is_worth_more() -> None:
    assert len(CONCEPTS) == 12 and len({concept.id for concept in CONCEPTS}) == 12
    for form in ("before", "after"):
        assert all(3 <= rights(form).count(key) <= 5 for key in "abc")


def test_what_is_right_does_not_show_by_its_length() -> None:
    """The right option is about as often the longest as one would guess."""
    longest = [question.id for question in QUESTIONS
               if max(question.options, key=lambda o: len(o.text)).misconception == ""]
    assert len(longest) <= len(QUESTIONS) / 2


def test_they_ask_in_words_that_a_newcomer_has() -> None:
    """Words that the lessons explain first; `transactional_id` and `read_committed` are in what is so, which comes last."""
    asked = " ".join(" ".join([q.text, *(o.text for o in q.options)]) for q in QUESTIONS).lower()
    for word in ("epoch", "sequence", "producer id ", "fenc", "isolation", "read_committed", "transactional_id", "coordinator",
                 "marker", "leader", "replica", "in flight", "zombie", " ack ", " acks "):
        assert word not in asked, word
    for concept in CONCEPTS:
        assert "*transaction*" in concept.before.text or "transaction" not in concept.before.text


def test_none_of_them_is_a_lessons_question() -> None:
    texts = {item.text for item in all_items() if isinstance(item, Question)}
    assert not texts & {question.text for question in QUESTIONS}


# what is kept

def test_the_first_answer_counts_and_stands_apart_from_the_lessons() -> None:
    form = answered("before", "b..a")
    assert form.answer(1, "c").outcome == Outcome.INFO and form.answers == {"retry": "b", "process": "a"}
    form.hear("cc")
    assert form.answers == {"retry": "b", "highest": "c", "process": "a"}
    assert "0 of" in repr(progress()) and "concept" not in repr(progress()) and "You haven't answered" in repr(misconception_map())


@pytest.mark.parametrize("number, option", [(0, "a"), (13, "a"), ("1", "a"), (True, "a"), (1, "d"), (1, ""), (1, 3), (1, "ab")])
def test_what_is_no_answer_is_answered_with_what_there_is(number: Any, option: Any) -> None:
    said = before().answer(number, option)
    assert said.outcome == Outcome.CANNOT_RUN and said.text.endswith(".")
    assert before().answers == {}


def test_a_question_can_be_read_in_a_cell() -> None:
    shown = repr(before().ask(3))
    assert shown.startswith("3 of 12. Two guests") and "\na  " in shown and "\nc  " in shown and "`" not in shown
    assert "numbered 1 to 12" in repr(before().ask(99))


def test_the_wire_takes_what_the_card_writes() -> None:
    form = before()
    for written in ("b...........", "b.c.........", "zz?b", "", "b.c........a!", "b.c......c.."):
        form.link.asked.value = written
    assert form.answers == {"retry": "b", "content": "c", "process": "b", "end": "a"}
    assert form.finished and 'given' in form.link.told.value


def test_a_form_that_cannot_be_saved_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path / "file" / "folder"))
    form = ConceptForm("before")
    form.hear("b")
    assert "cannot be saved" in form.rich() and form.answers == {"retry": "b"} and capsys.readouterr().out == ""


def test_the_second_form_ends_the_first() -> None:
    answered("before", "a")
    answered("after", "a")
    said = before().answer(2, "a")
    assert said.outcome == Outcome.INFO and "wouldn't tell what you knew before" in said.text
    assert before().answers == {"retry": "a"} and "wouldn't tell" in repr(before()) and '"questions":[]' in before().rich()


def test_what_is_no_answer_in_the_file_does_no_harm() -> None:
    for entry in ({"answer": "z"}, {"answer": None}, {}, {"answer": ["a"]}, {"answer": "ab"}):
        store.record("before.retry", entry)
    store.record("after.finished", {"on": "one day"})
    assert before().answers == {} and not afterwards().finished
    assert sittings({"before.retry": [{"answer": "z"}, {"answer": "c"}], "before.gone": []})["before"] == {"retry": "c"}


def test_a_week_after_the_second_form_comes_a_third_sitting(day: list[date]) -> None:
    form = answered("after", "a" * 12)
    day[0] = date(2026, 12, 20)
    assert afterwards().sitting == "after", "it was never finished"
    form.finish()
    for later, sitting in ((date(2026, 12, 26), "after"), (date(2026, 12, 27), "later"), (date(2027, 5, 1), "later")):
        day[0] = later
        assert afterwards().sitting == sitting
    assert afterwards().answer(1, "b").outcome == Outcome.NOTED
    assert sittings(store.all_entries())["later"] == {"retry": "b"} and sittings(store.all_entries())["after"]["retry"] == "a"


# what is said, and when

def verdictless(form: ConceptForm) -> str:
    """What is on the screen and behind it, without the letters that were given."""
    return re.sub(r'"given":"[^"]*"', "", form.rich() + form.plain())


@pytest.mark.parametrize("sitting", SITTINGS)
def test_nothing_tells_right_from_wrong_while_questions_are_open(sitting: str) -> None:
    right, wrong = rights(sitting), "".join("b" if key == "a" else "a" for key in rights(sitting))
    before_any = verdictless(ConceptForm(sitting))
    said = [repr(ConceptForm(sitting).answer(1, right[0]))]
    after_right = verdictless(ConceptForm(sitting))
    store._unsaved.clear()
    (store.folder() / store.FILE).unlink()
    said.append(repr(ConceptForm(sitting).answer(1, wrong[0])))
    assert verdictless(ConceptForm(sitting)) == after_right == before_any and said[0] == said[1]
    for concept in CONCEPTS:
        assert concept.so not in before_any and concept.belief not in before_any


def test_finishing_the_first_form_says_nothing_either() -> None:
    right = answered("before", rights("before"))
    right.finish()
    shown = verdictless(right)
    (store.folder() / store.FILE).unlink()
    none = ConceptForm("before")
    none.finish()
    assert shown == verdictless(none) and "Your answers are kept." in shown and "right" not in shown.partition("<script>")[0]


def test_the_change_is_there_once_the_second_form_is_finished() -> None:
    answered("before", rights("before")[:3] + "........." )
    wrong = next(key for key in "abc" if key != rights("after")[1])
    form = answered("after", rights("after")[0] + wrong)
    assert "what is so" not in form.plain()
    form.finish()
    table = change()
    assert table.caption == "Right, of 12: 3 before, 1 after" and table.headings == ("what is so", "before", "after")
    idea = said_to(CONCEPTS[1], "after", wrong)
    assert table.rows[0][1:] == ("right", "right") and table.rows[1][1:] == ("right", f"wrong: {idea}")
    assert table.rows[2][1:] == ("right", "left out") and len(table.rows) == 12
    assert str(table) == form.plain() and "<table>" in form.rich() and form.answer(5, "a").outcome == Outcome.INFO


def test_a_form_that_is_finished_empty_shows_what_is_so() -> None:
    afterwards().finish()
    assert change().caption == "Right, of 12: none answered" and change().headings == ("what is so",)


def test_forms_are_the_two_that_the_questions_have() -> None:
    assert FORMS == SITTINGS[:2]


def test_a_day_that_is_none_does_not_keep_a_form_open() -> None:
    store.record("after.finished", {"on": "never"})
    form = afterwards()
    assert not form.finished
    form.finish()
    assert form.finished
