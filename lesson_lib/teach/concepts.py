"""Two short forms, one before the course and one afterwards: what somebody believed, and what of it changed.

`before()` asks twelve questions without a word on any answer. `afterwards()` asks about the same twelve
beliefs with other questions, and then holds both against what is so. At least a week after that it asks once
more, and keeps the answers as "later". The first answer to a question counts. Answers are in the learner's
own file, under ids of their own, so they count neither in `progress()` nor in the map of misconceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from datetime import date, timedelta
from functools import cache
from html import escape
from io import StringIO
from typing import Any

from lesson_lib.teach import store
from lesson_lib.teach.content import Question
from lesson_lib.teach.kernel_link import KernelLink, script, source
from lesson_lib.teach.lessons.concept_questions import CONCEPTS, Concept
from lesson_lib.teach.message import HtmlOutput, Message, Outcome, SelfShowing, box
from lesson_lib.text_table import TextTable, inline_html, wrap_output

SITTINGS = ("before", "after", "later")
WEEK = timedelta(days=7)
FINISHED = "finished"
_GREY = "#999999"  # whatever was answered
Answers = dict[str, str]  # id of a concept -> letter

_LEAD = {
    "before": "**Before you begin**: twelve questions about what you expect of Kafka, without a word on "
              "your answers. Lesson 7 asks again and shows you what changed. Skip this if you like: nothing "
              "depends on it.",
    "after": "**Before you look at your map**: twelve questions about the same ideas as before lesson 1. "
             "When you finish, you see what changed. Skip this if you like: nothing depends on it.",
    "later": "**A while later**: you answered these twelve questions at least a week ago. What stayed? When "
             "you finish, you see all your answers."}
_BEGIN = {"before": "Begin (five minutes, no feedback)", "after": "Begin (five minutes)",
          "later": "Begin (five minutes)"}
_SHOW = "Finish, and show me what changed"
_END = {"before": "Finish", "after": _SHOW, "later": _SHOW}
_HOW = ("An *idempotent* producer is one with the setting `enable.idempotence` on. A guess is fine. Your "
        "first answer to a question counts. Keys: a, b and c answer, ← goes back and → goes on.")
_TOO_LATE = "You have answered the second form, so answers to this one wouldn't tell what you knew before."
_KEPT = "Your answers are kept. Lesson 7 asks again, and shows you what changed."


def today() -> date:
    """The day on which an answer is given."""
    return date.today()


def question_of(concept: Concept, sitting: str) -> Question:
    """The question that a sitting asks about a concept."""
    return concept.before if sitting == "before" else concept.after


def sittings(answers: Mapping[str, Any]) -> dict[str, Answers]:
    """The first answers of each sitting, out of all that was recorded; what is no answer is left out."""
    found: dict[str, Answers] = {sitting: {} for sitting in SITTINGS}
    for sitting in SITTINGS:
        for concept in CONCEPTS:
            keys = tuple(question_of(concept, sitting).keys)
            given = (entry.get("answer") for entry in answers.get(f"{sitting}.{concept.id}", ()))
            if key := next((key for key in given if key in keys), ""):
                found[sitting][concept.id] = key
    return found


@cache
def right_keys() -> dict[str, str]:
    """Id of a question -> the letter that its run shows to be right."""
    return {one.id: one.truth(*one.runs()) for concept in CONCEPTS for one in (concept.before, concept.after)}


def said_to(concept: Concept, sitting: str, key: str) -> str:
    """The idea behind a wrong answer, "" for the right one."""
    question = question_of(concept, sitting)
    return "" if key == right_keys()[question.id] else question.option(key).misconception


class ConceptForm(SelfShowing):
    """One sitting in front of a learner, folded away behind a button. As text `ask(3)` shows a question,
    `answer(3, "b")` answers it, `finish()` ends the sitting.
    """

    def __init__(self, sitting: str) -> None:
        self.sitting = sitting
        self._name, self._trouble = f"concepts-{sitting}", ""
        self.link = KernelLink(self._name, self.hear)

    @property
    def answers(self) -> Answers:
        """What was answered in this sitting."""
        return sittings(store.all_entries())[self.sitting]

    @property
    def finished(self) -> bool:
        """Whether nothing more is asked."""
        return finished_on(self.sitting) is not None

    def ask(self, number: int) -> HtmlOutput | Message:
        """Show a question, from 1 to 12."""
        if problem := self._problem(number):
            return Message(Outcome.CANNOT_RUN, problem)
        question = question_of(CONCEPTS[number - 1], self.sitting)
        options = zip(question.keys, question.options, strict=True)
        lines = [f"{number} of {len(CONCEPTS)}. {question.text}",
                 *(f"{key}  {option.text}" for key, option in options)]
        html = "".join(f"<p>{inline_html(line)}</p>" for line in lines)
        return HtmlOutput("\n".join(map(wrap_output, lines)).replace("`", ""), box(html, _GREY))

    def answer(self, number: int, option: str) -> Message:
        """Answer a question by number and letter. Only the first answer counts, and nothing is said to it."""
        if self._over():
            return Message(Outcome.INFO, "This form is finished." if self.finished else _TOO_LATE)
        if problem := self._problem(number, option):
            return Message(Outcome.CANNOT_RUN, problem)
        if CONCEPTS[number - 1].id in self.answers:
            return Message(Outcome.INFO, f"You answered question {number} already, and your first answer "
                           "counts.")
        self._keep(CONCEPTS[number - 1], str(option).strip().lower())
        return Message(Outcome.NOTED, f"{len(self.answers)} of {len(CONCEPTS)} answered.")

    def finish(self) -> None:
        """End the sitting; what is not answered by now counts as left out."""
        self._keep_day()
        self.refresh()
        if not self.is_in_this_cell:
            self.show()

    def _keep(self, concept: Concept, key: str) -> None:
        if concept.id not in self.answers:
            store.record(f"{self.sitting}.{concept.id}", {"answer": key})

    def _keep_day(self) -> None:
        if not self.finished:
            store.record(f"{self.sitting}.{FINISHED}", {"on": today().isoformat()})

    def _problem(self, number: Any, option: Any = None) -> str:
        """Why this is no question, or no answer to it; "" when it is."""
        if type(number) is not int or not 1 <= number <= len(CONCEPTS):
            return f"The questions are numbered 1 to {len(CONCEPTS)}; there's no {number!r}."
        keys = question_of(CONCEPTS[number - 1], self.sitting).keys
        if option is not None and str(option).strip().lower() not in tuple(keys):
            return f"{option!r} isn't one of the options of question {number}: {', '.join(keys)}."
        return ""

    def plain(self) -> str:
        """What the card says while it is closed, and how to answer in a cell."""
        call = "before()" if self.sitting == "before" else "afterwards()"
        how = (f'In a cell, {call}.ask(1) shows the first question, {call}.answer(1, "b") answers it, and '
               f"{call}.finish() ends.")
        return str(self._over() or f"{wrap_output(_LEAD[self.sitting].replace('*', ''))}\n{wrap_output(how)}")

    def rich(self) -> str:
        """The card, with its questions where there is something left to ask. No verdict is in it."""
        over = self._over()
        said = f"<p>{inline_html(_LEAD[self.sitting] if not over else str(over))}</p>"
        if isinstance(over, TextTable):
            said = over._repr_mimebundle_()["text/html"]
        said += f'<p role="alert">{escape(self._trouble)}</p>' if self._trouble else ""
        said += "" if over else '<p class="lesson-asleep">Run this cell to answer.</p>'
        return box(said, _GREY, 'class="lesson-card" role="group" tabindex="-1" aria-label="Twelve questions"'
                   ) + script(
            "form.js", css=source("card.css"), name=self._name, how=inline_html(_HOW),
            begin=_BEGIN[self.sitting], end=_END[self.sitting], ends=self.sitting == "later",
            given=self._given, questions=[] if over else [
                {"text": inline_html(one.text), "options": [inline_html(o.text) for o in one.options]}
                for one in (question_of(concept, self.sitting) for concept in CONCEPTS)])

    @property
    def _given(self) -> str:
        """The letters by question, a dot for none."""
        answers = self.answers
        return "".join(answers.get(concept.id, ".") for concept in CONCEPTS)

    def _over(self) -> str | TextTable:
        """What there is to say in place of questions, "" while there are any."""
        if self.sitting != "before":
            return change() if self.finished else ""
        second_is_begun = finished_on("after") or sittings(store.all_entries())["after"]
        return _KEPT if self.finished else _TOO_LATE if second_is_begun else ""

    def show(self) -> None:
        """Show the card, and the link to it where there is a kernel."""
        super().show()
        if not self._over():
            self.link.show()

    def hear(self, said: str) -> None:
        """All answers so far from the card, such as "b.ca........", with "!" behind them to finish."""
        with redirect_stdout(StringIO()) as printed:
            for concept, key in zip(CONCEPTS, "" if self._over() else said, strict=False):
                if key in tuple(question_of(concept, self.sitting).keys):
                    self._keep(concept, key)
            if said.endswith("!"):
                self._keep_day()
        self._trouble = printed.getvalue().strip() or self._trouble
        self.link.tell(given=self._given, trouble=self._trouble)
        if self._over():
            self.refresh()


def before() -> ConceptForm:
    """Show the first form, for before lesson 1."""
    return ConceptForm("before").shown()


def afterwards() -> ConceptForm:
    """Show the second form; from a week after it was finished, once more, as "later"."""
    finished = finished_on("after")
    return ConceptForm("later" if finished and today() - finished >= WEEK else "after").shown()


def finished_on(sitting: str) -> date | None:
    """The day on which a sitting was finished, None while it is open."""
    for entry in store.entries(f"{sitting}.{FINISHED}"):
        with suppress(ValueError):  # not a day: as if it weren't there
            return date.fromisoformat(str(entry.get("on")))
    return None


def change() -> TextTable:
    """What is so, and what the learner said to it in each sitting that has answers."""
    found = {sitting: answers for sitting, answers in sittings(store.all_entries()).items() if answers}
    rows = tuple((concept.so, *(_came_of(concept, sitting, answers) for sitting, answers in found.items()))
                 for concept in CONCEPTS)
    counts = [f"{sum(row[column] == 'right' for row in rows)} {sitting}"
              for column, sitting in enumerate(found, 1)]
    return TextTable(f"Right, of {len(CONCEPTS)}: {', '.join(counts) or 'none answered'}",
                     ("what is so", *found), rows)


def _came_of(concept: Concept, sitting: str, answers: Answers) -> str:
    """What came of one question: right, left out, or the idea behind a wrong answer."""
    if (key := answers.get(concept.id)) is None:
        return "left out"
    idea = said_to(concept, sitting, key)
    return f"wrong: {idea}" if idea else "right"
