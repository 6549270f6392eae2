"""`make lab`: the address is the last thing on the terminal, and a browser is opened only where it has a window."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_tools import lab

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition: Callable[[], object]) -> None:
    """Wait for it, a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_address_is_last_also_after_a_warning(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    options = ["--allow-root", "--no-browser", f"--port={port}", f"--ServerApp.root_dir={tmp_path}"]
    command = [sys.executable, "-m", "course_tools.lab", *options]
    with log.open("w") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            until(lambda: f":{port}/?token=" in log.read_text())
            said = log.read_text()
            assert re.search(rf"\n\nhttp://localhost:{port}/\?token=[0-9a-f]{{48}}\n\nCtrl\+C stops JupyterLab\.\n=+\n+$", said)
            assert "[I " not in said and said.count("token=") == 1
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://localhost:{port}/nowhere")
            until(lambda: log.read_text().count("token=") == 2)
            warning, _, rest = log.read_text().partition("404 GET /nowhere")[2].partition("\n")
            assert warning and re.fullmatch(r"\n=+\nOpen this in a browser:\n\n\S+\n\nCtrl\+C stops JupyterLab\.\n=+\n+", rest)
        finally:
            process.terminate()
    assert log.read_text().count("token=") == 2, "the goodbye needs no address"


@pytest.mark.parametrize(("browser", "chosen", "named", "window"), [
    (webbrowser.GenericBrowser("lynx"), "", "", False),  # it would take the terminal
    (webbrowser.GenericBrowser("code"), "", "code", True),  # a hosted editor's $BROWSER
    (webbrowser.GenericBrowser("lynx"), "lynx", "", True),
    (webbrowser.BackgroundBrowser("xdg-open"), "", "", True),
    (webbrowser.Mozilla("firefox"), "", "", True),
    (None, "", "", False),
])
def test_a_browser_without_a_window_is_not_opened(browser: object, chosen: str, named: str, window: bool,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str | None) -> object:
        if browser is None:
            raise webbrowser.Error("could not locate runnable browser")
        return browser

    monkeypatch.setattr(webbrowser, "get", get)
    monkeypatch.setenv("BROWSER", named)
    assert lab.opens_a_window(chosen) is window


@pytest.mark.parametrize(("full", "short"), [
    ("http://localhost:8888/lab/tree/notebooks/01-x.ipynb?token=ab", "http://localhost:8888/?token=ab"),
    ("http://0.0.0.0:8888/lab/tree/notebooks/01-x.ipynb?token=ab", f"http://{socket.gethostname()}:8888/?token=ab"),
])
def test_the_address_is_short(full: str, short: str) -> None:
    assert lab.short_address(SimpleNamespace(public_url=full, base_url="/", sock="", custom_display_url="")) == short


def test_over_ssh_it_says_how_to_get_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 5000 192.0.2.9 22")
    assert re.search(r"^    ssh -L 8890:localhost:8890 \w+@192\.0\.2\.9$", lab.over_ssh(8890), re.MULTILINE)
    monkeypatch.delenv("SSH_CONNECTION")
    assert lab.over_ssh(8890) == "" and "SSH_CONNECTION" not in os.environ
