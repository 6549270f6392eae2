"""Sent Twice, Stored Once: a toy of Kafka's idempotent producer, the real one behind a fault proxy, one picture for both.

What a lesson needs is here by name and is loaded when it is first used, so that a page that only simulates opens no socket.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "simulate": "sim", "simulate_pipeline": "sim", "Transactions": "sim", "explore": "explorer.explore",
    "show": "draw", "compare": "draw",
    "question": "teach", "reveal": "teach", "observe": "teach", "exercise": "teach", "progress": "teach",
    "misconception_map": "teach", "playground": "teach", "as_rule": "teach", "own_rule": "teach.own_rule", "touch": "teach.touch",
    "start_lab": "lab", "forge": "lab.forge", "fetch_batches": "lab.forge", "explain_header": "lab.header_table",
    "measure_cost": "lab.cost", "measure_distance": "lab.distance_cost",
}
if sys.platform == "emscripten":  # in a web page
    _HOMES["start_lab"] = "jupyter.browser"
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"lesson_lib has no {name!r}; it has {', '.join(_HOMES)}.")
    return getattr(import_module(f"lesson_lib.{_HOMES[name]}"), name)
