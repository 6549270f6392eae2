"""A JupyterLab of one's own on a free port of this machine, that knows nothing of this machine's settings; stopped afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
TOKEN = "lesson"
IDLE = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel?.status === 'idle'"
DONE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const code = (panel?.content?.widgets ?? []).filter(c => c.model.type === 'code' && c.model.sharedModel.source.trim());
  return code.length > 0 && code.every(c => c.model.executionCount) && panel.context.sessionContext.session?.kernel?.status === 'idle';
}"""
OWN = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR")


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells], metadata=KERNEL)
    nbformat.write(notebook, path)


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve a folder; yields `http://host:port`. Its kernels talk to the embedded broker and keep progress in the folder."""
    server, port = _started(folder)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers. Until it listens, somebody else may take its port; then it ends, and another port is tried."""
    for _ in range(5):
        port = _free_port()
        server = _start(folder, port)
        if _answers(server, f"http://127.0.0.1:{port}/api?token={TOKEN}"):
            return server, port
    raise RuntimeError(f"JupyterLab did not start: {(folder / 'lab.log').read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    options = ["--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    learner = {"LESSON_PROGRESS": str(folder / "progress"), "KAFKA_BOOTSTRAP_SERVERS": "embedded"}
    with open(folder / "lab.log", "w") as log:
        return subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=log, stderr=subprocess.STDOUT,
                                env={**os.environ, **{name: str(folder / "home") for name in OWN}, **learner})


def _answers(server: subprocess.Popen[bytes], address: str) -> bool:
    """Wait until it answers or has ended; one that stays silent for two minutes is stopped."""
    end = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return True
        except OSError:
            time.sleep(0.1)
    server.terminate()
    server.wait(20)
    return False


def open_in(page: Any, server: str, name: str) -> None:
    """Open a notebook of the server's folder and wait for its kernel."""
    page.goto(f"{server}/lab/tree/{name}?token={TOKEN}&reset")
    page.wait_for_function(IDLE, timeout=60_000)


def run_all(page: Any) -> None:
    """Run every cell and wait until each has its number and the kernel is idle."""
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"({DONE})()", timeout=120_000)
