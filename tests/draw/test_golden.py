"""A few pictures are kept, small and with a tolerance, so that nobody changes how they look without seeing it.

`python -m tests.draw.test_golden` draws them anew: look at what it wrote before it is committed.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesson_lib.draw import Picture, compare, show
from lesson_lib.sim import simulate
from tests.draw.runs import lesson, transactions

FOLDER = Path(__file__).parent / "golden"
PICTURES = {
    "lanes": lambda: compare(lesson("lost ack", idempotence=False), lesson("lost ack")),
    "lanes-burst": lambda: show(lesson("burst", idempotence=False)),
    "space-time": lambda: show(transactions(), "space-time"),
    "arrivals": lambda: show(lesson("burst of the Java client"), "arrivals"),
    "residual": lambda: show(simulate(60, faults={2: "refuse 19", 30: "cut 4 1"}, in_flight=5, client="java"), "arrivals"),
}


def small(picture: Picture) -> Image.Image:
    """Half the size: a pixel of antialiasing more or less does not count."""
    image = Image.open(BytesIO(picture.png)).convert("RGB")
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)


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
    assert difference(small(PICTURES[name]()), kept) < 0.004


def test_another_run_looks_different() -> None:
    kept = Image.open(FOLDER / "lanes-burst.png").convert("RGB")
    assert difference(small(show(lesson("burst"))), kept) > 0.02


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for title, draw in PICTURES.items():
        small(draw()).quantize(64).save(FOLDER / f"{title}.png", optimize=True)
        print(FOLDER / f"{title}.png")
