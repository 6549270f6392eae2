"""Behind the wall: run the cells of one copy in a kernel and say what went wrong; whether its answers are
right is not asked.

The kernel lives in this very process (ipykernel's own for that), which saves a second one, five sockets and
three quarters of the time. A copy can therefore say what it likes about its own run, and about nothing else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from ipykernel.inprocess.manager import InProcessKernelManager

from course_tools.report.confined import begin
from lesson_lib.teach import store

_VERDICT = re.compile(r"^[✓✗] (Right|Wrong)\. ", re.MULTILINE)


class PrintsTooMuch(Exception):
    """Raised in the cell that prints more than a copy may."""


class Output:
    """Where the cells print to and display: keeps the text of one cell, counts that of all."""

    encoding = "utf-8"

    def __init__(self, most: float) -> None:
        self._most, self._left, self._kept = most, most * 2**20, [""]

    def write(self, text: str) -> int:
        """Take what a cell prints. PrintsTooMuch when it is too much."""
        if len(text) > self._left:
            raise PrintsTooMuch(f"a copy may print {self._most:g} MB")
        self._left -= len(text)
        self._kept.append(text)
        return len(text)

    def displayed(self, message: dict[str, Any]) -> None:
        """Take what a cell displays; as a hook of IPython's: None means that nothing is sent on."""
        shown = message["content"].get("data", {})
        self.write(f"\n{shown.get('text/plain', '')}\n")
        self._left -= sum(len(str(value)) for value in shown.values())

    def flush(self) -> None:
        """Nothing is waiting."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False

    def taken(self) -> str:
        """What came since the last call."""
        text, self._kept = "".join(self._kept), [""]
        return text


def ran(cells: list[str], printed: float) -> Iterator[dict[str, Any]]:
    """A line before each cell, for its error, for its verdicts; at the end what was stored."""
    manager = InProcessKernelManager()
    manager.start_kernel()
    client, output = manager.client(), Output(printed)
    client.start_channels()
    manager.kernel.stdout = manager.kernel.stderr = output
    for place in (manager.kernel.shell.display_pub, manager.kernel.shell.displayhook):
        place.register_hook(output.displayed)
    for number, source in enumerate(cells):
        yield {"cell": number}
        client.execute(source, allow_stdin=False)
        reply = client.get_shell_msg()["content"]
        client.iopub_channel.get_msgs()
        if reply["status"] == "error":
            yield {"cell": number, "raises": f"{reply['ename']}: {str(reply['evalue'])[:200]}"}
        if verdicts := _VERDICT.findall(output.taken()):
            yield {"cell": number, "verdicts": [verdict.lower() for verdict in verdicts]}
    yield {"stored": sorted(store.everything())}


def main(argv: list[str]) -> int:
    """The order holds the sources, and how many megabytes they may print."""
    line = begin(argv)
    order = line.receive()
    for told in ran(order["cells"], order["printed"]):
        line.send(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
