"""Firefox, driven by WebDriver BiDi, which it speaks by itself: no driver and no patched browser is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websocket import WebSocket, create_connection

STEP_SECONDS, PATIENCE = 0.5, 600.0


def firefox_path() -> str:
    """The path of a Firefox; empty when there is none."""
    return os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox") or ""


class Firefox:
    """One page of it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket, self._numbers = socket, count(1)
        self.told = self._call("session.new", capabilities={})["capabilities"]
        self._page = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def go(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self._call("browsingContext.navigate", context=self._page, url=address, wait="complete")

    def evaluate(self, script: str) -> Any:
        """What the script says, by JSON; RuntimeError for an exception."""
        found = self._call("script.evaluate", expression=f"JSON.stringify({script})", target={"context": self._page}, awaitPromise=True)
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"].get("value", "null"))

    def wait_for(self, script: str) -> None:
        """Until the script says true."""
        end = time.monotonic() + PATIENCE
        while self.evaluate(script) is not True:
            assert time.monotonic() < end, script
            time.sleep(STEP_SECONDS)

    def close(self) -> None:
        """End the browser."""
        self._call("browser.close")
        self._socket.close()


@contextmanager
def firefox(path: str, profile: Path) -> Iterator[Firefox]:
    """Started without a window, and ended."""
    command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    home = {**os.environ, "HOME": str(profile)}
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=home)
    try:
        said = next(found for line in started.stderr if (found := re.search(r"BiDi listening on (ws://\S+)", line)))
        page = Firefox(create_connection(f"{said[1]}/session", timeout=PATIENCE, suppress_origin=True))
        yield page
        page.close()
    finally:
        started.terminate()
        started.communicate()
