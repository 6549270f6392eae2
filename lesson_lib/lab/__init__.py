"""The lab: a broker, a fault proxy and kafka-python's clients in one object, and what was seen as a
`History`."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The lab brings kafka-python with it, which a page that only simulates does without (PEP 562)."""
    if name not in ("Lab", "start_lab"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lesson_lib.lab import lab
    return getattr(lab, name)
