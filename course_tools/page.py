"""A page of HTML that stands alone, for `trace`, `read` and `judge`: a heading, sentences, pictures.

It needs nothing from anywhere, so it can be sent to a colleague or kept as an artefact of a CI run.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from lesson_lib.draw.picture import Picture
from lesson_lib.text_table import TextTable

STYLE = ("body{font-family:system-ui,sans-serif;max-width:1040px;margin:2em auto;padding:0 1em;"
         "line-height:1.5}code,pre{font-family:monospace}pre{overflow-x:auto}table{border-collapse:collapse}"
         "td,th{text-align:left;padding:.1em .8em .1em 0}")


def html_page(title: str, *parts: str) -> str:
    """The whole page; `parts` are HTML already."""
    return (f'<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>'
            f"{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>\n")


def section(heading: str, *said: str, picture: Picture | None = None) -> str:
    """A heading, sentences below it, and the picture that they are about."""
    words = "".join(f"<p>{escape(one)}</p>" for one in said)
    return f"<h2>{escape(heading)}</h2>{words}{picture.html() if picture else ''}"


def items(sentences: Iterable[str]) -> str:
    """A list; nothing where there is nothing to list."""
    lines = "".join(f"<li>{escape(one)}</li>" for one in sentences)
    return f"<ul>{lines}</ul>" if lines else ""


def made_by(command: str) -> str:
    """Which command wrote the page."""
    return f"<p>Made by <code>{escape(command)}</code></p>"


def table_of(table: TextTable) -> str:
    """A table as it is printed."""
    return f"<pre>{escape(str(table))}</pre>"
