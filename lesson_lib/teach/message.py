"""What the lessons say back: an outcome, a sentence, perhaps a picture; as text and as HTML."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from lesson_lib.draw.picture import Picture
from lesson_lib.text_table import inline_html

Thing = TypeVar("Thing")
QUIET_SECONDS, EVERY_SECONDS = 2, 0.5


class Outcome(StrEnum):
    """What a learner can be told. `noted`: a prediction is kept, and the run will show whether it's right.
    `cannot run`: a typo, for example. `outside`: the exercise doesn't ask about this. `wrong`: an idea that
    was tried, and no other answer.
    """

    NOT_ATTEMPTED = "not attempted"
    NOTED = "noted"
    WRONG = "wrong"
    RIGHT = "right"
    CANNOT_RUN = "cannot run"
    OUTSIDE = "outside"
    INFO = "info"


# Sign, colour (Okabe-Ito) and words; never the colour alone.
_LOOK = {Outcome.NOT_ATTEMPTED: ("…", "#999999", "Not attempted yet. "),
         Outcome.NOTED: ("•", "#0072B2", "Noted. "),
         Outcome.WRONG: ("✗", "#D55E00", "Wrong. "),
         Outcome.RIGHT: ("✓", "#009E73", "Right. "),
         Outcome.CANNOT_RUN: ("!", "#E69F00", "Cannot run this. "),
         Outcome.OUTSIDE: ("!", "#E69F00", "Not in this exercise. "),
         Outcome.INFO: ("", "#56B4E9", "")}


@dataclass(frozen=True)
class Message:
    """A sentence or two with its outcome; shows itself as the last expression of a cell. `frame` adds what
    a page has around its HTML.
    """

    outcome: Outcome
    text: str
    picture: Picture | None = None
    code: str = ""
    frame: Callable[[str], str] = str

    @property
    def line(self) -> str:
        """The words alone, the outcome first."""
        sign, _, words = _LOOK[self.outcome]
        return f"{sign} {words}{self.text}".strip()

    @property
    def html(self) -> str:
        """The line as a box that screen readers announce."""
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        attributes = f'role="status" data-outcome="{self.outcome}"'
        return box(inline_html(self.line) + code, _LOOK[self.outcome][1], attributes)

    def rich(self) -> str:
        """The line and the picture as HTML."""
        return self.frame(self.html + (self.picture.html() if self.picture else ""))

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, (self.line, self.code, str(self.picture or ""))))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.rich()}


class QuietMessage(Message):
    """A message that is on the card of a question already; as the value of a cell it shows nothing."""

    def _ipython_display_(self) -> None:
        pass


class SelfShowing:
    """Something that shows itself when it is made, and again only where a later cell asks for it."""

    _cell: int | None = None
    _handle: Any = None

    def plain(self) -> str:
        """What it says, as text."""
        raise NotImplementedError

    def rich(self) -> str:
        """What it says, as HTML."""
        raise NotImplementedError

    def show(self) -> None:
        """Put it under the running cell."""
        self._cell = cell_number()
        self._handle = show_now(self._output())

    def shown(self) -> Self:
        """Show it, and return it."""
        self.show()
        return self

    def refresh(self) -> None:
        """Show it again, in the place where it was shown last."""
        if self._handle is not None:
            self._handle.update(self._output())

    def _output(self) -> HtmlOutput:
        return HtmlOutput(self.plain(), self.rich())

    @property
    def is_in_this_cell(self) -> bool:
        """Whether it was shown by the running cell."""
        return self._cell is not None and self._cell == cell_number()

    def _ipython_display_(self) -> None:
        if not self.is_in_this_cell:
            self.show()

    def __repr__(self) -> str:
        return self.plain()


@dataclass(frozen=True)
class HtmlOutput:
    """An ordinary output."""

    plain: str
    rich: str

    def __repr__(self) -> str:
        return self.plain

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.plain, "text/html": self.rich}


def box(content: str, colour: str, attributes: str = "") -> str:
    """HTML content with a coloured edge; it keeps the page's own text colour, so any theme can show it."""
    style = f"border-left: 4px solid {colour}; padding: 2px 10px; margin: 4px 0; max-width: 60em"
    return f'<div {attributes} style="{style}">{content}</div>'


def cell_number() -> int | None:
    """The number of the running cell; None outside of a notebook."""
    from IPython.core.getipython import get_ipython
    shell = get_ipython()
    return None if shell is None else shell.execution_count


def show_now(thing: Any) -> Any:
    """Show a thing under the running cell, or print it. The handle that can replace it, None if none can."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display
    if get_ipython() is None:
        return print(thing)
    return display(thing, display_id=True) if has_kernel() else display(thing)


def with_progress(things: Sequence[Thing], what: str) -> Iterator[Thing]:
    """Go through the things. After two seconds the notebook says how far it is, until they are done."""
    begin = last = time.monotonic()
    shown = None
    try:
        for number, thing in enumerate(things):
            now = time.monotonic()
            if now - begin > QUIET_SECONDS and now - last > EVERY_SECONDS and has_kernel():
                words, last = f"Checking: {number:,} of {len(things):,} {what}.", now
                said = HtmlOutput(words, box(words, "#56B4E9", 'role="status"'))
                if shown is None:
                    shown = show_now(said)
                else:
                    shown.update(said)
            yield thing
    finally:  # also where the search ends before its last
        if shown is not None:
            shown.update(HtmlOutput("", ""))


def has_kernel() -> bool:
    """Whether this runs in a kernel, with a notebook in which buttons can work."""
    from IPython.core.getipython import get_ipython
    return hasattr(get_ipython(), "kernel")
