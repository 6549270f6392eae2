"""The author's answers to 6.own-rule: one that holds, and those that don't.

Among the latter are the two that held in lesson 2.
"""

from __future__ import annotations

from typing import Any


def accept(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Stores what is exactly next, refuses what comes too early."""
    last = memory.get(batch.producer, -1)
    if batch.number > last + 1:
        return "refuse"
    memory[batch.producer] = max(last, batch.number)
    return batch.number > last


def only_next(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Refuses also what is in the log already."""
    if batch.number != memory.get(batch.producer, -1) + 1:
        return "refuse"
    memory[batch.producer] = batch.number
    return True


def refuses_all(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Nothing is ever stored twice, or once."""
    return "refuse"


def another_word(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Answers with a word that means nothing here."""
    return "keep"


def greater_is_stored(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Takes whatever is above the highest number, and refuses the rest."""
    if batch.number <= memory.get(batch.producer, -1):
        return "refuse"
    memory[batch.producer] = batch.number
    return True
