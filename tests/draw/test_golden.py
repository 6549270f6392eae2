"""A few pictures are kept, small and with a tolerance, so that nobody changes how they look without seeing it.

The runs are kept beside them, so that a change in the simulation does not count. `python -m tests.draw.test_golden` draws
the pictures anew: look at what it wrote before it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw import Picture, compare, show
from lesson_lib.history import Event, History, Kind, LogCell, Settings

FOLDER = Path(__file__).parent / "golden"


def kept_run(name: str) -> History:
    """A run as it was written down."""
    stored = json.loads((FOLDER / f"{name}.json").read_text())
    events = tuple(Event(**e | {"kind": Kind(e["kind"]), "error": ErrorCode(e.get("error", 0)), "values": tuple(e.get("values", ()))})
                   for e in stored["events"])
    logs = {(topic, number): tuple(LogCell(**cell) for cell in cells) for topic, number, cells in stored["logs"]}
    return History(events, logs, Settings(**stored["settings"]))


PICTURES: dict[str, Callable[[], Picture]] = {
    "lanes": lambda: compare(kept_run("lost-ack-off"), kept_run("lost-ack-on")),
    "lanes-burst": lambda: show(kept_run("burst")),
    "space-time": lambda: show(kept_run("transactions"), "space-time"),
    "arrivals": lambda: show(kept_run("window"), "arrivals"),
    "arrivals-rows": lambda: show(kept_run("restarted"), "arrivals"),
    "residual": lambda: show(kept_run("long"), "arrivals"),
}


def small(png: bytes) -> Image.Image:
    """Half the size: a pixel of antialiasing more or less does not count."""
    return smaller(Image.open(BytesIO(png)).convert("RGB"), 2)


def smaller(image: Image.Image, by: int) -> Image.Image:
    """The image with so many pixels made one."""
    return image.resize((image.width // by, image.height // by), Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Share of the pixels that differ visibly; 1 where the sizes differ by more than a few pixels."""
    if max(abs(one.width - other.width), abs(one.height - other.height)) > 4:
        return 1.0
    box = (0, 0, min(one.width, other.width), min(one.height, other.height))
    a, b = (np.asarray(image.crop(box), dtype=int) for image in (one, other))
    return float((np.abs(a - b).max(axis=2) > 60).mean())


@pytest.mark.parametrize("name", PICTURES)
def test_it_looks_as_it_did(name: str) -> None:
    kept = Image.open(FOLDER / f"{name}.png").convert("RGB")
    assert difference(small(PICTURES[name]().png), kept) < 0.004


@pytest.mark.browser
@pytest.mark.parametrize("name", PICTURES)
def test_the_drawing_looks_like_that_in_a_browser(browser: Any, name: str) -> None:
    """What lessons show is the drawing; a browser sets its letters a little differently, so look at it from further away. One fault
    more or less is ten times as much (below)."""
    kept, picture = Image.open(FOLDER / f"{name}.png").convert("RGB"), PICTURES[name]()
    page = browser.new_page(viewport={"width": int(picture.canvas.width), "height": int(picture.canvas.height)})
    page.set_content(f'<body style="margin:0">{picture.svg}')
    shot = page.screenshot()
    page.close()
    assert difference(smaller(small(shot), 3), smaller(kept, 3)) < 0.006


def test_another_fault_is_seen_from_further_away() -> None:
    kept, other = Image.open(FOLDER / "lanes.png").convert("RGB"), compare(kept_run("lost-ack-off"), kept_run("lost-request-on"))
    assert difference(smaller(small(other.png), 3), smaller(kept, 3)) > 0.06


def test_another_run_looks_different() -> None:
    kept = Image.open(FOLDER / "lanes-burst.png").convert("RGB")
    assert difference(small(show(kept_run("lost-ack-on")).png), kept) > 0.02


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for title, draw in PICTURES.items():
        small(draw().png).quantize(64).save(FOLDER / f"{title}.png", optimize=True)
        print(FOLDER / f"{title}.png")
