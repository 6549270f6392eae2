"""`jupyter nbconvert --execute --to lesson-report notebooks/*.ipynb`: a report for each notebook.

`--execute` also runs each copy, but not in nbconvert's own hands: those could neither bound it nor go on
after it. nbconvert has no exit status for what an exporter finds; a postprocessor that the exporter puts in
gives it, after the last notebook. nbconvert makes one of every installed exporter whatever it is asked for,
so little is loaded before there is a notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbconvert.postprocessors import PostProcessorBase
from traitlets import Bool, Unicode

from course_tools.report.checker import Checker
from course_tools.report.confined import no_wall
from course_tools.report.copies import HandedInCopy
from course_tools.report.formats import as_json, as_junit, as_markdown
from course_tools.report.model import CopyReport, exit_status


class LessonReportExporter(Exporter):
    """What was predicted, observed and solved, judged again, as Markdown; JSON and JUnit XML on request."""

    export_from_notebook = "Lesson report"
    output_mimetype = "text/markdown"

    strict = Bool(False, help="Exit with 1 also for anything wrong or not attempted.").tag(config=True)
    json = Unicode("", help="A file for all reports as JSON.").tag(config=True)
    junit = Unicode("", help="A file for all reports as JUnit XML.").tag(config=True)

    def __init__(self, **kw: Any) -> None:
        super().__init__(**kw)
        self._reports: list[CopyReport] = []

    @cached_property
    def _checker(self) -> Checker:
        if why := no_wall():
            self.log.warning(why)
        return Checker(execute=bool(self.config.ExecutePreprocessor.get("enabled", False)))

    def _file_extension_default(self) -> str:
        return ".report.md"

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The report of a file, also of one that is no notebook."""
        resources = self._init_resources(resources)
        resources["metadata"] |= {"name": Path(filename).stem, "path": str(Path(filename).parent)}
        return self._reported(self._checker.file(HandedInCopy(Path(filename)))), resources

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The report of a notebook that was read already."""
        resources = self._init_resources(resources)
        name = resources["metadata"].get("name", "notebook")
        return self._reported(self._checker.notebook(nb, name)), resources

    def _reported(self, report: CopyReport) -> str:
        self._reports.append(report)
        for path, form in ((self.json, as_json), (self.junit, as_junit)):
            if path:
                Path(path).write_text(form(self._reports), encoding="utf-8")
        self._watch_the_end()
        return as_markdown(report)

    def _watch_the_end(self) -> None:
        """Under the nbconvert command, and once."""
        from nbconvert.nbconvertapp import NbConvertApp  # it loads the exporters while it is loaded
        app = NbConvertApp.instance() if NbConvertApp.initialized() else None
        if app is not None and app.exporter is self and len(self._reports) == 1:
            app.postprocessor = _ExitStatus(app.postprocessor, max(1, len(app.notebooks)),
                                            lambda: exit_status(self._reports, self.strict))


class _ExitStatus(PostProcessorBase):
    """Does what another postprocessor does, and ends nbconvert after the last notebook."""

    def __init__(self, other: Any, number: int, status: Callable[[], int]) -> None:
        super().__init__()
        self._other, self._left, self._status = other, number, status

    def postprocess(self, input: str) -> None:  # noqa: A002 - nbconvert's own name
        """Called with each file that was written."""
        if self._other:
            self._other(input)
        self._left -= 1
        if self._left == 0 and (status := self._status()):
            raise SystemExit(status)
