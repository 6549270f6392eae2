"""The lab in a kernel of its own: cells that are run twice, interrupted, wrong, and a kernel that is restarted."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE_SECONDS = 60
START = "from lesson_lib import start_lab\nlab = start_lab('embedded')"
THREADS = "import threading; print(sorted(t.name for t in threading.enumerate() if t.name in ('fault proxy', 'embedded broker')))"


class Notebook:
    """Runs cells in one kernel."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE_SECONDS)

    def run(self, cell: str, interrupt_after: float | None = None) -> str:
        """Everything that a cell writes, errors included."""
        written: list[str] = []
        if interrupt_after is not None:
            threading.Timer(interrupt_after, self.manager.interrupt_kernel).start()
        self.client.execute_interactive(cell, timeout=PATIENCE_SECONDS, allow_stdin=False,
                                        output_hook=lambda message: written.append(self._text(message["content"])))
        return "".join(written)

    @staticmethod
    def _text(content: dict) -> str:
        return content.get("text") or "\n".join(content.get("traceback", [])) or content.get("data", {}).get("text/plain", "")


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """A kernel of the environment that runs the tests."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "", "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    yield manager
    manager.shutdown_kernel(now=False)


@pytest.fixture(scope="module")
def notebook(kernel: KernelManager) -> Iterator[Notebook]:
    """A notebook on that kernel."""
    notebook = Notebook(kernel)
    yield notebook
    notebook.client.stop_channels()


def test_a_real_duplicate_in_two_cells(notebook: Notebook) -> None:
    assert notebook.run(START).startswith("Live broker: the embedded one")
    assert "log:  0:m0  1:m1  2:m1  3:m2" in notebook.run("print(lab.run(3, faults={2: 'lose ack'}, idempotence=False))")
    assert "log:  0:m0  1:m1  2:m2" in notebook.run("print(lab.run(3, faults={2: 'lose ack'}, idempotence=True))")


def test_a_start_cell_that_is_run_again_leaves_one_lab(notebook: Notebook) -> None:
    for _ in range(3):
        notebook.run(START)
    assert notebook.run(THREADS).strip() == "['embedded broker', 'fault proxy']"


def test_a_mistake_shows_a_sentence_and_no_traceback(notebook: Notebook) -> None:
    notebook.run(START)
    shown = notebook.run("lab.run(3, faults={2: 'loose ack'})")
    assert shown.startswith("LessonError: There is no fault 'loose ack'.") and "Traceback" not in shown
    assert "m0 ok" in notebook.run("print(lab.run(1))")


def test_an_interrupted_cell(notebook: Notebook) -> None:
    notebook.run(START)
    shown = notebook.run("lab.run(3, faults={2: 'lose ack silently'}, request_timeout_ms=30_000, delivery_timeout_ms=40_000)", 1.0)
    assert shown.startswith("LessonError: The run was interrupted") and "Traceback" not in shown
    assert "log:  0:m0  1:m1" in notebook.run("print(lab.run(2, faults={2: 'lose ack'}))")


def test_the_text_of_a_cell_is_the_same_when_it_is_run_again(notebook: Notebook) -> None:
    cells = [START, "print(lab.run(3, faults={2: 'lose ack'}))"]
    assert [notebook.run(cell) for cell in cells] == [notebook.run(cell) for cell in cells]


def test_nothing_of_a_client_is_written_into_the_cell(notebook: Notebook) -> None:
    notebook.run(START)
    assert notebook.run("history = lab.run(3, faults={1: 'lose ack', 3: 'refuse 19'}, idempotence=False)") == ""


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to look at a process from outside")
def test_a_restarted_kernel_leaves_no_socket(notebook: Notebook, kernel: KernelManager) -> None:
    notebook.run(START + "\nproducer = lab.producer(enable_idempotence=True)\nlab.consumer(lab.topic('orders'))")
    port = int(notebook.run("print(lab.proxy.address.rpartition(':')[2])"))
    before = listening(port)
    assert len(before) == 1
    kernel.restart_kernel(now=False)
    notebook.client.wait_for_ready(PATIENCE_SECONDS)
    assert not before & listening(port), "by then another test's server may have that port"
    assert "m0 ok" in notebook.run(START + "\nprint(lab.run(1))")


def listening(port: int) -> set[str]:
    """The sockets (their inodes) that listen on that port of this machine (state 0A in /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
