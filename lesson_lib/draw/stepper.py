"""Adds stepping to a finished picture: a few lines of script that show and hide the marks of each event.

Everything is in the one output: no kernel, no network, nothing to install. Where scripts are off, and in a notebook that is
not trusted yet, the finished image stays as it is. The script is `stepper.js`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files


@cache
def _source() -> str:
    return files("lesson_lib.draw").joinpath("stepper.js").read_text(encoding="utf-8")


def name_of(svg: str) -> str:
    """A name for the drawing: the same for the same drawing."""
    return "picture-" + hashlib.sha256(svg.encode()).hexdigest()[:10]


def script_for(name: str, captions: tuple[str, ...], surprises: tuple[int, ...]) -> str:
    """The `<script>` that makes the picture called `name` step."""
    told = json.dumps({"captions": captions, "surprises": surprises}, ensure_ascii=False).replace("<", "\\u003c")
    source = _source().replace('/*NAME*/""', json.dumps(name)).replace("/*TOLD*/{}", told)
    return f"<script>{source}</script>"
