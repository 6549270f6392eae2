"""What the search of the book knows: the text of a finished page, cut at its headings."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

_HEADINGS = ("h1", "h2", "h3")
_BLOCKS = ("p", "li", "div", "td", "th", "pre", "br", "blockquote")
# Of details, because the text twin of a picture says what its alt text says.
_SILENT = ("script", "style", "svg", "header", "nav", "summary")


@dataclass(frozen=True)
class FoundSection:
    """A heading with the text below it, and where to find it."""

    address: str
    lesson: str
    heading: str
    text: str


class _HeadingReader(HTMLParser):
    """Collects [anchor, words of the heading, words of the text] for each heading of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str], list[str]]] = []
        self._silent = 0
        self._details: list[bool] = []  # the open ones: a picture's table, or (False) what goes deeper
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag == "details":
            self._details.append(dict(attrs).get("class") != "deeper")
            self._silent += self._details[-1]
        if tag in _HEADINGS:
            self.found.append((dict(attrs).get("id") or "", [], []))
            self._in_heading = True
        if tag in _BLOCKS:
            self.handle_data(" ")
        if tag == "img":
            self.handle_data(f" {dict(attrs).get('alt') or ''} ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT
        if tag == "details":
            self._silent -= self._details.pop()
        if tag in _HEADINGS:
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self.found and not self._silent and data != "¶":
            self.found[-1][1 if self._in_heading else 2].append(data)


def sections_of(html: str, file: str, lesson: str) -> list[FoundSection]:
    """The sections of one page, in order; what stands before the first heading belongs to none."""
    reader = _HeadingReader()
    reader.feed(html)
    return [FoundSection(f"{file}#{anchor}", lesson, _joined(heading), _joined(text))
            for anchor, heading, text in reader.found]


def _joined(parts: list[str]) -> str:
    return " ".join("".join(parts).split())
