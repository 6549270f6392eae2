"""Slides of every lesson: the same as `jupyter nbconvert --execute --to slides` where the course is
installed.

The words of a slide are made smaller until it fits its window. A picture keeps labels of 14 pixels, and one
that is larger than its place is scrolled in itself, to where something happens. Text tables, and what only
the one at the keyboard needs, stay out. Arrow keys and the space bar play a picture event by event before the
next slide comes; Page Down and Page Up, which clickers send, turn the slide at once.
"""

from __future__ import annotations

from pathlib import Path

from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from course_tools.publish.execute import TEMPLATES, make_from_lessons


def make_slides(folder: Path, notebooks: dict[Path, NotebookNode]) -> list[Path]:
    """Write the slides of executed lessons into `folder`; returns the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    exporter = _exporter()
    pages = []
    for path, notebook in notebooks.items():
        page = folder / path.with_suffix(".slides.html").name
        where = {"name": path.stem, "path": str(path.parent)}  # the images of Markdown cells lie there
        page.write_text(exporter.from_notebook_node(notebook, resources={"metadata": where})[0],
                        encoding="utf-8")
        pages.append(page)
    return pages


def _exporter() -> SlidesExporter:
    config = Config()
    config.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.SlidesExporter.template_name = "lesson-slides"
    return SlidesExporter(config=config, embed_images=True)


def main(argv: list[str]) -> int:
    """Make the slides."""
    return make_from_lessons("slides", make_slides, argv)
