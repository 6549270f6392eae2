"""The site that `make site` has built, served on this machine, and what a browser does with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SITE = ROOT / "build" / "site"
LESSONS = sorted((ROOT / "notebooks").glob("0*.ipynb"))
KERNEL = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status"
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells].filter(cell => cell.type === 'code')
    .map(cell => [cell.executionCount, JSON.stringify(cell.outputs.toJSON())])"""
SESSIONS = "() => [...jupyterapp.serviceManager.sessions.running()].map(session => session.path)"
# Whether the browser keeps everything of this site that the page has loaded; while it loads, files may come before what keeps them.
ALL_KEPT = """async () => {
  const kept = new Set((await (await caches.open("sent-twice-files")).keys()).map(({ url }) => url.split("?")[0]));
  const used = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .filter(({ responseStatus }) => responseStatus < 400).map(({ name }) => name.split("?")[0]);
  return used.every((name) => kept.has(name) || !name.startsWith(location.origin) || /[/](api[/]|service-worker|files[.]json)/.test(name));
}"""
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


class Pages(SimpleHTTPRequestHandler):
    """Serves the site as any web server would, and knows what it has sent."""

    sent: list[Path] = []  # by all of them
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}

    def copyfile(self, source: Any, outputfile: Any) -> None:
        Pages.sent.append(Path(source.name))
        super().copyfile(source, outputfile)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def size(paths: list[Path]) -> int:
    """Bytes of these files as they are."""
    return sum(path.stat().st_size for path in paths)


@contextmanager
def served() -> Iterator[str]:
    """Its address; a test is skipped where it was not built."""
    if not (SITE / "jupyter-lite.json").is_file():
        pytest.skip("needs the static site: run `make site`")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=SITE)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def opened(page: Any, address: str, lesson: str) -> None:
    """Go from the front page to a lesson and wait until it can be run."""
    page.goto(address)
    page.locator(f'h3 a[href$="={lesson}"]').click()
    ready(page, lesson)


def ready(page: Any, lesson: str) -> None:
    page.wait_for_function(f"lesson => window.jupyterapp?.shell?.currentWidget?.context?.path === lesson && {KERNEL} === 'idle'",
                           arg=lesson, timeout=180_000)


def run_all(page: Any) -> None:
    """Run every cell and wait for the last."""
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"() => ({CELLS})().every(([count]) => count) && {KERNEL} === 'idle'", timeout=600_000)


def outputs(page: Any) -> list[str]:
    """What each code cell has put out, as JSON."""
    return [text for _, text in page.evaluate(CELLS)]


def errors(page: Any) -> list[str]:
    """Those of cells that failed."""
    return [text for text in outputs(page) if '"output_type":"error"' in text]


def wait_until_kept(page: Any) -> None:
    """Until the browser has everything for a visit without a network; a minute at most."""
    for _ in range(600):
        if page.evaluate(ALL_KEPT):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the browser keeps not all that the page has loaded")
