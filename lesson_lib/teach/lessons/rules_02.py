"""The author's answers to 2.own-rule: two rules that hold, and the wrong ones that learners come up with."""

from __future__ import annotations

from typing import Any


def accept(batch: Any, memory: dict[Any, Any]) -> bool:
    """Stores each number of each producer once."""
    key = (batch.producer, batch.number)
    known = key in memory
    memory[key] = True
    return not known


def last_number(batch: Any, memory: dict[Any, Any]) -> bool:
    """Stores what is above the highest number of its producer."""
    if batch.number <= memory.get(batch.producer, -1):
        return False
    memory[batch.producer] = batch.number
    return True


def takes_everything(batch: Any, memory: dict[Any, Any]) -> bool:
    """What a broker does without idempotence."""
    return True


def by_content(batch: Any, memory: dict[Any, Any]) -> bool:
    """Stores each value once, also where it was meant twice."""
    known = batch.value in memory
    memory[batch.value] = True
    return not known


def last_value(batch: Any, memory: dict[Any, Any]) -> bool:
    """Compares with the last value only."""
    known = memory.get("last") == batch.value
    memory["last"] = batch.value
    return not known


def takes_nothing(batch: Any, memory: dict[Any, Any]) -> bool:
    """No duplicate is ever stored; nor is anything else."""
    return False


def by_number(batch: Any, memory: dict[Any, Any]) -> Any:
    """Returns a number where True or False is asked for."""
    return batch.number


def divides(batch: Any, memory: dict[Any, Any]) -> Any:
    """Raises on the first batch."""
    return 1 / batch.number > 0


def never_ends(batch: Any, memory: dict[Any, Any]) -> bool:
    """Has a loop without an end."""
    while True:
        memory["x"] = batch


def one_argument(batch: Any) -> bool:
    """Cannot be called with two arguments."""
    return True


def number_alone(batch: Any, memory: dict[Any, Any]) -> bool:
    """Forgets that two producers count alike."""
    known = batch.number in memory
    memory[batch.number] = True
    return not known
