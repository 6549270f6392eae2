"""The small vocabulary of things that go wrong, and the script that says at which attempt they do.

A script addresses the n-th produce attempt, counted from 1, never a time: `{2: "lose ack"}` or the same as
text, `"2: lose ack; 4-6: refuse 19; 8+: lose request"`. The simulation and the fault proxy read the same
script.

Kafka answers in order on one connection, so one answer cannot go missing alone: `lose ack` and `lose request`
tear the connection, and the client sends again everything that it had not seen answered. Only the `silent`
forms leave the connection open; then nothing more comes through on it, and the client waits for its request
timeout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError

NAMES = {
    "deliver": "nothing goes wrong",
    "lose request": "the request never reaches the broker; the connection tears",
    "lose ack": "the broker handles the request, its answer is lost; the connection tears",
    "lose request silently": "the request never reaches the broker; the connection stays open and dead",
    "lose ack silently": "the broker handles the request, its answer never comes; the connection stays open and dead",
    "refuse": "the broker answers with an error before it stores anything, as in `refuse 19`",
    "store and answer": "the broker stores the batch and answers with an error, as in `store and answer 20`",
    "repeat": "the same request reaches the broker twice",
    "delay": "the answer comes that many milliseconds late, as in `delay 250`",
    "cut": "the connection tears after K requests were handled and J answered, from this attempt on, as in `cut 3 1`",
    "kill producer": "the producer's process dies right after it sent this attempt",
    "restart broker": "before this attempt arrives, the broker shuts down cleanly and starts again",
    "crash broker": "before this attempt arrives, the broker crashes and starts again",
    "fail over": "before this attempt arrives, another replica becomes leader",
    "forget idle ids": "before this attempt arrives, a day passes and the broker forgets ids whose records are old",
}
_ARGUMENTS = {"refuse": 1, "store and answer": 1, "delay": 1, "cut": 2}
PRODUCE_ERRORS = (2, 3, 6, 7, 10, 13, 17, 18, 19, 20, 21, 29, 31, 32, 42, 43, 44, 45, 46, 47, 48, 49, 51, 53, 56, 59, 74,
                  76, 87, 100, 120)  # 31 and 46 by older brokers only


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `numbers`: an error code, milliseconds, or (handled, answered), as the name asks."""

    name: str
    numbers: tuple[int, ...] = ()

    @property
    def error(self) -> ErrorCode:
        """The error code of `refuse` and `store and answer`."""
        return ErrorCode(self.numbers[0])

    def __str__(self) -> str:
        return " ".join((self.name, *map(str, self.numbers)))


DELIVER = Fault("deliver")


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault for the attempts `first`..`last` (None: for all that follow)."""

    first: int
    last: int | None
    fault: Fault

    def __str__(self) -> str:
        span = f"{self.first}+" if self.last is None else f"{self.first}" if self.last == self.first else f"{self.first}-{self.last}"
        return f"{span}: {self.fault}"


@dataclass(frozen=True, slots=True)
class FaultScript:
    """Which fault at which attempt; where two lines name one attempt, the later line counts."""

    rules: tuple[Rule, ...] = ()

    def at(self, attempt: int) -> Fault:
        """The fault at the n-th attempt (1-based), `deliver` where the script says nothing."""
        hits = [r.fault for r in self.rules if r.first <= attempt and (r.last is None or attempt <= r.last)]
        return hits[-1] if hits else DELIVER

    def unused(self, attempts: int) -> list[Rule]:
        """Lines of the script that name only attempts beyond the `attempts` that were made."""
        return [r for r in self.rules if r.first > attempts]

    def check_used(self, attempts: int) -> None:
        """LessonError when the run ended before an attempt that the script names."""
        if missed := self.unused(attempts):
            if attempts == 0:
                raise LessonError(f"The fault '{missed[0]}' never happened: nothing was sent.")
            plural = "attempt was" if attempts == 1 else "attempts were"
            raise LessonError(f"The fault '{missed[0]}' never happened: only {attempts} {plural} made. "
                              f"Choose an attempt from 1 to {attempts}.")

    def __str__(self) -> str:
        return "; ".join(map(str, self.rules))

    def __bool__(self) -> bool:
        return bool(self.rules)


Script = FaultScript | Mapping[int | str, str | Fault] | str | None


def parse_script(script: Script) -> FaultScript:
    """Read a script from a dict, a text or None. LessonError names what is wrong with it."""
    if isinstance(script, FaultScript):
        return script
    if isinstance(script, str):
        script = dict(_split_line(line) for line in script.split(";") if line.strip())
    if script is not None and not isinstance(script, Mapping):
        raise LessonError(f"A fault script is a dict such as {{2: 'lose ack'}} or a text such as '2: lose ack', not {script!r}.")
    return FaultScript(tuple(_rule(key, fault) for key, fault in (script or {}).items()))


def parse_fault(text: str | Fault) -> Fault:
    """Read one fault, such as "lose ack" or "refuse 19". LessonError lists the names when it is not one."""
    if isinstance(text, Fault):
        return text
    found = re.fullmatch(r"([a-z ]+?)((?:\s+\d+)*)\s*", str(text).strip().lower())
    name = found.group(1) if found else ""
    if name in ("late", "delivery timeout"):
        raise LessonError(f"'{name}' happens in explore(...) alone; no script can say it. Choose one of: {', '.join(map(_usage, NAMES))}.")
    if not found or name not in NAMES:
        raise LessonError(f"There is no fault {text!r}. Choose one of: {', '.join(map(_usage, NAMES))}.")
    numbers = tuple(map(int, found.group(2).split()))
    return _checked(Fault(name, numbers))


def _usage(name: str) -> str:
    return {"refuse": "refuse 19", "store and answer": "store and answer 20", "delay": "delay 250", "cut": "cut 3 1"}.get(name, name)


def _checked(fault: Fault) -> Fault:
    wanted = _ARGUMENTS.get(fault.name, 0)
    if len(fault.numbers) != wanted:
        raise LessonError(f"The fault '{fault}' needs {wanted} number{'s' * (wanted != 1)} after its name, as in '{_usage(fault.name)}'.")
    if fault.name in ("refuse", "store and answer"):
        _check_error_code(fault.numbers[0])
    if fault.name == "cut" and fault.numbers[1] > fault.numbers[0]:
        raise LessonError(f"In '{fault}' more requests would be answered than handled; write handled first, as in 'cut 3 1'.")
    return fault


def _check_error_code(code: int) -> None:
    if code not in PRODUCE_ERRORS:
        known = code and code in set(ErrorCode)
        which = f"No broker answers a produce request with error {ErrorCode(code).words}" if known else (
            f"There is no error {code} that a broker answers a produce request with")
        raise LessonError(f"{which}; choose one of: {', '.join(map(str, PRODUCE_ERRORS))}.")


def _split_line(line: str) -> tuple[str, str]:
    key, colon, fault = line.partition(":")
    if not colon:
        raise LessonError(f"Write a fault as 'attempt: fault', such as '2: lose ack'; this has no colon: {line.strip()!r}.")
    return key.strip(), fault.strip()


def _rule(key: int | str, fault: str | Fault) -> Rule:
    found = re.fullmatch(r"(\d+)(\+|-(\d+))?", str(key).strip())
    if not found or int(found.group(1)) < 1:
        raise LessonError(f"{key!r} names no attempt; attempts count from 1, such as 2, '2-4' or '2+'.")
    first = int(found.group(1))
    last = None if found.group(2) == "+" else int(found.group(3) or first)
    if last is not None and last < first:
        raise LessonError(f"The attempts '{key}' end before they begin; write the smaller number first.")
    return Rule(first, last, parse_fault(fault))
