"""The states can be told apart with any colour vision, and in grey by their shapes."""

from __future__ import annotations

from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from lesson_lib.draw import canvas as style
from lesson_lib.draw import marks
from lesson_lib.draw.canvas import Canvas
from lesson_lib.draw.png import painted

STATES = {"first send": style.FIRST_SEND, "retry": style.RETRY, "stored": style.STORED, "duplicate": style.DUPLICATE,
          "refused": style.REFUSED, "fenced": style.FENCED}
MATPLOTLIB = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#000000")
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}
FAR_ENOUGH = 10.0  # CIE 1976; 2.3 is just noticeable


def _lab(colour: str, vision: np.ndarray) -> np.ndarray:
    rgb = np.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.clip(vision @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _least_difference(colours: list[str], vision: np.ndarray) -> float:
    labs = [_lab(colour, vision) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(labs, 2))


@pytest.mark.parametrize("name", VISION)
def test_any_two_states_differ_in_colour(name: str) -> None:
    assert _least_difference(list(STATES.values()), VISION[name]) > FAR_ENOUGH


def test_matplotlibs_own_colours_would_not_do() -> None:
    assert min(_least_difference(list(MATPLOTLIB), vision) for vision in VISION.values()) < FAR_ENOUGH


def _outline(shape: str) -> np.ndarray:
    """The dark pixels of a mark, the colour taken away."""
    canvas = Canvas(40, 40)
    marks.verdict_small(canvas, 20, 20, shape, marks.R)
    grey = np.asarray(Image.open(BytesIO(painted(canvas))).convert("L"))
    return grey < 90


@pytest.mark.parametrize(("one", "other"), list(combinations(("stored", "kept", "duplicate", "refused", "fenced"), 2)))
def test_any_two_verdicts_differ_in_shape(one: str, other: str) -> None:
    a, b = _outline(one), _outline(other)
    assert (a & b).sum() / (a | b).sum() < 0.6


def test_a_shape_is_like_itself() -> None:
    assert (_outline("stored") == _outline("stored")).all()


def test_what_the_client_believes_differs_in_shape() -> None:
    def drawn(what: str) -> np.ndarray:
        canvas = Canvas(40, 40)
        marks.belief(canvas, 20, 20, what)
        return np.asarray(Image.open(BytesIO(painted(canvas))).convert("L")) < 90
    for one, other in combinations(("ok", "failed", "unknown"), 2):
        a, b = drawn(one), drawn(other)
        assert (a & b).sum() / (a | b).sum() < 0.6


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        rgb = np.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
        return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("text", "ground"), [(style.EDGE, "#FFFFFF"), (style.QUIET, "#FFFFFF"), ("#FFFFFF", style.FIRST_SEND),
                                              (style.EDGE, style.STORED), (style.EDGE, style.DUPLICATE), (style.EDGE, style.RETRY),
                                              (style.EDGE, style.MEMORY), (style.EDGE, style.AGAIN), (style.EDGE, style.TINT)])
def test_texts_have_contrast(text: str, ground: str) -> None:
    assert _contrast(text, ground) >= 4.5
