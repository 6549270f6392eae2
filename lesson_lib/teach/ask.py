"""Questions that a learner answers by letter, in a call or on the card.

`question` asks before a run (or recalls an earlier lesson) and says nothing about a prediction until `reveal`
draws the run under one line that holds the prediction against it; `observe` asks after a run and checks
against it. The first answer is kept as the first, whatever follows, so that the map in the last lesson is
honest.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import replace
from functools import cached_property, partial
from io import StringIO
from typing import Any

from lesson_lib.draw import compare, show
from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.teach import store
from lesson_lib.teach.card import SURE, LastAnswer, card_html, card_text, name_of, reveal_html
from lesson_lib.teach.content import Question, find
from lesson_lib.teach.kernel_link import KernelLink
from lesson_lib.teach.message import Message, Outcome, QuietMessage, SelfShowing


def confidence_of(entry: store.Entry) -> int:
    """The confidence of an answer, 1 to 3; 0 when it has none."""
    number = entry.get("confidence")
    return number if type(number) is int and number in SURE else 0


class AskedQuestion(SelfShowing):
    """A question in front of a learner: `answer("b", confidence=3)`, again and again if need be."""

    def __init__(self, item: Question, runs: tuple[History, ...] = ()) -> None:
        self.item = item
        self.runs = runs
        self.trouble = ""

    def answer(self, option: Any = ..., confidence: int | None = None) -> Message:
        """Answer by letter, and say how sure you are: 1 a guess, 2 fairly sure, 3 sure; `...`: not yet."""
        if option is not ... and option is not None:
            key = str(option).strip().lower()
            if key not in tuple(self.item.keys):
                return Message(Outcome.CANNOT_RUN, f"{option!r} isn't one of the options. {self._how}")
            if confidence is not None and (type(confidence) is not int or confidence not in SURE):
                return Message(Outcome.CANNOT_RUN, "confidence is 1 (a guess), 2 (fairly sure) or 3 (sure), "
                               f"not {confidence!r}.")
            sure = {} if confidence is None else {"confidence": confidence}
            store.record(self.item.id, {"answer": key, **sure})
            self.refresh()
            if not self.is_in_this_cell:
                return self._said()
        said = self._said()  # the card says it
        return QuietMessage(said.outcome, said.text)

    @property
    def given(self) -> str:
        """The letter answered last, "" when there is none."""
        return self.answered.given

    @property
    def answered(self) -> LastAnswer:
        """What was answered last and first; an entry of another edition is no answer."""
        known = store.entries(self.item.id)
        keys = [key if (key := str(entry.get("answer"))) in tuple(self.item.keys) else "" for entry in known]
        return LastAnswer(keys[-1], confidence_of(known[-1]), keys[0]) if known and keys[-1] else LastAnswer()

    def judge(self, key: str) -> Message:
        """Check a letter against the run(s) and say why."""
        runs = self._looked_at
        right = self.item.truth(*runs)
        option = self.item.option(key)
        if key == right:
            return Message(Outcome.RIGHT, f"{key}: {option.sentence} {self.item.explanation}")
        if not right:
            return Message(Outcome.INFO,
                           "None of the options describes this run. Run the cells above again, unchanged.")
        lead = "Look again." if self.item.kind == "observation" else self.item.explanation
        contradiction = option.contradiction(*runs)
        return Message(Outcome.WRONG, f"{key}: {option.sentence} But {contradiction} {lead}".strip())

    @cached_property
    def _looked_at(self) -> tuple[History, ...]:
        return self.runs or self.item.runs()

    @property
    def _how(self) -> str:
        keys = [f'"{key}"' for key in self.item.keys]
        return f"Answer with {', '.join(keys[:-1])} or {keys[-1]}."

    def _said(self) -> Message:
        """What there is to say to the answer given last."""
        if not self.given:
            return Message(Outcome.NOT_ATTEMPTED, self._how)
        if self.item.kind != "prediction":
            return self.judge(self.given)
        return Message(Outcome.NOTED, f"{self.answered.line} The run will tell.")

    def plain(self) -> str:
        """The card as text."""
        return card_text(self.item, self._said().line if self.given else "")

    def rich(self) -> str:
        """The card as HTML."""
        judged = "" if self.item.kind == "prediction" else self.item.keys
        return card_html(self.item, self.answered, {key: self.judge(key) for key in judged}, self.trouble)

    def show(self) -> None:
        """Show the card, and the link to it where there is a kernel."""
        super().show()
        self.link = KernelLink(name_of(self.item), self.hear)
        self.link.show()

    def hear(self, said: str) -> None:
        """An answer from the card: "b3", or "b" without a confidence. Nobody sees what is printed here, such
        as that answers can't be saved, so the card says it.
        """
        with redirect_stdout(StringIO()) as printed:
            self.answer(said[:1], int(said[1:]) if said[1:] else None)
        if printed.getvalue():
            self.trouble = printed.getvalue().strip()
            self.refresh()


def question(item_id: str) -> AskedQuestion:
    """Show a question and return it, to be answered on its card or with `.answer("b", confidence=3)`."""
    return AskedQuestion(find(item_id, Question)).shown()


def observe(item_id: str, *runs: History) -> AskedQuestion:
    """Ask what was to be seen in the run(s); the answer is checked against what happened in them."""
    item = find(item_id, Question)
    if runs and [isinstance(run, History) for run in runs] != [True] * (2 if item.control else 1):
        wanted = "run, other" if item.control else "run"
        raise LessonError(f"This question is about what you saw: observe({item_id!r}, {wanted}), with what "
                          "simulate(...) or lab.run(...) returned.")
    return AskedQuestion(item, runs).shown()


def reveal(run: History, predict: AskedQuestion, control: History | None = None,
           layout: str | None = None) -> Message:
    """The prediction beside what happened, then the picture; with `control`, both runs on one axis.

    `layout` is lanes, space-time or arrivals, as in `show`. LessonError when `predict` is no question.
    """
    if not isinstance(predict, AskedQuestion):
        raise LessonError("reveal takes the run and the question, as in reveal(run, predict) after "
                          'predict = question("...").')
    item, answered = predict.item, predict.answered
    if item.control and control is None:
        raise LessonError(f"The question {item.id} compares two runs: "
                          "reveal(run, predict, control=the_other_run).")
    runs = (run, control) if item.control else (run,)
    named = {} if layout is None else {"layout": layout}
    picture = show(run, **named) if control is None else compare(run, control, **named)
    if item.scenario is not None and not _is_about(item, runs):
        return Message(Outcome.INFO, f"This isn't the run that {item.id} asks about, so there's nothing "
                       "to judge. Run the cell under that question.", picture)
    if answered.given:  # somebody who has committed can play it and see whether it comes so
        picture = picture.before_the_fault()
    lines = {key: _told_by(runs, item, LastAnswer(key, 0, key)) for key in item.keys}
    return replace(_told_by(runs, item, answered), picture=picture,
                   frame=partial(reveal_html, item, lines, answered.given))


def _is_about(item: Question, runs: tuple[History, ...]) -> bool:
    """Whether these are the runs that it asks about: a cell further up may have been run again in between."""
    if item.live:
        return all(run.settings.world != "simulated" for run in runs)
    meant, tried = ([(run.settings, {event.values for event in run.of(Kind.SEND)}) for run in some]
                    for some in (item.runs(), runs))
    return meant == tried


def _told_by(runs: tuple[History, ...], item: Question, answered: LastAnswer) -> Message:
    """What the runs say to an answer, or by themselves where there is none."""
    right, key = item.truth(*runs), answered.given
    shown = "None of the options describes this run."
    if right:  # the conclusion comes out of the run: as a text cell it could be read beside the question
        shown = f"The run shows {right}: {item.option(right).sentence} {item.explanation}"
    if not key:
        return Message(Outcome.INFO, shown)
    said = f"You predicted {key}{f' ({SURE[answered.sure]})' if answered.sure else ''}"
    if key == right or not right:
        return Message(Outcome.RIGHT if right else Outcome.INFO, f"{said}. {shown}")
    against = item.option(key).contradiction(*runs)
    parts = (f"{said}: {item.option(key).sentence}", against and f"But {against}", shown)
    return Message(Outcome.WRONG, " ".join(filter(None, parts)))
