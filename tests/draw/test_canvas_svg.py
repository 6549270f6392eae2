"""The drawing that lessons show, and the PNG that matplotlib paints of it: the same marks, and no matplotlib where none is asked for."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import matplotlib.text
import pytest

from lesson_lib.draw import canvas as style
from lesson_lib.draw import compare, marks, show
from lesson_lib.draw import png as canvas_png
from lesson_lib.draw.canvas import Box, Canvas, Polygon, text_width
from lesson_lib.draw.picture import Picture
from tests.draw.runs import lesson

ROOT = Path(__file__).parents[2]
SVG = "http://www.w3.org/2000/svg"


def pictures() -> list[Picture]:
    """One of each layout, and one of two runs."""
    run, other = lesson("lost ack"), lesson("lost ack", idempotence=False)
    return [show(run), show(run, "space-time"), show(run, "arrivals"), compare(other, run)]


def written_in(svg: str) -> list[str]:
    """Every line of text in a drawing, sorted."""
    return sorted(" ".join("".join(t.itertext()).split()) for t in ElementTree.fromstring(svg).iter(f"{{{SVG}}}text"))


@pytest.mark.parametrize("picture", pictures(), ids=["lanes", "space-time", "arrivals", "two runs"])
def test_drawing_and_painting_hold_the_same_marks(picture: Picture) -> None:
    figure = canvas_png.figure_of(picture.canvas)
    texts = [label.get_text() for label in figure.findobj(matplotlib.text.Text, include_self=False)]
    assert written_in(picture.svg) == sorted(" ".join(line.split()) for text in texts for line in text.split("\n"))
    drawn = [e for e in ElementTree.fromstring(picture.svg).iter() if e.tag.removeprefix(f"{{{SVG}}}") in ("polyline", "polygon")]
    assert len(drawn) == sum(isinstance(a, matplotlib.lines.Line2D | matplotlib.patches.Polygon) for a in figure.get_children())


def test_letters_are_as_wide_as_in_the_font() -> None:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font, LoadFlags
    for bold in (False, True):
        font = FT2Font(findfont(FontProperties(family=style.FAMILY, weight="bold" if bold else "normal")))
        for letter, widths in style.LETTER_WIDTHS.items():
            assert font.load_char(ord(letter), flags=LoadFlags.NO_SCALE).horiAdvance == widths[bold], letter


def test_a_text_is_about_as_wide_as_matplotlib_says() -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path
    font = FontProperties(family=style.FAMILY, size=style.SMALL)
    for text in ("application is told", "The log holds m0 m1. No anomaly.", "offset 12", "P1 epoch 0"):
        theirs = text_to_path.get_text_width_height_descent(text, font, False)[0] * style.DPI / 72
        assert text_width(text) == pytest.approx(theirs, rel=0.02)


@pytest.mark.parametrize("label", ["3", "1·2", "1·10", "12·10"])
@pytest.mark.parametrize("shape", ["stored", "duplicate"])
def test_a_label_lies_on_its_mark(shape: str, label: str) -> None:
    """A diamond is narrower where the upper edge of a digit is."""
    share = {"stored": 1.0, "duplicate": 0.7}[shape]
    assert text_width(label, bold=True) <= 2 * share * marks.verdict_half(shape, label)
    canvas = Canvas(100, 50)
    marks.verdict(canvas, 50, 25, shape, label)
    xs = [x for mark in canvas.marks if isinstance(mark, Polygon) for x, _ in mark.points]
    xs += [x for mark in canvas.marks if isinstance(mark, Box) for x in (mark.x, mark.x + mark.width)]
    assert max(xs) - min(xs) == pytest.approx(2 * marks.verdict_half(shape, label))


def test_what_a_text_holds_cannot_break_the_drawing() -> None:
    canvas = Canvas(100, 50)
    canvas.text(10, 10, 'a <b> & "c"\nd', bold=True, backed=True, upright=True)
    assert "".join(ElementTree.fromstring(canvas.svg()).itertext()) == 'a <b> & "c"d'


def test_layers_lie_in_their_order_whatever_was_drawn_first() -> None:
    canvas = Canvas(100, 50)
    canvas.box(0, 0, 9, 9, fill="#000001", layer=5)
    canvas.polygon([(0, 0), (1, 1), (0, 1)], fill="#000002", layer=4)
    assert canvas.svg().index("#000002") < canvas.svg().index("#000001")


def test_nothing_of_matplotlib_is_imported_to_draw() -> None:
    code = ("import sys; sys.modules['matplotlib'] = None; from lesson_lib import show, simulate\n"
            "picture = show(simulate(3)); assert 'data-event=' in picture.svg\n"
            "assert not [m for m in sys.modules if m.startswith('numpy')]\n"
            "try: picture.png\nexcept Exception as error: print(error)")
    run: Any = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "A PNG needs matplotlib" in run.stdout
