"""How long sentences are printed: JupyterLab breaks a line that is too long amid a word."""

from __future__ import annotations

from textwrap import fill

WIDTH = 96  # characters


def in_lines(text: str) -> str:
    """The text in lines of at most 96 characters, broken between words."""
    return fill(text, WIDTH)
