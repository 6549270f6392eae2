"""The one exception that a learner is meant to see, a sentence instead of a traceback; and the checks that
raise it.

The checks are for arguments that `simulate`, `explore` and `lab.run` share: every mistake is one LessonError
that says what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from lesson_lib.core.kafka_version import KafkaVersion

P, R = ParamSpec("P"), TypeVar("R")


class LessonError(Exception):
    """Something the learner can put right; its text is one sentence that says how."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of printing a traceback."""
        return [f"LessonError: {self}"]


def explains_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, with a LessonError for an argument that it does not have."""
    known = signature(function)

    @wraps(function)
    def called(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return function(*arguments, **named)
        except TypeError:
            try:
                known.bind(*arguments, **named)  # looked at afterwards, as it takes longer than a run
            except TypeError as misfit:
                raise LessonError(f"{function.__name__}(...) {misfit}; its arguments are "
                                  f"{', '.join(known.parameters).removeprefix('self, ')}.") from None
            raise
    return called


def values_of(values_or_count: int | Sequence[str]) -> tuple[str, ...]:
    """m0, m1 ... for a count, else the values themselves."""
    given = values_or_count
    if isinstance(given, int) and not isinstance(given, bool):
        return tuple(f"m{i}" for i in range(count_of("the number of values", given)))
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence) or not given:
        raise LessonError("Pass how many values to send, such as 3, or a list of them, such as ['a', 'b'], "
                          f"not {given!r}.")
    return tuple(map(str, given))


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


def version_of(broker: str | KafkaVersion) -> KafkaVersion:
    """The broker's release."""
    try:
        return KafkaVersion.of(broker)
    except ValueError as wrong:
        raise LessonError(str(wrong)) from None
