"""`jupyter nbconvert --execute --to lesson-report notebooks/*.ipynb`: a report for each notebook.

`--execute` also runs each copy. nbconvert itself runs nothing: an exporter that would let a copy run in nbconvert's own process
could neither bound it nor go on after it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from traitlets import Bool, Float, Int, Unicode

from lesson_lib.report import copies, markdown
from lesson_lib.report.model import Report
from lesson_lib.report.sandbox import Bounds


class LessonReportExporter(Exporter):
    """What was predicted, observed and solved, judged again, as Markdown."""

    export_from_notebook = "Lesson report"
    output_mimetype = "text/markdown"

    def _file_extension_default(self) -> str:
        return ".report.md"

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kw: Any) -> tuple[str, dict[str, Any]]:
        """The report of a file, also of one that is no notebook."""
        resources = self._init_resources(resources)
        resources["metadata"] |= {"name": Path(filename).stem, "path": str(Path(filename).parent)}
        return markdown.report(copies.Checker(execute=True).file(Path(filename))), resources

    def from_notebook_node(self, nb: Any, resources: dict[str, Any] | None = None, **kw: Any) -> tuple[str, dict[str, Any]]:
        """The report of a notebook that was read already."""
        resources = self._init_resources(resources)
        name = resources["metadata"].get("name", "notebook")
        return markdown.report(copies.Checker(execute=True).notebook(nb, name)), resources
