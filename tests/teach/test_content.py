"""All questions and exercises of all lessons: the author's right answers pass, the wrong ones fail with a sentence."""

from __future__ import annotations

import re
from functools import cache

import pytest

from lesson_lib.errors import LessonError
from lesson_lib.teach.content import Question, Scenario, all_items, find, lesson_items
from lesson_lib.teach.message import Message, Outcome
from lesson_lib.teach.tasks.task import SampleAnswer, Task
from lesson_lib.text_table import inline_html
from tests.teach.wrong_answers import WRONG

QUESTIONS = [item for item in all_items() if isinstance(item, Question)]
TASKS = [item for item in all_items() if isinstance(item, Task)]
LESSONS = [number for number in range(10) if lesson_items(number)]


def cases(which: str) -> list:
    """(task, number of the answer) for each right or wrong answer that an author wrote down."""
    return [pytest.param(task, number, id=f"{task.id}-{number}")
            for task in TASKS for number in range(len(answers(task, which)))]


def answers(task: Task, which: str) -> tuple[SampleAnswer, ...]:
    """Those that must pass, or those that must not."""
    return task.right if which == "right" else WRONG[task.id]


@cache
def said_to(task_id: str, which: str, number: int) -> Message:
    """What is said to one of the author's answers; each is checked once."""
    task = find(task_id)
    given = answers(task, which)[number]
    return task.check(given.answer, **given.settings)


def test_ids_are_unique_and_say_their_lesson() -> None:
    ids = [item.id for item in all_items()]
    assert len(ids) == len(set(ids))
    for number in LESSONS:
        assert all(re.fullmatch(rf"{number}\.[a-z0-9-]+", item.id) for item in lesson_items(number))


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_has_what_a_lesson_needs(number: int) -> None:
    kinds = [item.kind for item in lesson_items(number)]
    assert kinds.count("recall") == 3 and kinds[:3] == ["recall"] * 3
    assert kinds.count("prediction") >= 2
    assert kinds.count("observation") >= 1
    assert 2 <= kinds.count("exercise") <= 5


@pytest.mark.parametrize("item", QUESTIONS, ids=lambda q: q.id)
def test_exactly_one_option_is_true_of_the_run(item: Question) -> None:
    runs = item.runs()
    true = [key for key in item.keys if item.option(key).is_true(*runs)]
    assert len(true) == 1 and item.truth(*runs) == true[0]
    assert 2 <= len(item.options) <= 4
    assert item.text.strip() and item.explanation.strip()


@pytest.mark.parametrize("item", QUESTIONS, ids=lambda q: q.id)
def test_each_wrong_option_has_a_name_and_a_contradiction(item: Question) -> None:
    runs = item.runs()
    for key in item.keys:
        option = item.option(key)
        if key == item.truth(*runs):
            assert not option.misconception and not option.against
        else:
            assert option.misconception
            assert option.contradiction(*runs).endswith(".")


@pytest.mark.parametrize("item", QUESTIONS, ids=lambda q: q.id)
def test_no_sign_of_the_markup_is_left_on_the_page(item: Question) -> None:
    said = [item.text, item.explanation, *(option.text for option in item.options)]
    shown = re.sub(r"<code>.*?</code>", "", " ".join(inline_html(words) for words in said))
    assert "`" not in shown and "*" not in shown


@pytest.mark.parametrize("text, shown", [
    ("a *lost write* of `m2`", "a <em>lost write</em> of <code>m2</code>"),
    ("nobody **knows**", "nobody <strong>knows</strong>"),
    ("2 * 3 * 4", "2 * 3 * 4"),
    ("`f(*a, *b)`", "<code>f(*a, *b)</code>"),
    ("*a <b*", "<em>a &lt;b</em>")])
def test_backticks_are_code_and_stars_emphasis(text: str, shown: str) -> None:
    assert inline_html(text) == shown


@pytest.mark.parametrize("item", [q for q in QUESTIONS if q.kind in ("prediction", "observation")], ids=lambda q: q.id)
def test_predictions_and_observations_are_about_a_run(item: Question) -> None:
    assert item.scenario is not None


def test_right_answers_are_spread_over_the_letters() -> None:
    letters = [item.truth(*item.runs()) for item in QUESTIONS]
    assert max(letters.count(letter) for letter in "abc") <= 0.6 * len(letters)


@pytest.mark.parametrize(("task", "number"), cases("right"))
def test_right_answers_pass(task: Task, number: int) -> None:
    said = said_to(task.id, "right", number)
    assert said.outcome == Outcome.RIGHT, said.line
    assert task.explanation in said.text


@pytest.mark.parametrize(("task", "number"), cases("wrong"))
def test_wrong_answers_fail_with_a_sentence(task: Task, number: int) -> None:
    said = said_to(task.id, "wrong", number)
    assert said.outcome in (Outcome.WRONG, Outcome.CANNOT_RUN, Outcome.OUTSIDE), said.line
    assert len(said.text) > 20 and said.text.rstrip()[-1] in ".?!`"
    assert "object at 0x" not in said.text and "Traceback" not in said.text


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.id)
def test_wrong_ideas_are_among_the_wrong_answers(task: Task) -> None:
    outcomes = [said_to(task.id, "wrong", number).outcome for number in range(len(WRONG[task.id]))]
    assert outcomes[0] == Outcome.WRONG and outcomes.count(Outcome.WRONG) >= 2


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.id)
def test_placeholders_are_not_attempts(task: Task) -> None:
    for dots in (..., None, "..."):
        assert task.check(dots).outcome == Outcome.NOT_ATTEMPTED
    assert task.hints and len(WRONG[task.id]) >= 3


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.id)
def test_a_solution_can_be_pasted_into_a_cell(task: Task) -> None:
    said: list = []

    class Held:
        def check(self, *answer: object, **settings: object) -> None:
            said.append(task.check(*answer, **settings))
    exec(compile(task.solution, "<cell>", "exec"), {"task": Held()})
    assert [one.outcome for one in said] == [Outcome.RIGHT]


@pytest.mark.parametrize("name", ["2.no-such", "2", "", "nine.x", "77.x"])
def test_an_unknown_id_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(LessonError, match="choose one of|begins with the number"):
        find(name, Question)


def test_an_exercise_is_no_question() -> None:
    with pytest.raises(LessonError, match="2.lost-ack"):
        find("2.two-copies", Question)


def test_a_scenario_is_the_call_that_makes_it() -> None:
    from lesson_lib.sim import simulate
    one = Scenario(("a", "b"), {"faults": {1: "lose ack"}, "idempotence": False})
    assert str(one) == "simulate(['a', 'b'], faults={1: 'lose ack'}, idempotence=False)"
    assert eval(str(one), {"simulate": simulate}).values() == one.run().values() == ["a", "a", "b"]


def test_a_record_that_was_never_sent_has_its_name_in_what_contradicts() -> None:
    question = find("5.next-record")
    assert "unknown for `m0`, `m1`" in question.option("a").contradiction(*question.runs())
