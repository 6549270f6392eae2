"""The page of incidents with its pictures: as cells with outputs for the book, as a notebook to run for the
site.

The page is a text with lines for Python's prompt. What they call `picture` is the run drawn; nothing is
written down twice, and no picture can be older than its lines.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from doctest import DocTestParser, Example
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_tools.publish.published import NOTEBOOKS, as_published

PAGE = NOTEBOOKS / "incidents.md"
BLOCK = re.compile(r"(```pycon\n(.*?)```\n)", re.DOTALL)
# Without the second JupyterLite asks the reader which kernel it is to start.
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
          "language_info": {"name": "python"}}
DRAWN, OUTPUT_ALONE = "picture", "output-alone"


def with_pictures(text: str) -> list[NotebookNode]:
    """The text as it is, behind each block of lines the picture that they drew."""
    cells: list[NotebookNode] = []
    names: dict[str, Any] = {}
    for words, block, examples in _parts(text):
        cells.append(new_markdown_cell(words + block))
        with redirect_stdout(io.StringIO()):  # what is printed stands in the text already
            for example in examples:
                exec(compile(example.source, PAGE.name, "single"), names)
        if picture := names.pop(DRAWN, None):
            shown = new_output("display_data", data=picture._repr_mimebundle_())
            cells.append(new_code_cell("", outputs=[shown], metadata={"tags": [OUTPUT_ALONE]}))
    return cells


def to_run(text: str) -> NotebookNode:
    """A notebook with the lines as cells, which show their picture when they are run."""
    cells: list[NotebookNode] = []
    for words, _, examples in _parts(text):
        cells.append(new_markdown_cell(words.strip()))
        source = "".join(map(_shown, examples)).strip()
        if examples:
            drawn = f"\n{DRAWN}" if f"{DRAWN} =" in source else ""
            cells.append(new_code_cell(re.sub(r" *# doctest:.*", "", source) + drawn))
    return new_notebook(cells=cells, metadata=KERNEL)


def _parts(text: str) -> Iterator[tuple[str, str, list[Example]]]:
    """The words before each block of lines, the block, and its lines; at the end words alone."""
    pieces = BLOCK.split(text)
    for words, block, lines in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=False):
        yield words, block, DocTestParser().get_examples(lines)
    yield pieces[-1], "", []


def _shown(example: Example) -> str:
    """A line that shows its value at the prompt, printed: a cell shows only its last."""
    try:
        ast.parse(example.source, mode="eval")
    except SyntaxError:
        return example.source
    return f"print({example.source.strip()})\n"


def read(page: Path = PAGE) -> str:
    """The committed text, without the comment on its top, which is for people who edit it."""
    return re.sub(r"<!--.*?-->\s*", "", as_published(page).decode(), flags=re.DOTALL)
