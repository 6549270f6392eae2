"""Answers are judged again from what the cells say: every item of every lesson, right and wrong, and answers that attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from course_tools.report.checker import Checker
from course_tools.report.confined import Bounds
from course_tools.report.copies import read
from course_tools.report.learner_values import LearnerFunction, _done
from course_tools.report.model import ItemState
from lesson_lib import draw
from lesson_lib.teach.content import Question, all_items, lesson_items
from lesson_lib.teach.tasks.function import PlayTask, SameOutputTask, ValueTask
from lesson_lib.teach.tasks.learner_rule import RuleTask

LESSONS = [number for number in range(1, 8) if lesson_items(number)]
FUNCTION = next(item for item in all_items() if isinstance(item, SameOutputTask))
RULE = next(item for item in all_items() if isinstance(item, RuleTask))
PLAY = next(item for item in all_items() if isinstance(item, PlayTask))
QUESTION = next(item for item in all_items() if isinstance(item, Question) and item.kind == "prediction")
RIGHT = QUESTION.truth(*QUESTION.runs())
WRONG = next(key for key in QUESTION.keys if key != RIGHT)
VALUE = next(item for item in all_items() if isinstance(item, ValueTask))


def asks(*lines: str) -> str:
    """A cell with the question, and what is made of it."""
    return "\n".join((f'predict = question("{QUESTION.id}")', *lines))


def hands_in(task: Any, *body: str) -> str:
    """A cell in which a function with that body is handed in."""
    arguments = "batch, memory" if isinstance(task, RuleTask) else "given"
    lines = "\n".join(f"    {line}" for line in body)
    return f'task = exercise("{task.id}")\ndef mine({arguments}):\n{lines}\ntask.check(mine)'


@pytest.mark.parametrize("number", LESSONS)
@pytest.mark.parametrize("how", ["right", "wrong"])
def test_judges_every_item_as_the_lesson_does(checker: Checker, copies: Any, number: int, how: str) -> None:
    report = checker.notebook(copies.lesson(number, how), "copy")
    assert [result.id for result in report.results] == [item.id for item in lesson_items(number)]
    assert {result.id: (result.state, result.said) for result in report.results if result.state != how} == {}
    assert not report.errors
    misses = [r for r in report.results if r.kind in ("recall", "choice", "prediction", "observation") and how == "wrong"]
    assert all(result.misconception for result in misses)


def test_dots_are_not_attempted(checker: Checker, copies: Any) -> None:
    report = checker.notebook(copies.lesson(LESSONS[0], "empty"), "copy")
    assert {result.state for result in report.results} == {ItemState.NOT_ATTEMPTED}


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[3].glob("notebooks/[0-9][0-9]-*.ipynb")), ids=lambda path: path.stem[:2])
def test_a_notebook_as_it_is_shipped_is_not_attempted(checker: Checker, path: Path) -> None:
    report = checker.notebook(read(path), path.stem)
    assert not report.errors and report.results
    assert {r.id: r.said for r in report.results if r.state != ItemState.NOT_ATTEMPTED} == {}, "a stub is no attempt"


@pytest.mark.parametrize("lines", [
    ("letters = {}", f"letters['it'] = '{RIGHT}'", "predict.answer(letters['it'])"),
    (f"predict.answer('{RIGHT}')", "predict.answer(...)"),
    ("predict.answer('z')", f"predict.answer(option='{RIGHT}', confidence=3)"),
    (f"predict.answer('{RIGHT}')", "predict.answer('z')"),
    (f"predict.answer('{WRONG}')", f"predict.answer('{RIGHT}')"),
])
def test_answers_however_they_are_written(judged: Any, lines: tuple[str, ...]) -> None:
    assert judged(asks(*lines))[QUESTION.id].state == ItemState.RIGHT


@pytest.mark.parametrize(("written", "confidence"), [("3", 3), ("99", 0), ("True", 0), ("'3'", 0)])
def test_confidence_is_one_of_three(judged: Any, written: str, confidence: int) -> None:
    result = judged(asks(f"predict.answer('{RIGHT}', confidence={written})"))[QUESTION.id]
    assert (result.state, result.confidence) == (ItemState.RIGHT, confidence)


@pytest.mark.parametrize("dots", ["...", "'...'", "None", "{'batches': ...}", ""])
def test_a_placeholder_is_no_attempt(judged: Any, dots: str) -> None:
    assert judged(f'task = exercise("{VALUE.id}")\ntask.check({dots})')[VALUE.id].state == ItemState.NOT_ATTEMPTED


def test_what_a_function_plays_on_does_public_methods_alone() -> None:
    class Played:
        done: list[str] = []

        def shown(self, what: str) -> None:
            self.done.append(what)

        def _hidden(self, what: str) -> None:
            self.done.append(what)

    said = [_done([Played()], 0, name, [{"value": repr(name)}], {}) for name in ("_hidden", "done", "shown")]
    assert said == [{"raised": "There is no _hidden() to call."}, {"raised": "There is no done() to call."}, {"value": "None"}]
    assert Played.done == ["shown"]


def test_magics_and_cells_that_are_no_python_are_passed_over(judged: Any) -> None:
    assert judged("if this is no Python", "%%time\n" + asks("!ls", f"predict.answer('{RIGHT}')"))[QUESTION.id].state == ItemState.RIGHT


def test_a_name_that_is_nowhere_is_no_answer(judged: Any) -> None:
    result = judged(asks("predict.answer(nowhere)"))[QUESTION.id]
    assert result.state == ItemState.NOT_CHECKED and "nowhere" in result.said


def test_a_loop_elsewhere_has_no_part_in_an_answer(judged: Any) -> None:
    assert judged("while True:\n    pass", "x = 1", asks(f"predict.answer('{RIGHT}')"))[QUESTION.id].state == ItemState.RIGHT


def test_a_patch_in_the_copy_does_not_reach_the_judge(judged: Any) -> None:
    wrong = WRONG
    patch = f"from lesson_lib.teach.content import Question\nQuestion.truth = lambda *any: '{wrong}'"
    assert judged(patch, asks(f"letter = (Question, '{wrong}')[1]", "predict.answer(letter)"))[QUESTION.id].state == ItemState.WRONG


FORGE = ("import os, stat", "for fd in range(3, 64):",
         "    if os.path.exists(f'/dev/fd/{fd}') and stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'LINE\\n')")


def forged(line: str) -> tuple[str, ...]:
    """A function that says that line to the judge before it answers."""
    return *(part.replace("LINE", line) for part in FORGE), "return 1"


@pytest.mark.parametrize("body", [
    ("from lesson_lib.teach.tasks.function import SameOutputTask", "SameOutputTask.check = lambda *any: None", "return 1"),
    forged('{"value": "1"}'), forged('{"did": [], "value": "1"}'), forged("5"), forged("[[["), forged('{"did": [{}, 5]}'),
    forged('{"did": [{"on": 99, "does": "commit", "with": [], "named": {}}], "kept": {"0": 5, "x": []}}'),
    ("import os", "os._exit(0)"),
    ("import os", "os.killpg(0, 9)"),
    ("return bytearray(10 ** 12)",),
    ("while True:", "    given = None"),
    ("class Same:", "    __eq__ = lambda *any: True", "return Same()"),
    ("1 / 0",),
    ("raise SystemExit(0)",),
    ("return input()",),
])
def test_functions_that_attack_are_wrong(judged: Any, body: tuple[str, ...]) -> None:
    found = judged(hands_in(FUNCTION, *body), asks(f"predict.answer('{RIGHT}')"))
    assert found[FUNCTION.id].state == ItemState.WRONG and found[QUESTION.id].state == ItemState.RIGHT


def test_a_function_that_kills_all_it_can_costs_its_own_item(judged: Any, behind_a_wall: None) -> None:
    body = ("import os", "os.kill(-1, 9)", "return 1")
    found = judged(hands_in(FUNCTION, *body), asks(f"letter = '{RIGHT}'", "predict.answer(letter)"))
    assert found[FUNCTION.id].state == ItemState.WRONG and found[QUESTION.id].state == ItemState.RIGHT


def test_a_function_that_never_ends_in_c_is_given_up_and_the_rest_is_judged(copies: Any) -> None:
    checker = Checker(Bounds(item=6))
    report = checker.notebook(copies.notebook(hands_in(FUNCTION, "return 10 ** 10 ** 10"), asks(f"predict.answer('{RIGHT}')")), "copy")
    checker.close()
    found = {result.id: result for result in report.results}
    assert found[FUNCTION.id].state == ItemState.NOT_CHECKED and "6 seconds" in found[FUNCTION.id].said
    assert found[QUESTION.id].state == ItemState.RIGHT


@pytest.mark.parametrize("answer", ["-" * 100_000 + "1", " + ".join(["1"] * 5000), "'\ud800'", "(" * 5000 + ")" * 5000, "9" * 10_000])
def test_an_answer_that_python_cannot_read_costs_its_own_item(judged: Any, answer: str) -> None:
    found = judged(f'task = exercise("{FUNCTION.id}")\ntask.check({answer})', "x = 1", asks("x", f"predict.answer('{RIGHT}')"))
    assert found[FUNCTION.id].state != ItemState.RIGHT and found[QUESTION.id].state == ItemState.RIGHT


@pytest.mark.parametrize("cell", ["-" * 100_000 + "1", "x = " + " + ".join(["1"] * 5000), "x = '\ud800'"])
def test_a_cell_that_python_cannot_read_costs_no_other(judged: Any, cell: str) -> None:
    found = judged(cell, asks(f"letter = '{RIGHT}'", "predict.answer(letter)"))
    assert found[QUESTION.id].state == ItemState.RIGHT


def test_an_expression_cannot_change_what_judges(judged: Any, behind_a_wall: None) -> None:
    path = Path(draw.__file__)
    before, wrong = path.read_bytes(), next(key for key in QUESTION.keys if key != RIGHT)
    patch = f"def letter():\n    open({str(path)!r}, 'w').write('')\n    return '{wrong}'"
    assert "Read-only" in judged(patch, asks("predict.answer(letter())"))[QUESTION.id].said
    assert path.read_bytes() == before


@pytest.mark.parametrize("body", [
    ("kafka.world.events.append(1)",), ("kafka._anything",), ("kafka._end_offsets({})",), ("kafka.missing()",), ("kafka.wait('long')",),
    ("while True:", "    kafka.wait(1)"),
])
def test_what_a_function_plays_on_stays_out_of_its_reach(judged: Any, body: tuple[str, ...]) -> None:
    """Whatever is not a public method called with plain values raises in the learner's function."""
    source = "\n".join(("def play(kafka):", *(f"    {line}" for line in body)))
    found = judged(f'task = exercise("{PLAY.id}")\n{source}\ntask.check(play)')[PLAY.id]
    assert found.state == ItemState.WRONG and ("play raised" in found.said or "didn't finish" in found.said)


def test_a_rule_that_remembers_what_cannot_be_kept_is_told_so(judged: Any) -> None:
    result = judged(hands_in(RULE, "memory['f'] = lambda: 0", "return True"))[RULE.id]
    assert result.state == ItemState.WRONG and "memory can hold" in result.said


def test_a_rule_may_remember_the_batches_themselves(judged: Any) -> None:
    body = ("known = batch in memory.setdefault('all', [])", "memory['all'].append(batch)", "memory['one'] = {batch: repr(batch)}",
            "assert memory['one'][batch].startswith('SeenBatch(value=')", "return not known")
    said = judged(hands_in(RULE, *body))[RULE.id]
    assert "raised" not in said.said and "memory can hold" not in said.said and said.state in (ItemState.RIGHT, ItemState.WRONG)


def test_a_function_may_use_what_stands_above_it(judged: Any) -> None:
    source = str(RULE.right[0]).replace("def ", "import math\nLIMIT = math.inf\ndef unused(): return LIMIT\ndef ", 1)
    source = source.replace("    key", "    unused()\n    key", 1)
    assert judged(f'task = exercise("{RULE.id}")\n{source}')[RULE.id].state == ItemState.RIGHT


def test_what_a_function_plays_on_answers_as_it_does_in_the_lesson(judged: Any) -> None:
    """Objects that it hands out can be played on too, what it returns can be compared, and what it refuses can be caught."""
    body = ('old = kafka.producer("shop")', "old.begin()", 'old.send("a")', 'reader = kafka.consumer(isolation="read_uncommitted")',
            'assert reader.poll() == ["a"]', 'new = kafka.producer("shop")', "new.begin()", 'new.send("b")', "try:", "    old.commit()",
            "except Exception as error:", '    assert "fenced" in str(error)', "else:", '    raise AssertionError("not fenced")',
            "new.commit()")
    source = "\n".join(("def play(kafka):", *(f"    {line}" for line in body)))
    found = judged(f'task = exercise("{PLAY.id}")\n{source}\ntask.check(play)')[PLAY.id]
    assert found.state == ItemState.RIGHT, found.said


def test_a_memory_that_a_rule_has_emptied_is_empty_for_the_next_call() -> None:
    memory: dict[str, str] = {}
    LearnerFunction._keep(("batch", memory), {"1": "packed"})
    assert list(memory.values()) == ["packed"]
    LearnerFunction._keep(("batch", memory), {})
    assert memory == {}
