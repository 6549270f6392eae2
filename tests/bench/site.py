"""The static site in headless Chromium: megabytes and seconds to the first lesson, cold and warm, and Run All of each lesson.

It measures the site that `make site` has built, served on this machine, so nothing of it is the network's time.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.table import Row, seconds
from tests.conftest import chromium
from tests.course_tools.publish.served_site import (
    LESSONS,
    NO_NETWORK,
    SITE,
    Pages,
    errors,
    opened,
    run_all,
    served,
    size,
    wait_until_kept,
)

STAYS_MS = 5_000
FIRST_PICTURE = "[data-picture][data-ready]"
MEGABYTES, COLD, WARM, LONGEST = 25, 12, 4, 30  # that are aimed at


def rows() -> list[Row]:
    """One row each; none where the site or the browser is not here."""
    if not (SITE / "jupyter-lite.json").is_file() or not (path := chromium()):
        print("The group site needs Chromium and the site: run `make site`.")
        return []
    with served() as address, browser(path) as visitor:
        with visitor() as context:
            page = context.new_page()
            cold = seconds(lambda: first_picture(page, address))
            sent = list(Pages.sent)
            run_all(page)  # a reader doesn't leave at the first picture either, and the browser compiles and keeps meanwhile
            wait_until_kept(page)
            page.wait_for_timeout(STAYS_MS)
        with visitor() as context:
            warm = seconds(lambda: first_picture(context.new_page(), address))
        with visitor() as context:
            meanwhile = seconds(lambda: picture_meanwhile(context.new_page(), address))
        lessons = []
        for lesson in LESSONS:
            with visitor() as context:
                taken = lesson_seconds(context.new_page(), address, lesson.name)
            lessons.append(Row(f"Run All of {lesson.stem}", taken, None, "s", f"at most {LONGEST} s"))
    return [Row("megabytes to the first lesson's first picture", size(sent) / 1e6, None, "MB", f"at most {MEGABYTES} MB"),
            Row("the same from a host that compresses", sum(map(compressed, sent)) / 1e6, None, "MB", "-"),
            Row("seconds to the first lesson's first picture, cold", cold, None, "s", f"at most {COLD} s"),
            Row("the same, warm", warm, None, "s", f"at most {WARM} s"),
            Row("the run to step through while Python loads, warm", meanwhile, None, "s", "-"), *lessons]


def compressed(path: Path) -> int:
    """Bytes of a file as most hosts send it; archives are compressed already."""
    return path.stat().st_size if path.suffix in (".whl", ".zip", ".png") else len(gzip.compress(path.read_bytes()))


def first_picture(page: Any, address: str) -> None:
    """From the front page to a picture in lesson 1."""
    opened(page, address, LESSONS[0].name)
    page.evaluate("(jupyterapp.commands.execute('notebook:run-all-cells'), 0)")  # and not wait until all have run
    page.locator(FIRST_PICTURE).first.wait_for(state="attached", timeout=180_000)


def picture_meanwhile(page: Any, address: str) -> None:
    """From the front page to the picture over lesson 1."""
    page.goto(address)
    page.locator(f'h3 a[href$="={LESSONS[0].name}"]').click()
    page.frame_locator("#waiting iframe").locator(FIRST_PICTURE).wait_for()


def lesson_seconds(page: Any, address: str, lesson: str) -> float:
    """Run All, once the kernel is there. RuntimeError for a cell that fails."""
    opened(page, address, lesson)
    taken = seconds(lambda: run_all(page))
    if failed := errors(page):
        raise RuntimeError(f"{lesson}: {failed[0]}")
    return taken


@contextmanager
def browser(path: str) -> Iterator[Callable[[], AbstractContextManager[Any]]]:
    """Opens the browser of one visitor again and again. What it caches on the disk stays from visit to visit, as a
    reader's does: a context without a folder would be a private window, which keeps much less."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play, TemporaryDirectory() as profile:
        yield lambda: closing(play.chromium.launch_persistent_context(
            profile, executable_path=path, args=["--no-sandbox", NO_NETWORK], viewport={"width": 1300, "height": 1000}))
