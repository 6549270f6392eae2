"""Slides of every lesson: the same as `jupyter nbconvert --execute --to slides` where the course is
installed.

The words of a slide are made smaller until it fits its window. A picture has the slide to itself, as large as
it fits, and one of two runs is shown run by run; what was said about it comes after it, on the same slide.
Text tables, and what only the one at the keyboard needs, stay out. Arrow keys and the space bar play a
picture event by event before they go on; Page Down and Page Up, which clickers send, go on at once.
`index.html` lists the headings, by which the instructors' plans name slides.
"""

from __future__ import annotations

import re
from pathlib import Path

from bs4 import BeautifulSoup
from nbconvert import SlidesExporter
from nbformat import NotebookNode

from course_tools.publish.execute import exporter_with, make_from_lessons
from course_tools.publish.published import TITLE


def make_slides(folder: Path, notebooks: dict[Path, NotebookNode]) -> list[Path]:
    """Write the slides of executed lessons into `folder`; returns the pages, the list of headings first."""
    exporter = exporter_with("lesson-slides", SlidesExporter)
    pages, lessons = [folder / "index.html"], []
    for path, notebook in notebooks.items():
        page = folder / path.with_suffix(".slides.html").name
        where = {"name": path.stem, "path": str(path.parent)}  # the images of Markdown cells lie there
        html = exporter.from_notebook_node(notebook, resources={"metadata": where})[0]
        page.write_text(html, encoding="utf-8")
        pages.append(page)
        (_, name, _), *headings = headings_of(html)
        lessons.append((name, page.name, headings))
    contents = exporter.environment.get_template("contents.html.j2").render(title=TITLE, lessons=lessons)
    pages[0].write_text(contents, encoding="utf-8")
    return pages


def headings_of(html: str) -> list[tuple[int, str, str]]:
    """The number of its slide, the words and the address of each heading; the title of the lesson is the
    first."""
    slides = enumerate(BeautifulSoup(html, "html.parser").select(".slide"), 1)
    words = ((number, heading.get_text().replace("¶", "")) for number, slide in slides
             for heading in slide.find_all(("h1", "h2", "h3")))
    return [(number, heading, address(heading)) for number, heading in words]


def address(heading: str) -> str:
    """A heading as GitHub and the plans of the instructors' page write its anchor; `slides.js` reads it."""
    return re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-")


def main(argv: list[str]) -> int:
    """Make the slides."""
    return make_from_lessons("slides", make_slides, argv)
