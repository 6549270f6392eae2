"""Run a copy in a kernel, within bounds, and say what went wrong; whether its answers are right is not asked here.

The copy's sources alone are run: its metadata, its outputs and its cell ids (which doubled cells share) have no part in it.
nbclient can wait for ever for a message that has come already, when it sends on the socket that it polls; so it polls in slices.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.channels import AsyncZMQSocketChannel
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course_tools.report import fingerprint, prints

_CLOSING = 60  # seconds for the question at the end
_VERDICT = re.compile(r"^[✓✗] (Right|Wrong)\. ", re.MULTILINE)
_get_msg = AsyncZMQSocketChannel.get_msg


async def in_slices(self: AsyncZMQSocketChannel, timeout: float | None = None) -> Any:
    """What a channel gives within `timeout` seconds, as `get_msg` itself; set it in its place before a notebook is run."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = 0.25 if end is None else min(0.25, max(0.0, end - time.monotonic()))
        try:
            return await _get_msg(self, left)
        except Empty:
            if end is not None and time.monotonic() >= end:
                raise


class Client(NotebookClient):
    """Counts what the kernel prints and shows; ends the kernel when it is too much."""

    most = 0.0  # bytes
    flooded = False

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Count, then do as usual."""
        self.most -= len(str(msg["content"]))
        if self.most < 0 and not self.flooded:
            self.flooded = True
            os.kill(self.km.provisioner.pid, signal.SIGKILL)
        return None if self.flooded else super().process_message(msg, cell, cell_index)


def main(argv: list[str]) -> int:
    """`execute order.json pipe`: the order holds the sources and the bounds."""
    order = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    AsyncZMQSocketChannel.get_msg = in_slices
    with os.fdopen(int(argv[1]), "w", encoding="utf-8") as pipe:
        for line in executed(order):
            print(json.dumps(line), file=pipe, flush=True)
    return 0


def executed(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A line for the kernel, for each error, and for the verdicts that the cells show."""
    cells = [new_code_cell(source) for source in order["cells"]]
    book = new_notebook(cells=[*cells, new_code_cell(fingerprint.QUESTION)])
    client = Client(book, timeout=order["cell"], kernel_name="python3", allow_errors=True, store_widget_state=False,
                    shutdown_kernel="immediate", extra_arguments=[f"--IPKernelApp.extensions={prints.__name__}"],
                    resources={"metadata": {"path": str(Path.cwd())}})
    client.most = order["output"]
    client.create_kernel_manager()
    try:
        client.start_new_kernel(env={**os.environ, prints.MOST: f"{order['output']:.0f}"})
        yield {"kernel": client.km.provisioner.pid}
        client.start_new_kernel_client()
        yield from _cells(client, order)
    finally:
        with suppress(Exception):
            client._cleanup_kernel()


def _cells(client: Client, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run the cells one by one; the last is not the learner's."""
    closing = len(client.nb.cells) - 1
    for number, cell in enumerate(client.nb.cells):
        place = f"code cell {number + 1}" if number < closing else "the end"
        client.timeout = order["cell"] if number < closing else _CLOSING
        try:
            client.execute_cell(cell, number)
        except CellTimeoutError:
            yield {"error": f"It does not end: {place} ran for longer than {client.timeout:g} seconds."}
            return
        except DeadKernelError:
            flood = f"It prints too much: more than {order['output'] / 2**20:g} MB by {place}."
            yield {"error": flood if client.flooded else f"It crashes: the kernel died in {place}."}
            return
        yield from _found(cell, number, place) if number < closing else fingerprint.answer(_text(cell))


def _found(cell: NotebookNode, number: int, place: str) -> Iterator[dict[str, Any]]:
    """A line for each error in a cell, and one for the verdicts that it shows."""
    for output in cell.outputs:
        if output.output_type == "error":
            yield {"error": f"{place[0].upper()}{place[1:]} raises {output.ename}: {str(output.evalue)[:200]}"}
    if verdicts := _VERDICT.findall(_text(cell)):
        yield {"cell": number, "verdicts": [verdict.lower() for verdict in verdicts]}


def _text(cell: NotebookNode) -> str:
    return "\n".join(str(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in cell.outputs)
