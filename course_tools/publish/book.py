"""The book: every lesson after Run All as a page of HTML, the table of clients, a list of contents, and a
search over all of them.

The folder stands alone. Nothing in it asks for anything outside it, so it can be read from a disk, a stick or
any web server.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from course_tools.publish import incidents
from course_tools.publish.execute import exporter_with, make_from_lessons
from course_tools.publish.published import NOTEBOOKS, TITLE
from lesson_lib import __version__
from lesson_lib.teach.playground import page_part
from lesson_lib.text_table import inline_html

SUBTITLE = ("Kafka's idempotent producer in seven lessons. On these pages you answer the questions, see what "
            "the runs say to your answers, and step through every picture. You can change the run below; to "
            "change the others, open the notebooks.")
APPENDICES = {
    "the-article.md": "What the course grew out of, part by part, and which lesson takes up which part.",
    "incidents.md": "What happened to people in public, each with the run that replays it.",
    "in-production.md": "A copy, a gap, an error 45, a stuck consumer: where to look, and in which order.",
    "embedded-broker.md": "The course's broker alone, for clients in any language.",
    "judged-brokers.md": "Which brokers decide as Apache Kafka does, and how to find out about yours.",
    "clients-compared.md": "Four clients, the same faults.",
}
HOW_ID, HOW = "l01-how", """### How a lesson works

You predict, you look, then you say what you saw. Press an option, and how sure you are: the run opens below
it. You can open it without an answer too. Each picture steps event by event.

Your answers stay in this browser. The exercises need the notebooks.
"""

_BLOCKS = ("p", "li", "div", "td", "th", "pre", "br", "blockquote")
# Of details, because the text twin of a picture says what its alt text says.
_SILENT = "script, style, svg, header, nav, summary, details:not(.deeper)"
_NEW_SECTION, _NEXT_PART = "\x01", "\x02"  # neither is in a page


@dataclass(frozen=True)
class LessonPage:
    """One page. `name` is the notebook's heading, `goals` what its first cell promises, as HTML; `beside`
    says in a sentence what a page is for that is no lesson."""

    file: str
    name: str
    goals: tuple[str, ...]
    notebook: NotebookNode
    beside: str = ""

    @property
    def title(self) -> str:
        """The heading without its number."""
        return re.sub(r"^\d+ · ", "", self.name)


def make_book(folder: Path, notebooks: dict[Path, NotebookNode]) -> list[Path]:
    """Write executed lessons as a book into `folder`; returns the pages, the list of contents first."""
    book = [_lesson(path, notebook) for path, notebook in notebooks.items()]
    for name, beside in APPENDICES.items():
        text = incidents.read(NOTEBOOKS / name)
        cells = (incidents.with_pictures(text) if name == incidents.PAGE.name else [new_markdown_cell(text)])
        book.append(replace(_lesson(Path(name), new_notebook(cells=cells)), beside=beside))
    exporter = exporter_with("lesson-page", HTMLExporter, (incidents.OUTPUT_ALONE,))
    pages = {lesson.file: _page(exporter, book, number) for number, lesson in enumerate(book)}
    index = [section for lesson in book
             for section in sections_of(pages[lesson.file], lesson.file, lesson.name)]
    told = json.dumps(index, ensure_ascii=False, indent=0)
    (folder / "search-index.js").write_text(f"window.lessonSections = {told};\n", encoding="utf-8")
    for name, html in {"index.html": _contents(exporter, book), **pages}.items():
        (folder / name).write_text(html, encoding="utf-8")
    return [folder / name for name in ("index.html", *pages)]


def _lesson(path: Path, notebook: NotebookNode) -> LessonPage:
    heading, *rest = notebook.cells[0].source.splitlines()
    for cell in notebook.cells:
        cell.source = HOW if cell.id == HOW_ID else cell.source
    goals = tuple(inline_html(line.removeprefix("- ")) for line in rest if line.startswith("- "))
    return LessonPage(path.with_suffix(".html").name, heading.lstrip("# "), goals, notebook)


def _page(exporter: HTMLExporter, book: list[LessonPage], number: int) -> str:
    lesson = book[number]
    told: dict[str, Any] = {"title": TITLE, "pages": book, "file": lesson.file,
                            "previous": book[number - 1] if number else None,
                            "next": book[number + 1] if number + 1 < len(book) else None}
    where = {"name": lesson.title, "path": str(NOTEBOOKS)}  # the images of Markdown cells lie there
    html = exporter.from_notebook_node(lesson.notebook, resources={"book": told, "metadata": where})[0]
    sections = re.findall(r'<h2 id="([^"]+)">(.*?)<a class="anchor-link"', html)
    links = "".join(f'<li><a href="#{to}">{said}</a></li>' for to, said in sections)
    return html.replace("<!-- sections -->", links, 1)


def _contents(exporter: HTMLExporter, book: list[LessonPage]) -> str:
    told = {"title": TITLE, "subtitle": SUBTITLE, "pages": book,
            "made": inline_html(f"Made by `make book` from version {__version__} of the course.")}
    return exporter.environment.get_template("contents.html.j2").render(book=told, touch=page_part())


def sections_of(html: str, file: str, lesson: str) -> list[dict[str, str]]:
    """What the search knows of a page: its text cut at its headings, in order; what stands before the first
    heading belongs to none."""
    page = BeautifulSoup(html, "html.parser")
    for element in page.select(_SILENT):
        element.decompose()
    for image in page.find_all("img"):
        image.replace_with(f" {image.get('alt', '')} ")
    for block in page.find_all(_BLOCKS):
        block.insert(0, " ")
    for heading in page.find_all(("h1", "h2", "h3")):
        words = heading.get_text().replace("¶", "")
        heading.replace_with(_NEXT_PART.join((_NEW_SECTION + heading.get("id", ""), words, "")))
    sections = ([" ".join(words.split()) for words in part.split(_NEXT_PART)]
                for part in page.get_text().split(_NEW_SECTION)[1:])
    return [{"address": f"{file}#{anchor}", "lesson": lesson, "heading": heading, "text": text}
            for anchor, heading, text in sections]


def main(argv: list[str]) -> int:
    """Make the book."""
    return make_from_lessons("book", make_book, argv)
