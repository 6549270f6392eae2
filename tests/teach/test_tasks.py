"""The kinds of exercise, apart from what any lesson asks: whatever a learner hands in, the answer is a sentence."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest

from lesson_lib import as_rule, exercise
from lesson_lib.core.producer_state import Appended, Duplicate, judge
from lesson_lib.errors import LessonError
from lesson_lib.sim import simulate
from lesson_lib.teach import store
from lesson_lib.teach.content import all_items, find, scenario
from lesson_lib.teach.message import Outcome
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.learner_rule import SeenBatch
from lesson_lib.teach.tasks.puzzle import FAULTS, MutantTask, PuzzleTask, schedules
from lesson_lib.teach.tasks.task import Task, given
from tests.draw.collisions import labels
from tests.teach import wrong_answers

TASK = {"id": "0.x", "text": "", "hints": ("one", "two"), "right": (given({}),), "explanation": "Because."}


def takes_all() -> Any:
    """A mutant that knows no duplicate."""
    return lambda entry, batch, end, version: Appended(end)


def at_or_below() -> Any:
    """The rule of many web pages: at or below the highest sequence is a duplicate."""
    def rule(entry: Any, batch: Any, end: int, version: Any) -> Any:
        if entry is not None and batch.base_sequence <= entry.last_sequence:
            return Duplicate(-1)
        return judge(entry, batch, end, version)
    return rule


def test_a_mutant_is_beaten_by_a_script_that_tells_it_from_kafka() -> None:
    task = MutantTask(**TASK, scenario=scenario(3), mutant=takes_all)
    said = task.check({2: "lose ack"})
    assert said.outcome == Outcome.RIGHT and "`m0 m1 m2`" in said.text and "`m0 m1 m1 m2`" in said.text
    assert task.check({2: "lose request"}).outcome == Outcome.WRONG
    assert "can't tell them apart" in task.check({}).text
    assert task.check(...).outcome == task.check({...: "lose ack"}).outcome == Outcome.NOT_ATTEMPTED


def test_the_rule_of_the_web_page_loses_the_first_batch() -> None:
    """KAFKA-15591 on a broker before 4.5: the first batch is refused, the second stored; the mutant then swallows the first."""
    task = MutantTask(**TASK, scenario=scenario(2, in_flight=5, client="java"), mutant=at_or_below)
    assert task.check({1: "refuse 19"}).outcome == Outcome.RIGHT
    assert task.check({1: "lose ack"}).outcome == Outcome.WRONG


@pytest.mark.parametrize("answer", [5, "lose ack", {2: "x"}, {0: "lose ack"}, {9: "lose ack"}])
def test_a_mutant_is_not_beaten_by_what_is_no_script(answer: Any) -> None:
    assert MutantTask(**TASK, scenario=scenario(3), mutant=takes_all).check(answer).outcome == Outcome.CANNOT_RUN


def test_a_mutant_is_beaten_within_the_budget() -> None:
    said = MutantTask(**TASK, scenario=scenario(3), mutant=takes_all).check({1: "lose ack", 2: "lose ack", 3: "repeat"})
    assert said.outcome == Outcome.OUTSIDE and "has 3 faults. You may use 2." in said.text


@pytest.mark.parametrize(("answer", "settings", "line"), [
    ({2: "lose request"}, {}, "✗ Wrong. With the script"),
    ({2: "loose ack"}, {}, "! Cannot run this. There is no fault 'loose ack'."),
    ({9: "lose ack"}, {}, "! Cannot run this. The fault '9: lose ack' never happened: only 3 requests were sent."),
    ({2: "delay 250"}, {}, "! Not in this exercise. 'delay 250' is a fault, but it doesn't count in this exercise"),
    ({1: "repeat", 2: "repeat", 3: "repeat"}, {}, "! Not in this exercise. Your script has 3 faults. You may use 2."),
    ({}, {"acks": 0}, "! Not in this exercise. acks=0 is not one of 1, 'all'."),
    ({}, {"akcs": 1}, "! Not in this exercise. You can't choose akcs= here. You choose the faults and acks.")])
def test_a_typo_a_fault_that_does_not_count_and_a_wrong_idea_are_told_apart(
        answer: Any, settings: dict[str, Any], line: str) -> None:
    assert find("2.skip-one").check(answer, **settings).line.startswith(line)


@pytest.mark.parametrize(("name", "answer", "line"), [
    ("2.two-copies", {3: "delay 200"}, "! Not in this exercise. 'delay 200' is a fault, but it doesn't count in this exercise."),
    ("2.make-log", {2: "delay 300"}, "! Not in this exercise. 'delay 300' is a fault, but it doesn't count in this exercise."),
    ("2.two-copies", {2: "cut 2 1"}, "✓ Right."),
    ("2.make-log", {1: "cut 3 1"}, "✗ Wrong. With the script '1: cut 3 1'"),
    ("6.forget", {2: "lose ack", 3: "fail over"}, "✗ Wrong. With the script"),
    ("4.one-copy", {2: "lose ack", 3: "forget idle ids"}, "! Not in this exercise. 'forget idle ids' is a fault")])
def test_a_fault_that_is_not_offered_is_wrong_nowhere_and_right_where_it_does_it(name: str, answer: Any, line: str) -> None:
    """But where "impossible" is the answer, it isn't judged at all."""
    assert find(name).check(answer).line.startswith(line)


def test_a_typo_is_answered_with_what_the_exercise_offers() -> None:
    said = find("2.two-copies").check({3: "loose ack"}).text
    assert said == ("There is no fault 'loose ack'. Choose one of: lose ack, lose request, refuse 19, store and answer 20, repeat.")
    assert "kill producer" in find("5.twice").check({3: "late"}).text


def test_what_was_not_judged_is_not_kept() -> None:
    for answer in ({2: "loose ack"}, {2: "delay 250"}, ...):
        exercise("2.skip-one").check(answer)
    assert store.all_entries() == {}


def test_no_puzzle_advertises_a_fault_that_it_does_not_count() -> None:
    assert '{9: "lose ack"}' in find("2.skip-one").check(...).text


def test_values_may_be_chosen_only_where_the_task_says_so() -> None:
    fixed = MutantTask(**TASK, scenario=scenario(3), mutant=takes_all)
    assert "can't choose values=" in fixed.check({}, values=["a"]).text
    free = MutantTask(**TASK, scenario=scenario(3), mutant=takes_all, choose_values=True)
    assert free.check({1: "lose ack"}, values=["a"]).outcome == Outcome.RIGHT
    for wrong in (5.5, 0, "ab", []):
        assert free.check({1: "lose ack"}, values=wrong).outcome == Outcome.CANNOT_RUN


@pytest.mark.parametrize("attempts,most", [(1, 0), (3, 1), (4, 2), (3, 3)])
def test_schedules_are_all_of_them_once_and_the_short_ones_first(attempts: int, most: int) -> None:
    found = list(schedules(attempts, most))
    assert [len(s) for s in found] == sorted(len(s) for s in found)
    assert len({tuple(s.items()) for s in found}) == len(found)
    from math import comb
    assert len(found) == sum(comb(attempts, n) * len(FAULTS) ** n for n in range(most + 1))


@pytest.mark.usefixtures("ends")
def test_a_call_is_bounded_and_leaves_no_trace_function() -> None:
    def forever(_: int) -> None:
        while True:
            try:
                pass
            except Exception:  # noqa: BLE001 - what a learner might write
                pass
    before = sys.gettrace()
    with pytest.raises(LessonError, match="forever didn't finish"):
        bounded.call(forever, 1, steps=1000)
    assert sys.gettrace() is before
    assert bounded.call(len, "abc") == 3


@pytest.mark.usefixtures("ends")
def test_what_catches_everything_is_refused_before_it_runs() -> None:
    ran: list[int] = []

    def bare(value: int) -> None:
        while True:
            try:
                ran.append(value)
            except:  # noqa: E722 - what a learner might write
                pass

    def all_by_name(value: int) -> None:
        try:
            ran.append(value)
        except (KeyError, BaseException):  # noqa: BLE001
            pass

    for function, line in ((bare, 5), (all_by_name, 4)):
        with pytest.raises(LessonError, match=f"{function.__name__} catches everything in its line {line}.*except KeyError"):
            bounded.call(function, 1)
    assert not ran


def test_a_function_without_source_is_called() -> None:
    names: dict[str, Any] = {}
    exec("def two():\n    return 2", names)
    assert bounded.call(names["two"]) == 2


ENDLESS = {
    "a loop that jumps to itself": "while True: pass",
    "the same with a number": "while 1: continue",
    "one line with something in it": "while True: n += 1",
    "a for": "for _ in itertools.count(): pass",
    "a list": "return [x for x in itertools.count() if x < 0]",
    "a set": "return {x for x in itertools.count() if x < 0}",
    "a dict": "return {x: x for x in itertools.count() if x < 0}",
    "the inner loop of two": "return [y for x in (1, 2) for y in itertools.count() if y < 0]",
    "a generator": "return any(x < 0 for x in itertools.count())",
    "a function in it": "return max(map(lambda x: x, itertools.count()))",
    "a loop in a function in it": "def inner():\n        while True: pass\n    inner()",
    "a loop in a generator in it": "def inner():\n        yield 1\n        while True: pass\n    return list(inner())",
    "a loop after an error": "try:\n        1 / 0\n    except ZeroDivisionError:\n        while True: pass",
}


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_a_loop_in_one_line_is_bounded_too(body: str) -> None:
    names: dict[str, Any] = {"itertools": itertools}
    exec(f"def endless(n):\n    {body}\n", names)
    with pytest.raises(LessonError, match="endless didn't finish within 1000 steps"):
        bounded.call(names["endless"], 1, steps=1000)


def test_only_a_loop_that_jumps_to_itself_is_followed_step_by_step() -> None:
    """Everything else would get slower for nothing."""
    names: dict[str, Any] = {}
    exec("def spins(): \n    while True: pass\n\n\ndef loops(): \n    while True: print()\n", names)
    assert bounded._spins(names["spins"].__code__) or sys.version_info >= (3, 12)  # from then on the jump has a line event
    assert not any(bounded._spins(f.__code__) for f in (names["loops"], bounded.call, find, takes_all))


def test_what_a_learners_function_raises_is_a_sentence_with_its_line() -> None:
    def broken(value: int) -> int:
        return [][value]

    def deep(value: int) -> int:
        return deep(value)
    line = broken.__code__.co_firstlineno + 1
    with pytest.raises(LessonError, match=rf"broken raised IndexError: .* \(line {line}\)"):
        bounded.call(broken, 1)
    with pytest.raises(LessonError, match="deep calls itself"):
        bounded.call(deep, 1)


def test_hints_come_one_by_one_and_the_last_stays() -> None:
    task = exercise("2.two-copies")
    said = [task.hint().text for _ in range(4)]
    assert said[0] != said[1] == said[2] == said[3]


def test_solutions_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = exercise("2.two-copies").solution()
    assert "task.check({3: 'lose ack'})" in repr(shown) and "<pre>" in shown.html
    monkeypatch.setenv("SOLUTIONS", "off")
    hidden = repr(exercise("2.two-copies").solution())
    assert "lose ack" not in hidden and "switched off" in hidden


def test_what_came_of_an_exercise_is_kept_with_its_code() -> None:
    task = exercise("1.silent-loss")
    task.check(...)
    assert store.entries("1.silent-loss") == []
    task.check({3: "lose request"}, acks=0)
    task.check({2: "lose request"}, acks=0)
    assert store.entries("1.silent-loss") == [
        {"outcome": "wrong", "answer": "{3: 'lose request'}", "settings": "{'acks': 0}"},
        {"outcome": "right", "answer": "{2: 'lose request'}", "settings": "{'acks': 0}"}]
    exercise("2.own-rule").check(takes_everything)
    assert store.entries("2.own-rule")[0]["answer"].startswith("def takes_everything(")


def takes_everything(batch: Any, memory: dict[Any, Any]) -> bool:
    """No rule at all."""
    return True


def test_a_rule_of_ones_own_runs_in_the_simulation_too() -> None:
    run = simulate(3, faults={2: "lose ack"}, rule=as_rule(takes_everything))
    assert run.values() == ["m0", "m1", "m1", "m2"]


def forgets_to_return(batch: Any, memory: dict[Any, Any]) -> Any:
    """Says nothing about a retry."""
    if batch.number not in memory:
        memory[batch.number] = True
        return True


def remembers_a_function(batch: Any, memory: dict[Any, Any]) -> bool:
    """Puts into memory what cannot be kept."""
    memory["f"] = lambda: batch
    return True


def quits(batch: Any, memory: dict[Any, Any]) -> bool:
    """Would take the kernel with it."""
    raise SystemExit(1)


class Callable_:
    """An object that can be called is a function too."""

    def __call__(self, batch: Any, memory: dict[Any, Any]) -> bool:
        known = (batch.producer, batch.number) in memory
        memory[batch.producer, batch.number] = 1
        return not known


def nothing_yet(batch: Any, memory: dict[Any, Any]) -> Any:
    """The stub of the notebook."""
    return ...


@pytest.mark.parametrize(("answer", "outcome", "words"), [
    (nothing_yet, Outcome.NOT_ATTEMPTED, "returns nothing yet"),
    (forgets_to_return, Outcome.CANNOT_RUN, "returned nothing for"),
    (remembers_a_function, Outcome.CANNOT_RUN, "memory can hold"),
    (Callable_(), Outcome.RIGHT, "your rule held"),
    (print, Outcome.NOT_ATTEMPTED, "nothing"),
    (quits, Outcome.CANNOT_RUN, "ended the program"),
    (dict, Outcome.CANNOT_RUN, "raised"),
])
def test_any_rule_gets_a_sentence(answer: Any, outcome: Outcome, words: str) -> None:
    said = find("2.own-rule").check(answer)
    assert (said.outcome, words in said.text) == (outcome, True), said.line


@pytest.mark.parametrize("answer", [{}, [], "", 0, b"x", {"a": 1}, {2: None}, {2: 5}, {2.5: "lose ack"}, {"2-": "lose ack"}, object(),
                                    {2: ["lose ack"]}, "2 lose ack", {(1, 2): "lose ack"}, lambda: 1, True])
def test_any_script_gets_a_sentence(answer: Any) -> None:
    for name in ("1.silent-loss", "2.make-log", "2.skip-one", "1.last-offset", "1.header", "2.own-rule"):
        said = find(name).check(answer)
        no_fault = isinstance(find(name), PuzzleTask) and answer in ({}, "")
        tried = no_fault or (name == "1.last-offset" and answer == 0 and answer is not False)
        assert said.outcome == (Outcome.WRONG if tried else Outcome.CANNOT_RUN) and said.text, (name, said.line)


NO_ANSWERS = ["loose ack", {2: "loose ack"}, {2: "lose akc"}, {99: "lose ack"}, {"x": "lose ack"}, 3.5, object(), [1, [2]], [object()],
              {"batches": "two", "in_flight": 1, "faults": 1}, {"batches": 1}, lambda a, b, c, d: 1 / 0, float("nan"), {2: None}, True,
              set(), b"x"]
TASKS = [item for item in all_items() if isinstance(item, Task)]


@pytest.mark.parametrize("task", TASKS, ids=[task.id for task in TASKS])
def test_what_is_no_answer_is_never_called_wrong(task: Task) -> None:
    for answer in NO_ANSWERS:
        assert task.check(answer).outcome in (Outcome.CANNOT_RUN, Outcome.NOT_ATTEMPTED), answer


def test_a_list_of_another_kind_cannot_be_checked_but_nothing_may_be_meant() -> None:
    numbers = find("3.count-numbers")
    assert numbers.check([1, None]).outcome == Outcome.WRONG and numbers.check(["1"]).outcome == Outcome.CANNOT_RUN


def test_a_script_without_an_end_is_over_any_budget() -> None:
    assert "You may use 1." in find("2.two-copies").check({"1+": "lose ack"}).text


def puzzle(**changes: Any) -> PuzzleTask:
    """A puzzle that nobody can solve: a log that lacks what was acknowledged."""
    return PuzzleTask(**TASK, **{"scenario": scenario(2, idempotence=False), "goal": "never", "reached": lambda run: run.values() == ["m1"],
                                 "world": {"batches": 2, "idempotence": False}, **changes})


def test_impossible_is_right_only_after_everything_was_tried() -> None:
    said = puzzle().check("impossible")
    assert said.outcome == Outcome.RIGHT and "None of the 16 scripts" in said.text and "states that the explorer" in said.text
    assert puzzle(reached=lambda run: run.values() == ["m0", "m0", "m1"]).check("impossible").outcome == Outcome.WRONG


def test_a_puzzle_that_only_the_explorer_can_solve_is_the_authors_mistake() -> None:
    said = puzzle(kinds=("lose request",), reached=lambda run: run.values() == ["m0", "m0", "m1"]).check("impossible")
    assert said.outcome == Outcome.CANNOT_RUN and "please report" in said.text


@pytest.mark.parametrize(("task", "script", "settings", "untrue"), [
    ("1.silent-loss", {2: "refuse 19"}, {"acks": 0}, "m1` got lost"),
    ("1.silent-loss", {2: "lose request silently"}, {"acks": 0}, "dropped"),
    ("3.beat-content", {1: "lose ack"}, {"values": ["a", "b", "a"]}, "got two oks"),
    ("3.beat-content", {2: "kill producer"}, {"values": ["coffee", "coffee"]}, "got two oks")])
def test_what_is_said_of_a_right_script_is_true_of_each(task: str, script: dict[int, str], settings: dict[str, Any], untrue: str) -> None:
    """Several scripts get there, by other ways than the author had in mind."""
    said = find(task).check(script, **settings)
    assert said.outcome == Outcome.RIGHT and untrue not in said.text


@pytest.mark.parametrize("rule", [wrong_answers.by_content, wrong_answers.takes_everything, wrong_answers.number_alone])
def test_the_counterexample_shows_the_learners_rule_and_nothing_of_kafkas(rule: Any) -> None:
    """Played again by hand: each verdict is what the rule returns, each box what it remembers then."""
    picture = find("2.own-rule").judge_function(rule).picture
    words = [(label.event, label.text) for label in labels(picture.canvas) if label.event is not None]
    assert not [text for _, text in words if "seq" in text or "epoch" in text or "duplicate" in text.split("\n")[0]]
    answers = [text for _, text in sorted(words) if text.startswith("your rule\n")]
    boxes = [text for _, text in sorted(words) if text.startswith("{")]
    memory: dict[Any, Any] = {}
    sent = [("a", 1, 0), ("a", 1, 1)] if rule is wrong_answers.by_content else []
    for (value, producer, number), answer, box in zip(sent, answers, boxes, strict=False):
        assert answer == f"your rule\nreturns {bool(rule(SeenBatch(value, producer, number), memory))}"
        assert box == repr(memory)
    assert answers and len(boxes) == len(answers)
    if rule is wrong_answers.takes_everything:
        assert set(answers) == {"your rule\nreturns True"}
