"""Questions that a learner answers by letter: shown as text, answered by a call or with the controls under the text.

`question` asks before a run (or recalls an earlier lesson) and says nothing about a prediction until `reveal`; `observe` asks
after a run and checks against it. The first answer is kept as the first, whatever follows, so that the map in the last lesson
is honest.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.history import History
from lesson_lib.teach import store
from lesson_lib.teach.content import Question, find
from lesson_lib.teach.message import Message, Outcome, Shown, Standing, box, inline, show_now
from lesson_lib.teach.widget import answer_widget, element_id, guard_script

SURE = {1: "a guess", 2: "fairly sure", 3: "sure"}
_COLOURS = {"recall": "#56B4E9", "choice": "#CC79A7", "prediction": "#0072B2", "observation": "#E69F00"}
_TITLES = {"recall": "From before.", "choice": "Before you read on.", "prediction": "Predict.", "observation": "What did you see?"}
_NAMES = {"recall": "recall", "choice": "choice", "prediction": "predict", "observation": "saw"}


def sure_words(entry: store.Entry) -> str:
    """How sure an answer was, "" when it did not say."""
    return SURE.get(confidence_of(entry), "")


def confidence_of(entry: store.Entry) -> int:
    """The confidence of an answer, 1 to 3; 0 when it has none."""
    number = entry.get("confidence")
    return number if type(number) is int and number in SURE else 0


class Asked(Shown):
    """A question in front of a learner. `answer("b", confidence=3)` answers it; a later answer is kept beside the first."""

    def __init__(self, item: Question, runs: tuple[History, ...] = ()) -> None:
        self.item = item
        self.runs = runs
        self.standing: Standing | None = None  # what the cell says as long as the dots are not replaced

    def answer(self, option: Any = ..., confidence: int | None = None) -> Message:
        """Answer by letter, and say how sure you are: 1 a guess, 2 fairly sure, 3 sure. `...` means: not yet."""
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
            return Message(Outcome.INFO, "None of the options describes this run; run the cells above again as they stand.")
        return Message(Outcome.WRONG, f"{key}: {option.sentence} But {option.contradiction(*runs)} {self._lead(key)}".strip())

    def _lead(self, key: str) -> str:
        """What follows a contradiction: a second look at a run that is on the page, the explanation elsewhere."""
        return "Look again." if self.item.kind == "observation" else self.item.explanation

    def _not_yet(self) -> Standing:
        if not self.given:
            return Standing(Outcome.NOT_ATTEMPTED, f"Put a letter ({_listed(self.item.keys)}) in place of the dots.")
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
        return _plain(self)

    def rich(self) -> str:
        """The same as HTML."""
        return _html(self) + guard_script()

    def show(self) -> None:
        """Show the question, and the controls where the notebook has any."""
        super().show()
        if widget := answer_widget(self):
            show_now(widget)


def question(item_id: str) -> Asked:
    """Show a question and return it, to be answered with `.answer("b", confidence=3)` or with the controls under it."""
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


def _plain(asked: Asked) -> str:
    item = asked.item
    run = [f"    {call}" for call in _calls(item)]
    options = [f"  {key}  {option.text}" for key, option in zip(item.keys, item.options, strict=True)]
    return "\n".join([f"{_TITLES[item.kind]} {item.text}", *run, *options, _how(item)]).replace("`", "")


def _html(asked: Asked) -> str:
    item = asked.item
    runs = "".join(f"<p>{inline(f'`{call}`')}</p>" for call in _calls(item))
    options = "".join(f'<li style="list-style-type: lower-alpha">{inline(o.text)}</li>' for o in item.options)
    name = element_id(item.id)
    return box(f'<p id="{name}"><strong>{_TITLES[item.kind]}</strong> {inline(item.text)}</p>{runs}'
               f'<ol type="a">{options}</ol><p>{inline(_how(item))}</p>', _COLOURS[item.kind],
               f'role="group" aria-labelledby="{name}"')
