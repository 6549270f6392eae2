"""How text is shown in a terminal and in a notebook: one kind of table for the whole course, and lines that
are not too long.

A cell is plain text; in HTML `backticks` in it become code and *stars* emphasis. What needs more than that in
one of its columns writes its HTML with `html_table` and its text with `aligned`, so that every table of the
course looks the same.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

WIDTH = 96  # characters: JupyterLab breaks a longer line in the middle of a word
# A star between spaces is a star, and so is one in code.
_INLINE = re.compile(r"`([^`\n]+)`|(\*\*?)(\w(?:[^*\n]*\w)?)\2")
_LEFT = ' style="text-align: left"'


def wrap_output(text: str) -> str:
    """The text in lines of at most 96 characters, broken between words."""
    return fill(text, WIDTH)


def aligned(rows: Sequence[Sequence[str]], between: str = "  ") -> list[str]:
    """One line a row, every column as wide as its widest cell, nothing at the end of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [between.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows]


def times(number: int) -> str:
    """How often, in words: once, twice, three times, 4 times."""
    return {1: "once", 2: "twice", 3: "three times"}.get(number) or f"{number} times"


def inline_html(text: str) -> str:
    """Escaped HTML: `backticks` became code, *one star* emphasis, **two** more of it, line ends breaks."""
    return _INLINE.sub(_element, html.escape(text, quote=False)).replace("\n", "<br>")


def _element(found: re.Match[str]) -> str:
    code, stars, words = found.groups()
    tag = "code" if code else "em" if stars == "*" else "strong"
    return f"<{tag}>{code or words}</{tag}>"


def html_table(caption: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already; caption and headings are plain text."""
    head = "".join(f'<th scope="col"{_LEFT}>{inline_html(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td{_LEFT}>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (f"<table><caption>{inline_html(caption)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>")


@dataclass(frozen=True)
class TextTable:
    """Rows under headings, as text and as HTML; `empty` is shown in their place where there are none."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""

    def __str__(self) -> str:
        return "\n".join([self.caption, *aligned([self.headings, *self.rows])]) if self.rows else self.empty

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = (map(inline_html, row) for row in self.rows)
        rich = f"<p>{inline_html(self.empty)}</p>"
        if self.rows:
            rich = html_table(self.caption, self.headings, rows)
        return {"text/plain": str(self), "text/html": rich}
