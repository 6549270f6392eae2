"""The card of a question: one piece of HTML and script for notebook, book and site.

Without script, in a notebook that is not trusted or on paper, it is the question with its options and what
was answered. With script (`card.js`) the options are buttons. What would be said to each option is with the
card, out of sight, so that a page without a kernel can say it too. Where there is a kernel, a `KernelLink`
takes the answer to it, and the kernel puts the card there anew: the notebook keeps it, so the next day it
shows what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from lesson_lib.teach.content import Question
from lesson_lib.teach.kernel_link import script, source
from lesson_lib.teach.message import Message, box
from lesson_lib.text_table import inline_html

SURE = {1: "a guess", 2: "fairly sure", 3: "sure"}
HINT = "Play, or go to the last event, to see whether you were right."
# What a card is headed by, its colour, and the name that notebooks give to such a question.
_LOOK = {"recall": ("From before.", "#56B4E9", "recall"),
         "choice": ("Before you read on.", "#CC79A7", "choice"),
         "prediction": ("Predict.", "#0072B2", "predict"),
         "observation": ("What did you see?", "#E69F00", "saw")}


class LastAnswer(NamedTuple):
    """What was answered last, how sure that was (0: not said), what was answered first; "" for nothing."""

    given: str = ""
    sure: int = 0
    first: str = ""

    @property
    def line(self) -> str:
        """The same as a sentence."""
        sure = f", {SURE[self.sure]}" if self.sure else ""
        first = f" Your first answer, {self.first}, stays on record." if self.first != self.given else ""
        return f"You said {self.given}{sure}.{first}" if self.given else ""


def card_text(item: Question, said: str) -> str:
    """The question, its options, what was said to the answer, and how to answer, as text."""
    run = [f"    {call}" for call in _calls(item)]
    options = [f"  {key}  {option.text}" for key, option in zip(item.keys, item.options, strict=True)]
    asked = "\n".join([f"{_LOOK[item.kind][0]} {item.text}", *run, *options]).replace("`", "")
    return f"{asked}\n{said or f'Answer in a cell, such as {_call(item)}.'}"


def card_html(item: Question, answered: LastAnswer, verdicts: Mapping[str, Message],
              trouble: str = "") -> str:
    """The card. `verdicts` has what to say to each option at once; for a prediction nothing, the run tells.
    `trouble` is what kept the answer from being saved.
    """
    title, colour, _ = _LOOK[item.kind]
    name, predicts = name_of(item), item.kind == "prediction"
    options = [inline_html(option.text) for option in item.options]
    sures = [] if item.kind == "observation" else [words.capitalize() for words in SURE.values()]
    line = f'<p class="lesson-line">{answered.line}</p>' if answered.given else ""
    line += f'<p role="alert">{escape(trouble)}</p>' if trouble else ""
    body = (f'<div class="lesson-body"><p id="{name}"><strong>{title}</strong> {inline_html(item.text)}</p>'
            f'{_body(item, options)}</div>{line}<p class="lesson-asleep">Run this cell to answer.</p>')
    return box(body, colour, f'class="lesson-card" role="group" aria-labelledby="{name}"') + script(
        "card.js", css=source("card.css"), id=item.id, name=name, options=options, sures=sures,
        **answered._asdict(), verdicts={key: said.html for key, said in verdicts.items()},
        then="Now run the next cell." if predicts else "",
        onPage="Now look at the run below." if predicts else "")


def _body(item: Question, options: list[str]) -> str:
    """The run(s), the options as a list, and how to answer in code."""
    runs = "".join(f"<p>{inline_html(f'`{call}`')}</p>" for call in _calls(item))
    listed = "".join(f'<li style="list-style-type: lower-alpha">{option}</li>' for option in options)
    scale = ", ".join(f"{number} {words}" for number, words in SURE.items())
    code = inline_html(f"`{_call(item)}`. Confidence: {scale}.")
    return (f'{runs}<ol type="a">{listed}</ol>'
            f"<details><summary>Answer in code</summary><p>{code}</p></details>")


def reveal_html(item: Question, lines: Mapping[str, Message], given: str, shown: str) -> str:
    """A run with what it says to the answer; on a page it waits for one that was not given yet, and `lines`
    has one for each. Where the picture can be played, `card.js` keeps it back until the last event.
    """
    return f'<div class="lesson-reveal">{shown}</div>' + script(
        "card.js", css=source("card.css"), id=item.id, name=name_of(item), given=given, hint=HINT,
        lines={key: line.html for key, line in lines.items()})


def name_of(item: Question) -> str:
    """The id of the element that holds the question's text."""
    return f"question-{item.id.replace('.', '-')}"


def _call(item: Question) -> str:
    return f'{_LOOK[item.kind][2]}.answer("{item.keys[0]}", confidence=3)'


def _calls(item: Question) -> list[str]:
    """The run(s) that a prediction is about, as calls; none where they are made on a real client."""
    shown = item.kind == "prediction" and not item.live
    return [str(one) for one in (item.scenario, item.control) if one and shown]
