"""What is said of a trace in the end, and the exit status for somebody's CI.

What is not known is not said to be fine: a batch without an ok is counted apart, and so is a transaction that
nobody has ended. Where nothing could be judged, or not all was tried that should have been, the status is no
success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from course_tools.trace.wire_history import WireHistory
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Attempt, Kind
from lesson_lib.history.event import split_later
from lesson_lib.wire.messages import PRODUCE

NOTHING_CAME = ("No produce request came by, so there is nothing to judge: the application has to connect "
                "to the proxy's address, without TLS and SASL.")
CANNOT_BE_TOLD = ("It cannot be told whether there are copies: batches of a producer without idempotence "
                  "carry no numbers, so a copy looks like another record.")
ALL_WELL = "Every batch that got an ok is in the log, once and in order."
NOTHING_ELSE = "Nothing else is wrong."
MAYBE_STORED = (ErrorCode.REQUEST_TIMED_OUT, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
STORED, ABSENT, UNKNOWN = "stored", "absent", "unknown"


@dataclass(frozen=True)
class Circumstances:
    """What the requests and the log don't say.

    `application`: the status with which it ended by itself. `never_happened`: a sentence for each fault of
    the script that nothing met. `apis`: what was asked of the broker, `missing`: topics it doesn't have.
    """

    application: int = 0
    never_happened: tuple[str, ...] = ()
    apis: frozenset[int] = frozenset()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class TraceVerdict:
    """The sentences and the status for one run."""

    run: WireHistory
    about: Circumstances = Circumstances()

    def __str__(self) -> str:
        return " ".join([*self._on_the_run(), *self.about.never_happened, *self._on_the_application()])

    @property
    def status(self) -> int:
        """1 for an anomaly. 2 where nothing could be judged, a fault never happened or the application
        failed: in a CI, silence is no success. Else 0."""
        if self.run.anomalies:
            return 1
        judged = bool(self.run.acknowledged) or STORED in self._fates.values()
        return 0 if judged and not (self.about.never_happened or self.about.application) else 2

    def _on_the_run(self) -> Iterator[str]:
        if not self.run.attempts:
            yield self._why_nothing_came()
        elif self.run.anomalies:
            first, *rest = self.run.anomalies
            yield f"{first.name.capitalize()}: {first.sentence}"
            if rest:
                yield f"And {len(rest)} more."
        else:
            doubts = [*self._without_ok(), *self._open()]
            if self.run.acknowledged:
                yield CANNOT_BE_TOLD if self.run.cannot_be_told else ALL_WELL
            yield from doubts or [NOTHING_ELSE] * self.run.cannot_be_told

    def _why_nothing_came(self) -> str:
        if not self.about.apis:
            return NOTHING_CAME
        if PRODUCE in self.about.apis:
            return ("Your application's produce requests hold no batch in the format of Kafka 0.11 or later, "
                    "so there is nothing to judge.")
        said = "Your application connected and sent no produce request, so there is nothing to judge"
        if not self.about.missing:
            return f"{said}."
        which = ", ".join(map(repr, self.about.missing))
        return f"{said}: the broker does not have what it asked for, the topic {which}. Create it first."

    # batches without an ok

    @cached_property
    def _tries(self) -> dict[int, list[Attempt]]:
        """Of each batch that got no ok; one that was too large goes on in smaller ones."""
        found: dict[int, list[Attempt]] = {}
        done = {*self.run.acknowledged, *split_later(self.run.events)}
        for attempt in self.run.attempts:
            if attempt.batch not in done:
                found.setdefault(attempt.batch, []).append(attempt)
        return found

    @cached_property
    def _fates(self) -> dict[int, str]:
        in_log = {cell.batch for cells in self.run.logs.values() for cell in cells}
        gone = {e.conn for e in self.run.of(Kind.DROP) if e.note.startswith("the broker")}
        return {batch: STORED if batch in in_log else
                ABSENT if all(_is_absent(one, gone) for one in tries) else UNKNOWN
                for batch, tries in self._tries.items()}

    def _without_ok(self) -> Iterator[str]:
        if not self._tries:
            return
        count, total = len(self._tries), len({attempt.batch for attempt in self.run.attempts})
        who = f"{count} of {total} batches got no ok" if self.run.acknowledged else "No batch got an ok"
        answers = Counter(_answer(tries[-1]) for tries in self._tries.values())
        why = ", ".join(f"{number} {words}" for words, number in answers.items())
        fates = sorted(Counter(self._fates.values()).items())
        yield f"{who} ({why}): {'; '.join(_fate_words(fate, number) for fate, number in fates)}."

    def _open(self) -> Iterator[str]:
        """Transactions that nobody has ended."""
        cells = [cell for cells in self.run.logs.values() for cell in cells
                 if cell.txn == "open" and cell.kind == "data"]
        for producer_id, count in Counter(cell.producer_id for cell in cells).items():
            records = "record" if count == 1 else f"{count} records"
            yield (f"The transaction of producer id {producer_id} is still open: a consumer that reads "
                   f"committed records does not receive its {records}.")

    def _on_the_application(self) -> Iterator[str]:
        if self.about.application:
            yield f"Your application ended with status {self.about.application}."


def _is_absent(attempt: Attempt, gone: set[int]) -> bool:
    """Whether this try can have stored nothing that the log does not show; `gone`: connections that the
    broker broke off, whatever it had done before."""
    if attempt.lost == "request":
        return attempt.send.conn not in gone
    if attempt.verdict == "refused":
        return attempt.error not in MAYBE_STORED
    return bool(attempt.verdict)  # where it was stored is known, so the log was read from there


def _answer(attempt: Attempt) -> str:
    if attempt.answer:
        return f"answered with error {attempt.answer.words}"
    waited = attempt.lost or any(event.kind == Kind.TIMEOUT for event in attempt.events)
    return "without an answer" if waited else "without an answer that can be read"


def _fate_words(fate: str, count: int) -> str:
    be, they = ("is", "it is") if count == 1 else ("are", "they are")
    return {STORED: f"{count} {be} in the log", ABSENT: f"{count} {be} not in the log",
            UNKNOWN: f"of {count} nobody here can know whether {they} in the log"}[fate]
