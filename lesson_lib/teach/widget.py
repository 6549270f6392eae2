"""The same question as controls: letters, confidence, Commit. A second view; everything works without it.

The controls are ipywidgets' own. A few lines of script, in an ordinary output beside them, give the radio buttons a common name
(so that arrow keys move between them), tell screen readers what each is for, and keep the keys typed on a control from
JupyterLab, where `b` would insert a cell and `d d` delete one. They also run the stepper of a picture that the controls show.
Where scripts are off, the mouse still works.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from lesson_lib.teach.message import Message, Outcome

if TYPE_CHECKING:
    from lesson_lib.teach.ask import Asked

_SURE = [("a guess", 1), ("fairly sure", 2), ("sure", 3)]


def has_kernel() -> bool:
    """Whether there is a notebook in front of which controls could work."""
    from IPython.core.getipython import get_ipython
    return hasattr(get_ipython(), "kernel")


@cache
def guard_script() -> str:
    """The script that keeps keys and names controls, as HTML."""
    return f"<script>{resources.files('lesson_lib.teach').joinpath('guard.js').read_text(encoding='utf-8')}</script>"


def element_id(item_id: str) -> str:
    """The id of the element that holds the question's text."""
    return f"question-{item_id.replace('.', '-')}"


class Controls:
    """Controls as an output that says nothing where there is no kernel, instead of the name of a class."""

    def __init__(self, box: Any) -> None:
        self.box = box

    def __repr__(self) -> str:
        return ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {**self.box._repr_mimebundle_(), "text/plain": "", "text/html": ""}


def answer_widget(asked: Asked) -> Any:
    """The controls for a question; None where there is no kernel."""
    return Controls(AnswerView(asked).box) if has_kernel() else None


class AnswerView:
    """Radio buttons, confidence (for predictions) and a button that commits; the feedback line is announced."""

    def __init__(self, asked: Asked) -> None:
        import ipywidgets as w
        self.asked = asked
        narrow = w.Layout(width="max-content", margin="2px 24px 2px 2px")
        self.options = w.RadioButtons(options=list(asked.item.keys), value=asked.given or None, description="Answer",
                                      orientation="horizontal", layout=narrow)
        self.sure = w.RadioButtons(options=_SURE, value=asked.sure or None, description="How sure", orientation="horizontal", layout=narrow)
        self.commit = w.Button(description="Commit", tooltip=f"Commit your answer to {asked.item.id}")
        self.said = w.HTML()
        self.commit.on_click(self._commit)
        predicts = asked.item.kind == "prediction"
        self.box = w.VBox([w.HBox([self.options, *([self.sure] if predicts else []), self.commit],
                                  layout=w.Layout(flex_flow="row wrap")), self.said])
        self.box.add_class("lesson-answer").add_class(element_id(asked.item.id))

    def _commit(self, _: Any) -> None:
        standing, option = self.asked.standing, self.options.value
        self.said.value = self.asked.answer(option, self.sure.value).html
        self.asked.standing = standing  # with nothing chosen that was one more "not attempted", which stands in no cell
        if standing and option:
            standing.give_way(Message(Outcome.INFO, f"Answered with the buttons: {option}."))
