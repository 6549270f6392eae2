"""Made-up classes whose gain is known, and a report that names nobody."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from course_tools.report import command, learned
from course_tools.report.asked_calls import plain
from course_tools.report.class_table import class_table
from course_tools.report.judge import in_forms
from course_tools.report.learned import BothForms, gain, in_words, interval
from course_tools.report.model import CopyReport
from lesson_lib.teach.concepts import question_of, right_keys
from lesson_lib.teach.lessons.concept_questions import CONCEPTS


def answers(sitting: str, right: int, wrong: int = 0) -> dict[str, str]:
    """So many right answers to the first questions, then so many wrong ones."""
    found = {}
    for number, concept in enumerate(CONCEPTS[:right + wrong]):
        question = question_of(concept, sitting)
        key = right_keys()[question.id]
        found[concept.id] = key if number < right else next(k for k in question.keys if k != key)
    return found


def learner(name: str, **sittings: tuple[int, int]) -> CopyReport:
    """A copy of somebody who had so many right and wrong in each sitting."""
    return CopyReport("07-transactions", name, forms={sitting: answers(sitting, *numbers) for sitting, numbers in sittings.items()})


def section(*reports: CopyReport) -> str:
    """The section of a class."""
    return "\n".join(learned.learned(reports))


@pytest.mark.parametrize("name, before, after, said", [
    ("all", (0, 12), (12, 0), "0 were right before, 24 after. Normalised gain +1.00 (95 % interval +1.00 to +1.00"),
    ("none", (3, 9), (3, 9), "6 were right before, 6 after. Normalised gain +0.00 (95 % interval +0.00 to +0.00"),
    ("half", (4, 8), (8, 4), "8 were right before, 16 after. Normalised gain +0.50 "),
    ("worse", (6, 6), (3, 9), "12 were right before, 6 after. Normalised gain -0.50 "),
    ("nothing to gain", (12, 0), (12, 0), "24 were right before, 24 after. All was right before, so there's no gain to measure."),
])
def test_two_alike(name: str, before: tuple[int, int], after: tuple[int, int], said: str) -> None:
    words = section(*(learner(one, before=before, after=after) for one in ("ada", "bob")))
    assert f"2 learners answered in both forms. Of 24 pairs of answers {said}" in words


def test_the_gain_of_a_mixed_class_is_that_of_its_sums() -> None:
    """Ada 2 to 8, Bob 6 to 9, Cy 4 to 4: 12 before, 21 after, of 36."""
    words = section(learner("ada", before=(2, 10), after=(8, 4)), learner("bob", before=(6, 6), after=(9, 3)),
                    learner("cy", before=(4, 8), after=(4, 8)))
    assert "3 learners answered in both forms. Of 36 pairs of answers 12 were right before, 21 after. Normalised gain +0.38 " in words
    low, high = interval([BothForms(12, 2, 8), BothForms(12, 6, 9), BothForms(12, 4, 4)]) or (9.0, 9.0)
    assert 0 <= low < 9 / 24 < high <= 0.6


def test_the_interval_is_the_same_each_time_and_narrows_with_the_class() -> None:
    few = [BothForms(12, 2, 8), BothForms(12, 6, 9), BothForms(12, 4, 4)]
    assert interval(few) == interval(few)
    width = {len(some): high - low for some in (few, few * 10) for low, high in [interval(some) or (0.0, 0.0)]}
    assert 0 < width[30] < width[3]


def test_one_learner_has_a_gain_and_no_interval() -> None:
    words = section(learner("ada", before=(6, 6), after=(9, 3)))
    assert "1 learner answered in both forms. Of 12 pairs of answers 6 were right before, 9 after. Normalised gain +0.50 " in words
    assert "(too few learners for an interval)." in words


def test_a_class_that_is_all_but_perfect_has_no_interval() -> None:
    """Most classes drawn from it have nothing to gain."""
    assert gain([BothForms(12, 12, 12), BothForms(12, 11, 12)]) == 1
    assert interval([BothForms(12, 12, 12), BothForms(12, 11, 12)]) is None


def test_whoever_answered_one_form_counts_there_and_in_no_gain() -> None:
    words = section(learner("ada", before=(2, 10), after=(7, 5)), learner("bob", before=(12, 0)), learner("cy", after=(0, 12)),
                    learner("dee"), learner("eve", later=(1, 0)))
    assert "Learners who answered a form: 2 before, 2 after, 1 later." in words
    assert "1 learner answered in both forms. Of 12 pairs of answers 2 were right before, 7 after. Normalised gain +0.50 " in words
    row = next(line for line in words.splitlines() if line.startswith("| a retry never makes a copy"))
    assert row.startswith("| a retry never makes a copy | 2 of 2 | 1 of 2 | 1 of 1 | 1 → 1 of 1 |  | ")


def test_a_form_half_done_counts_as_far_as_it_goes() -> None:
    words = section(learner("ada", before=(1, 3), after=(12, 0)), learner("bob", before=(0, 12), after=(2, 0)))
    assert "2 learners answered in both forms. Of 6 pairs of answers 1 were right before, 6 after. Normalised gain +1.00 " in words


def test_forms_that_do_not_meet_have_no_gain() -> None:
    words = section(learner("ada", before=(2, 2)), learner("bob", after=(2, 2)))
    assert "Nobody answered a question in both forms, so there's no gain to measure." in words and "Normalised" not in words
    assert in_words([]).startswith("Nobody")


def test_without_forms_it_says_where_they_are() -> None:
    for words in (section(), section(learner("ada")), class_table([learner("ada")])):
        assert learned.NONE in words and "| belief |" not in words


def test_what_stayed_is_named_the_most_frequent_first() -> None:
    concept = CONCEPTS[0]
    ideas = {option.misconception: key for key in concept.after.keys if (option := concept.after.option(key)).misconception}
    (belief, often), (other, once) = sorted(ideas.items(), key=lambda pair: pair[0] != concept.belief)
    wrong = next(key for key in concept.before.keys if concept.before.option(key).misconception)
    right = right_keys()[concept.before.id]
    reports = [CopyReport("07", name, forms={"before": {concept.id: first}, "after": {concept.id: key}}) for name, first, key in
               [("a", wrong, once), ("b", wrong, often), ("c", wrong, often), ("d", right, once), ("e", right, once), ("f", right, once)]]
    reports.append(CopyReport("07", "g", forms={"after": {concept.id: once}}))  # nobody knows what they said before
    row = next(line for line in section(*reports).splitlines() if line.startswith(f"| {concept.belief} "))
    assert row.endswith(f"| {belief} (2), {other} (1) |")


def test_several_copies_of_one_learner_are_one_learner() -> None:
    words = section(learner("ada", before=(2, 10)), learner("ada", after=(7, 5)), learner("ada", before=(2, 10), after=(7, 5)))
    assert "1 before, 1 after" in words and "1 learner answered in both forms. Of 12 pairs" in words


# from folder to page

SECRET = "wilhelmina"


@pytest.fixture
def folder(tmp_path: Path, copies: Any) -> Path:
    """Ada and Bob answered both forms on their cards; a third copy is no notebook, its `.progress` is bad; a fourth is hostile."""
    for name, before, after in ((SECRET, 3, 9), ("bob", 6, 12)):
        kept = {**{f"before.{c}": [{"answer": k}, {"answer": "a"}] for c, k in answers("before", before, 12 - before).items()},
                **{f"after.{c}": [{"answer": k}] for c, k in answers("after", after, 12 - after).items()},
                "after.finished": [{"on": "2026-11-29"}], "1.acks-0": [{"answer": "b"}]}
        copies.write(tmp_path / "copies" / name / f"01-{name}.ipynb", copies.lesson(1, "wrong", f"raise RuntimeError('{name}')"))
        copies.write(tmp_path / "copies" / name / f"{name}-07-transactions.ipynb", copies.lesson(7, "empty"))
        copies.write(tmp_path / "copies" / name / ".progress" / "answers.json", {"version": 1, "answers": kept})
    hostile = {"before.retry": [{"answer": ["a"]}, {"answer": 5}], "after.retry": [{"answer": SECRET}], "later": 3}
    for name, kept in (("cy", "[]"), ("dee", json.dumps({"version": 1, "answers": hostile}))):
        (tmp_path / "copies" / name / ".progress").mkdir(parents=True)
        (tmp_path / "copies" / name / ".progress" / "answers.json").write_text(kept)
        (tmp_path / "copies" / name / "07-transactions.ipynb").write_text("no notebook")
    return tmp_path / "copies"


def report_of(folder: Path, *options: str) -> tuple[int, str]:
    """Everything that a report writes, and its status."""
    files = [folder.parent / name for name in ("class.md", "class.json", "class.xml")]
    named = [word for option, file in zip(("--output", "--json", "--junit"), files, strict=True) for word in (option, str(file))]
    status = command.main(["--class", str(folder), "--no-execute", *named, *options])
    return status, "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_answers_on_the_card_reach_the_class_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, written = report_of(folder)
    assert "2 learners answered in both forms. Of 24 pairs of answers 9 were right before, 21 after. Normalised gain +0.80 " in written
    assert "Learners who answered a form: 2 before, 2 after, 0 later." in written
    assert SECRET in written and SECRET in capsys.readouterr().err
    assert "\n| cy | 0 | 0 | 0 | 07-transactions: The file isn't a notebook: it is not JSON. |" in written


@pytest.mark.parametrize("text", ["\n" * 10**6, " " * 10**6, "a," * 10**6 + "answer"])
def test_no_cell_keeps_the_report_busy(text: str) -> None:
    begun = time.monotonic()
    assert in_forms([text, "before().answer(1, 'a')"]) == {f"before.{CONCEPTS[0].id}": [{"answer": "a"}]}
    assert len(plain(text)) == len(text) and time.monotonic() - begun < 5


def test_answers_in_a_cell_count_where_nothing_was_kept_beside_it(copies: Any, tmp_path: Path) -> None:
    """Files of a class in one folder have no `.progress` of their own; what isn't an answer there is passed over."""
    cells = ["before().answer(1, \"C\")\n# before().answer(2, 'a')", "%time before().answer(3, 'a')", "before().answer(99, 'a')",
             "afterwards().answer(1, 'b')", "before().answer(0, 'a'), before().answer(-1, 'a')",
             "before().answer(4, ...)", "before().answer(1, 'a'"]
    copies.write(tmp_path / "copies" / "ada-01-a-record-an-ack-an-offset.ipynb", copies.lesson(1, "empty", *cells))
    _, written = report_of(tmp_path / "copies")
    forms = json.loads(written[written.index('{\n "version"'):written.index("<?xml")])["reports"][0]["forms"]
    assert forms == {"before": {"retry": "c"}, "after": {"retry": "b"}, "later": {}}


def test_an_anonymous_report_names_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, written = report_of(folder, "--anonymous")
    said = capsys.readouterr()
    for name in (SECRET, "bob"):
        assert name not in written + said.out + said.err
    assert "learner 1" in written and "learner 4" in written and "2 of " in said.err and "learner" not in said.err
    assert "2 learners answered in both forms. Of 24 pairs of answers 9 were right before, 21 after. Normalised gain +0.80 " in written
    assert {one["learner"] for one in json.loads(written[written.index('{\n "version"'):written.index("<?xml")])["reports"]} == {
        f"learner {number}" for number in range(1, 5)}


def test_an_anonymous_report_has_no_words_of_a_learner(copies: Any, tmp_path: Path) -> None:
    copies.write(tmp_path / "copies" / "ada" / "02-ada.ipynb", copies.notebook(
        'task = exercise("2.two-copies")\ntask.check("by ada")',
        'task = exercise("2.own-rule")\n\ndef ada(batch, memory):\n    return True\n\ntask.check(ada)',
        'asked = question("2.lost-ack")\nasked.answer("b")'))
    _, named = report_of(tmp_path / "copies")
    assert "by ada" in named and "def ada" in named
    _, written = report_of(tmp_path / "copies", "--anonymous")
    assert "ada" not in written.lower() and "2.own-rule" in written and '"answer": "b"' in written


def test_the_order_of_the_files_tells_no_name(tmp_path: Path) -> None:
    for name in "abcdefghijkl":
        (tmp_path / "copies" / name).mkdir(parents=True)
        (tmp_path / "copies" / name / "07-x.ipynb").write_text("{}")
    command.main(["--class", str(tmp_path / "copies"), "--anonymous", "--no-execute",
                  "--json", str(tmp_path / "j"), "--output", str(tmp_path / "o")])
    numbers = [report["learner"] for report in json.loads((tmp_path / "j").read_text())["reports"]]
    assert numbers == sorted(numbers)
