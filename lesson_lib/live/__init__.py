"""Kafka's wire protocol: a broker in this process, a proxy that loses messages, and the lab that holds both."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The lab brings kafka-python's clients with it; the broker on its own does without them (PEP 562)."""
    if name not in ("Lab", "start_lab"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lesson_lib.live import lab
    return getattr(lab, name)
