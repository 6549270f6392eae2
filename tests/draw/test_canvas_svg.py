"""The sheet without matplotlib shows the same as the one with it, mark for mark."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lesson_lib.draw import arrivals, canvas_matplotlib, canvas_svg, compare, lanes, show, space_time, style
from lesson_lib.draw.font_widths import WIDTHS, width_of
from lesson_lib.draw.picture import Picture
from lesson_lib.errors import LessonError
from tests.draw.runs import lesson

ROOT = Path(__file__).parents[2]


def pictures() -> list[Picture]:
    """One of each layout, and one of two runs."""
    run, other = lesson("lost ack"), lesson("lost ack", idempotence=False)
    return [show(run), show(run, "space-time"), show(run, "arrivals"), compare(other, run)]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """The pictures as they are drawn where there is no matplotlib."""
    for layout in (lanes, space_time, arrivals):
        monkeypatch.setattr(layout, "Canvas", canvas_svg.Canvas)
    return pictures()


def events(svg: str) -> list[int]:
    return sorted(int(n) for n in re.findall(r'data-event="(\d+)"', svg))


def test_the_marks_of_every_event_are_there_and_the_sizes_are_the_same(without: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in (lanes, space_time, arrivals):
        monkeypatch.setattr(layout, "Canvas", canvas_matplotlib.Canvas)
    for ours, theirs in zip(without, pictures(), strict=True):
        assert (ours.canvas.width, ours.canvas.height) == (theirs.canvas.width, theirs.canvas.height)
        assert (ours.alt, ours.table, ours.captions) == (theirs.alt, theirs.table, theirs.captions)
        assert events(ours.svg) == events(theirs.svg)
        written = [" ".join("".join(t.itertext()).split()) for t in ElementTree.fromstring(ours.svg).iter("{http://www.w3.org/2000/svg}text")]
        assert sorted(written) == sorted(" ".join(line.split()) for label in theirs.canvas.labels for line in label.get_text().split("\n"))


def test_letters_are_as_wide_as_in_the_font() -> None:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font, LoadFlags
    for bold in (False, True):
        font = FT2Font(findfont(FontProperties(family=style.FAMILY, weight="bold" if bold else "normal")))
        for letter, widths in WIDTHS.items():
            assert font.load_char(ord(letter), flags=LoadFlags.NO_SCALE).horiAdvance == widths[bold], letter


def test_a_text_is_about_as_wide_as_matplotlib_says() -> None:
    for text in ("application is told", "The log holds m0 m1. No anomaly.", "stored\noffset 12", "P1 epoch 0"):
        ours = max(map(width_of, text.split("\n"))) * style.SMALL * style.DPI / 72
        assert ours == pytest.approx(style.text_width(text), rel=0.02)


def test_what_a_text_holds_cannot_break_the_drawing() -> None:
    canvas = canvas_svg.Canvas(100, 50)
    canvas.text(10, 10, 'a <b> & "c"\nd', bold=True, backed=True, upright=True)
    assert "".join(ElementTree.fromstring(canvas.svg()).itertext()) == 'a <b> & "c"d'


def test_layers_lie_in_their_order_whatever_was_drawn_first() -> None:
    canvas = canvas_svg.Canvas(100, 50)
    canvas.box(0, 0, 9, 9, fill="#000001", layer=5)
    canvas.polygon([(0, 0), (1, 1), (0, 1)], fill="#000002", layer=4)
    assert canvas.svg().index("#000002") < canvas.svg().index("#000001")


def test_without_matplotlib_a_still_picture_is_a_drawing_and_a_png_is_a_sentence(without: list[Picture]) -> None:
    with pytest.raises(LessonError, match="A PNG needs matplotlib"):
        _ = without[0].png
    assert "image/svg+xml" in Picture(without[0].canvas, "alt", "table").html()


def test_nothing_of_matplotlib_is_imported_to_draw() -> None:
    code = ("import sys; sys.modules['matplotlib'] = None; from lesson_lib import show, simulate; "
            "assert 'data-event=' in show(simulate(3)).svg; assert not [m for m in sys.modules if m.startswith('numpy')]")
    run: Any = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
