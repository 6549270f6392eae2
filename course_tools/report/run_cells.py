"""Behind the wall: run the cells of one copy as a kernel would and say what went wrong; whether its answers
are right is not asked.

What runs them is IPython's shell in this very process: the kernel without its sockets, which would take most
of the time. A copy can therefore say what it likes about its own run, and about nothing else.
"""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course_tools.report.line import JsonLine

_VERDICT = re.compile(r"^(?:Out\[\d+\]: )?[✓✗] (Right|Wrong)\. ", re.MULTILINE)


class PrintsTooMuch(Exception):
    """Raised in the cell that prints more than a copy may."""


class CountedOutput(StringIO):
    """Where the cells print to, which is also where they display, as text; counts the characters of all."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self._most, self._left = most, most * 2**20

    def write(self, text: str) -> int:
        """Take what a cell prints. PrintsTooMuch when it is too much."""
        if len(text) > self._left:
            raise PrintsTooMuch(f"a copy may print {self._most:g} MB")
        self._left -= len(text)
        return super().write(text)

    def taken(self) -> str:
        """What came since the last call."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class NotebookShell(InteractiveShell):
    """A notebook's shell: lessons find a `kernel`, and put a verdict under its question as they do there;
    there is no window to draw in, and `exit` ends it as it ends a kernel."""

    kernel: None = None

    def enable_gui(self, gui: str | None = None) -> None:
        """`%matplotlib inline`."""

    def ask_exit(self) -> None:
        sys.exit(0)


def serve(line: JsonLine) -> None:
    """Say which cell begins, its error, its verdicts, and the end. The order holds the sources, and how many
    megabytes they may print.
    """
    order = line.receive()
    no_history = Config({"HistoryManager": {"enabled": False}})  # it would be a data base, and a thread
    shell, output = NotebookShell.instance(config=no_history), CountedOutput(order["printed"])
    for number, source in enumerate(order["cells"]):
        line.send({"cell": number})
        with redirect_stdout(output), redirect_stderr(output):
            error = _error(shell, source)
        if error is not None:
            line.send({"cell": number, "raises": f"{type(error).__name__}: {str(error)[:200]}"})
        if verdicts := _VERDICT.findall(output.taken()):
            line.send({"cell": number, "verdicts": [verdict.lower() for verdict in verdicts]})
    line.send({"ended": True})


def _error(shell: NotebookShell, source: str) -> BaseException | None:
    try:
        result = shell.run_cell(source, store_history=True)
    except PrintsTooMuch as error:  # raised by what the shell itself had to say
        return error
    return result.error_before_exec or result.error_in_exec
