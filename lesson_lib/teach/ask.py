"""Questions that a learner answers by letter, in a call or with the controls under the text.

`question` asks before a run (or recalls an earlier lesson) and says nothing about a prediction until `reveal`
draws the run under one line that holds the prediction against it; `observe` asks after a run and checks
against it. The first answer is kept as the first, whatever follows, so that the map in the last lesson is
honest.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from lesson_lib.draw import compare, show
from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind, Settings
from lesson_lib.teach import store
from lesson_lib.teach.content import Question, find
from lesson_lib.teach.message import (
    Controls,
    Message,
    Outcome,
    Shown,
    Standing,
    box,
    guard_script,
    has_kernel,
    show_now,
)
from lesson_lib.text_table import inline_html

SURE = {1: "a guess", 2: "fairly sure", 3: "sure"}
_COLOURS = {"recall": "#56B4E9", "choice": "#CC79A7", "prediction": "#0072B2", "observation": "#E69F00"}
_TITLES = {"recall": "From before.", "choice": "Before you read on.", "prediction": "Predict.",
           "observation": "What did you see?"}
_NAMES = {"recall": "recall", "choice": "choice", "prediction": "predict", "observation": "saw"}


def sure_words(entry: store.Entry) -> str:
    """How sure an answer was, "" when it did not say."""
    return SURE.get(confidence_of(entry), "")


def confidence_of(entry: store.Entry) -> int:
    """The confidence of an answer, 1 to 3; 0 when it has none."""
    number = entry.get("confidence")
    return number if type(number) is int and number in SURE else 0


class Asked(Shown):
    """A question in front of a learner. `answer("b", confidence=3)` answers it.

    A later answer is kept beside the first.
    """

    def __init__(self, item: Question, runs: tuple[History, ...] = ()) -> None:
        self.item = item
        self.runs = runs
        self.standing: Standing | None = None  # what the cell says as long as the dots are not replaced

    def answer(self, option: Any = ..., confidence: int | None = None) -> Message:
        """Answer by letter, and say how sure you are: 1 a guess, 2 fairly sure, 3 sure. `...` means.

        Not yet.
        """
        if option is ... or option is None:
            self.standing = self._not_yet()
            return self.standing
        if problem := self._problem(option, confidence):
            return Message(Outcome.NOT_ATTEMPTED, problem)
        key = str(option).strip().lower()
        sure = {} if confidence is None else {"confidence": int(confidence)}
        store.record(self.item.id, {"answer": key, **sure})
        return self._noted(key, confidence) if self.item.kind == "prediction" else self.judge(key)

    @property
    def given(self) -> str:
        """The letter answered last, "" when there is none."""
        known = store.entries(self.item.id)
        key = known[-1].get("answer") if known else ""
        return key if isinstance(key, str) and len(key) == 1 and key in self.item.keys else ""

    @property
    def sure(self) -> int:
        """How sure the answer given last was, 1 to 3; 0 when there is none or it did not say."""
        known = store.entries(self.item.id)
        return confidence_of(known[-1]) if known else 0

    def judge(self, key: str) -> Message:
        """Check a letter against the run(s) and say why."""
        runs = self.runs or self.item.runs()
        right = self.item.truth(*runs)
        option = self.item.option(key)
        if key == right:
            return Message(Outcome.RIGHT, f"{key}: {option.sentence} {self.item.explanation}")
        if not right:
            return Message(Outcome.INFO,
                           "None of the options describes this run; run the cells above again as they stand.")
        lead = "Look again." if self.item.kind == "observation" else self.item.explanation
        contradiction = option.contradiction(*runs)
        return Message(Outcome.WRONG, f"{key}: {option.sentence} But {contradiction} {lead}".strip())

    def _not_yet(self) -> Standing:
        if not self.given:
            letters = _listed(self.item.keys)
            return Standing(Outcome.NOT_ATTEMPTED, f"Put a letter ({letters}) in place of the dots.")
        if self.item.kind == "prediction":
            return Standing(Outcome.NOTED, f"Your answer is still {self._words(self.given)}")
        said = self.judge(self.given)
        return Standing(said.outcome, said.text)

    def _problem(self, option: Any, confidence: Any) -> str:
        """Why this cannot be an answer, "" when it can."""
        if str(option).strip().lower() not in tuple(self.item.keys):
            return f"{option!r} is none of the options: answer with {_listed(self.item.keys)}."
        if confidence is not None and (type(confidence) is not int or confidence not in SURE):
            return f"confidence={confidence!r} cannot be: it is 1 (a guess), 2 (fairly sure) or 3 (sure)."
        return ""

    def _noted(self, key: str, confidence: int | None) -> Message:
        sure = f", {SURE[confidence]}" if confidence else ""
        first = store.entries(self.item.id)[0].get("answer", key)
        kept = f" Your first answer, {first}, stays on record." if first != key else ""
        return Message(Outcome.NOTED, f"You predict {self._words(key)[:-1]}{sure}. The run will tell.{kept}")

    def _words(self, key: str) -> str:
        return f"{key}: {self.item.option(key).text.rstrip('.')}."

    def plain(self) -> str:
        """The question, its options and how to answer, as text."""
        return _plain(self.item)

    def rich(self) -> str:
        """The same as HTML."""
        return _html(self.item) + guard_script()

    def show(self) -> None:
        """Show the question, and the controls where the notebook has any."""
        super().show()
        if has_kernel():
            show_now(Controls(AnswerView(self).box))


def question(item_id: str) -> Asked:
    """Show a question and return it, to be answered with `.answer("b", confidence=3)` or its controls."""
    item = find(item_id, Question)
    asked = Asked(item)
    asked.show()
    return asked


def observe(item_id: str, *runs: History) -> Asked:
    """Ask what was to be seen in the run(s); `.answer("a")` is checked against what happened in it."""
    asked = Asked(find(item_id, Question), runs)
    asked.show()
    return asked


def _listed(keys: str) -> str:
    return " or ".join((", ".join(f'"{k}"' for k in keys[:-1]), f'"{keys[-1]}"'))


def _call(item: Question) -> str:
    sure = ", confidence=3" if item.kind == "prediction" else ""
    return f'{_NAMES[item.kind]}.answer("{item.keys[0]}"{sure})'


def _how(item: Question) -> str:
    """How to answer."""
    scale = " Confidence: 1 a guess, 2 fairly sure, 3 sure." if item.kind == "prediction" else ""
    return f"Answer in a cell, such as `{_call(item)}`.{scale}"


def _calls(item: Question) -> list[str]:
    """The run(s) that a prediction is about, as calls; none where they are made on a real client."""
    shown = item.kind == "prediction" and not item.live
    return [str(one) for one in (item.scenario, item.control) if one and shown]


def _plain(item: Question) -> str:
    run = [f"    {call}" for call in _calls(item)]
    options = [f"  {key}  {option.text}" for key, option in zip(item.keys, item.options, strict=True)]
    return "\n".join([f"{_TITLES[item.kind]} {item.text}", *run, *options, _how(item)]).replace("`", "")


def _html(item: Question) -> str:
    runs = "".join(f"<p>{inline_html(f'`{call}`')}</p>" for call in _calls(item))
    options = "".join(f'<li style="list-style-type: lower-alpha">{inline_html(o.text)}</li>' for o in item.options)
    name = _element_id(item)
    return box(f'<p id="{name}"><strong>{_TITLES[item.kind]}</strong> {inline_html(item.text)}</p>{runs}'
               f'<ol type="a">{options}</ol><p>{inline_html(_how(item))}</p>', _COLOURS[item.kind],
               f'role="group" aria-labelledby="{name}"')


def _element_id(item: Question) -> str:
    """The id of the element that holds the question's text."""
    return f"question-{item.id.replace('.', '-')}"


class AnswerView:
    """Radio buttons, confidence (for predictions) and a button that commits.

    The feedback line is announced.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        narrow = w.Layout(width="max-content", margin="2px 24px 2px 2px")
        row = {"orientation": "horizontal", "layout": narrow}
        scale = [(words, number) for number, words in SURE.items()]
        self.options = w.RadioButtons(options=list(asked.item.keys), value=asked.given or None,
                                      description="Answer", **row)
        self.sure = w.RadioButtons(options=scale, value=asked.sure or None, description="How sure", **row)
        self.commit = w.Button(description="Commit", tooltip=f"Commit your answer to {asked.item.id}")
        self.said = w.HTML()
        self.commit.on_click(self._commit)
        controls = [self.options, *([self.sure] if asked.item.kind == "prediction" else []), self.commit]
        self.box = w.VBox([w.HBox(controls, layout=w.Layout(flex_flow="row wrap")), self.said])
        self.box.add_class("lesson-answer").add_class(_element_id(asked.item))

    def _commit(self, _: Any) -> None:
        standing, option = self.asked.standing, self.options.value
        self.said.value = self.asked.answer(option, self.sure.value).html
        self.asked.standing = standing  # with nothing chosen that was one more "not attempted", in no cell
        if standing and option:
            standing.give_way(Message(Outcome.INFO, f"Answered with the buttons: {option}."))


def reveal(run: History, predict: Asked, control: History | None = None,
           layout: str | None = None) -> Message:
    """The prediction beside what happened, then the picture; with `control`, both runs on one axis.

    `layout` is lanes, space-time or arrivals, as in `show`. LessonError when `predict` is no question.
    """
    if not isinstance(predict, Asked):
        raise LessonError("reveal takes the run and the question, as in reveal(run, predict) after "
                          'predict = question("...").')
    named = {} if layout is None else {"layout": layout}
    line = _line(predict, _runs(run, predict, control))
    return Message(*line, show(run, **named) if control is None else compare(run, control, **named))


def _runs(run: History, predict: Asked, control: History | None) -> tuple[History, ...]:
    """The runs that the question's options are about."""
    if predict.item.control is None:
        return (run,)
    if control is None:
        raise LessonError(f"The question {predict.item.id} compares two runs: "
                          "reveal(run, predict, control=the_other_run).")
    return (run, control)


def _is_about(predict: Asked, runs: tuple[History, ...]) -> bool:
    """Whether these are the runs that the question asks about.

    A cell further up may have been run again in between.
    """
    if predict.item.live:
        return all(run.settings.world != "simulated" for run in runs)
    return all(_what_was_tried(asked) == _what_was_tried(run)
               for asked, run in zip(predict.item.runs(), runs, strict=True))


def _what_was_tried(run: History) -> tuple[Settings, frozenset[tuple[str, ...]]]:
    return run.settings, frozenset(event.values for event in run.of(Kind.SEND))


def _line(predict: Asked, runs: tuple[History, ...]) -> tuple[Outcome, str]:
    item, key = predict.item, predict.given
    if item.scenario is not None and not _is_about(predict, runs):
        return Outcome.INFO, (f"This run is not the one that {item.id} asks about, so nothing is judged; "
                              "run the cell under that question.")
    right, shown = item.truth(*runs), "None of the options describes this run."
    if right:  # the conclusion comes out of the run: as a text cell it could be read beside the question
        shown = f"The run shows {right}: {item.option(right).sentence} {item.explanation}"
    if not key:
        return Outcome.NOT_ATTEMPTED, f"You looked without predicting ({item.id} was skipped). {shown}"
    sure = sure_words(store.entries(item.id)[-1])
    said = f"You predicted {key}{f' ({sure})' if sure else ''}"
    if key == right or not right:
        return (Outcome.RIGHT if key == right else Outcome.INFO), f"{said}. {shown}"
    against = item.option(key).contradiction(*runs)
    parts = (f"{said}: {item.option(key).sentence}", against and f"But {against}", shown)
    return Outcome.WRONG, " ".join(filter(None, parts))
