"""What joins an output to the kernel: its script, and two fields that nobody sees.

An output is plain HTML with a script (`card.js`, `playground.js`) behind it, so it is there in every front
end, on any page and the next day. Where there is a kernel, a link comes with it: the script writes into one
field, the kernel answers in the other. A link whose kernel is gone is nowhere shown, as a widget would be.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from html import escape
from importlib import resources
from typing import Any

import ipywidgets as w

from lesson_lib.teach.message import has_kernel, show_now


def script(name: str, /, **data: Any) -> str:
    """The script of that name for the element before it, with its data."""
    told = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"<script>{source('kernel_link.js')}\n{source(name)}(document.currentScript, {told});</script>"


@cache
def source(name: str) -> str:
    """The text of a script or a style sheet of this room."""
    return resources.files("lesson_lib.teach").joinpath(name).read_text(encoding="utf-8").strip()


class KernelLink:
    """`hear` gets what the script of the output `name` sends, `tell` answers it."""

    def __init__(self, name: str, hear: Callable[[str], Any]) -> None:
        self.asked, self.told = w.Text(), w.HTML()
        for field, end in ((self.asked, "wire"), (self.told, "told")):
            field.add_class(f"lesson-{end}").add_class(name)
        self.box = w.VBox([self.asked, self.told], layout=w.Layout(display="none"))
        self.asked.observe(lambda change: hear(change["new"]), "value")

    def tell(self, **data: Any) -> None:
        """Put it where the script sees it."""
        self.told.value = escape(json.dumps(data))

    def show(self) -> None:
        """Put it under the running cell, where there is a kernel."""
        if has_kernel():
            show_now(self)

    def __repr__(self) -> str:
        return ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """As an output that says nothing where there is no kernel, instead of the name of a class."""
        widget = getattr(self.box, "_repr_mimebundle_", dict)()  # not in ipywidgets 7, which Colab has
        return {**widget, "text/plain": "", "text/html": ""}
