"""Arguments that `simulate` and `lab.run` share: every mistake is one LessonError that says what to write instead."""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.errors import LessonError


def values_of(values_or_count: int | Sequence[str]) -> tuple[str, ...]:
    """m0, m1 ... for a count, else the values themselves."""
    if isinstance(values_or_count, int) and not isinstance(values_or_count, bool):
        return tuple(f"m{i}" for i in range(count_of("the number of values", values_or_count)))
    if isinstance(values_or_count, (str, bytes)) or not isinstance(values_or_count, Sequence) or not values_or_count:
        raise LessonError(f"Pass how many values to send, such as 3, or a list of them, such as ['a', 'b'], not {values_or_count!r}.")
    return tuple(map(str, values_or_count))


def count_of(name: str, number: int) -> int:
    """A whole number from 1."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise LessonError(f"{name} must be a whole number from 1, not {number!r}.")
    return number


def acks_of(acks: str | int) -> int:
    """-1 for all, 0 or 1."""
    known = {"all": -1, "-1": -1, "0": 0, "1": 1}
    if str(acks) not in known:
        raise LessonError(f"acks must be 'all', 0 or 1, not {acks!r}.")
    return known[str(acks)]
