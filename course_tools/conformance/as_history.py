"""A played script as a history by hand, so that a counterexample can be drawn like any other run.

A batch is what carries the same numbers; each time it is sent is a try. Nobody waits behind a forged frame,
so there is nothing that an application was told.
"""

from __future__ import annotations

import re
from dataclasses import replace

from course_tools.conformance.outcome import GARBAGE, HUNG_UP, ScriptOutcome, StepOutcome
from course_tools.conformance.script import Script, Step
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.history.history import BY_HAND

TOPIC = "conformance"
WITHOUT_VALUES = ("empty", "control")  # flaws of a batch that is not told from its values in a log


def as_history(script: Script, outcome: ScriptOutcome, broker: str) -> History:
    """What `broker` did with the script, as events and logs."""
    teller = _StepsAsEvents(outcome)
    for step, seen in zip(script.steps, outcome.steps, strict=True):
        teller.tell(step, seen)
    logs = {(TOPIC, n): tuple(c for line in part.log for c in teller.cells(line))
            for n, part in enumerate(outcome.partitions)}
    return History(tuple(teller.events), logs, Settings(BY_HAND, broker=broker, client="by hand"))


class _StepsAsEvents:
    def __init__(self, outcome: ScriptOutcome) -> None:
        self.ends = outcome.partitions
        self.offsets: dict[int, set[int]] = {}
        self.events: list[Event] = []
        self.batches: dict[object, int] = {}
        self.tries: dict[int, int] = {}
        self.epochs: dict[str, int] = {}
        self.batch_of_step: dict[int, int] = {}
        self.steps = self.attempts = 0

    def tell(self, step: Step, seen: StepOutcome) -> None:
        """Add the events of one step."""
        if handed_out := re.match(r"epoch (\d+)", seen.note):
            self.epochs[step.producer] = int(handed_out.group(1))
        (self._send if step.kind == "send" else self._other)(step, seen)
        self.steps += 1

    def _send(self, step: Step, seen: StepOutcome) -> None:
        epoch = step.epoch + (self.epochs.get(step.producer, 0) if step.of_transactional_id else 0)
        numbers = (step.producer, step.partition, epoch, step.base_sequence,
                   step.count) if step.producer else self.steps
        batch = self.batch_of_step[self.steps] = self.batches.setdefault(numbers, len(self.batches))
        self.tries[batch] = self.tries.get(batch, 0) + 1
        self.attempts += 1
        sent = Event(0, Kind.SEND, lane=f"producer {step.producer}".strip(), attempt=self.attempts,
                     batch=batch, try_no=self.tries[batch], topic=TOPIC, partition=step.partition,
                     values=tuple(f"s{self.steps}r{n}" for n in range(step.count)),
                     producer_id=ord(step.producer) if step.producer else -1,
                     producer_epoch=epoch if step.producer else -1,
                     base_sequence=step.base_sequence if step.producer else -1,
                     record_count=step.count, transactional=step.transactional, note=step.flaw)
        if seen.error in (HUNG_UP, GARBAGE):
            self._add(sent)
            self._add(replace(sent, kind=Kind.LOST, what="answer"))
            return
        answer = {"error": ErrorCode(seen.error),
                  "offset": seen.base_offset if seen.base_offset >= 0 else None}
        verdict = "refused" if seen.error else "stored" if self._is_stored(step, seen) else "duplicate"
        for event in (sent, replace(sent, kind=Kind.VERDICT, what=verdict, lane="broker", **answer),
                      replace(sent, kind=Kind.ACK, **answer)):
            self._add(event)

    def _is_stored(self, step: Step, seen: StepOutcome) -> bool:
        """The log decides: each step's records say which step they are of. Where they may be gone from it, an
        offset that an earlier batch was stored at is that of a duplicate."""
        taken = self.offsets.setdefault(step.partition, set())
        is_new = seen.base_offset not in taken
        taken.add(seen.base_offset)
        if step.partition >= len(self.ends) or seen.base_offset < self.ends[step.partition].log_start_offset:
            return is_new and not seen.append_time
        if step.flaw in WITHOUT_VALUES:
            return is_new
        log = " ".join(self.ends[step.partition].log)
        return f"s{self.steps}r" in log or is_new and "unreadable" in log

    def _other(self, step: Step, seen: StepOutcome) -> None:
        what = f"{step} ({seen})"
        lane = f"producer {step.producer}".strip() if step.producer else "broker"
        self._add(Event(0, Kind.TXN if step.of_transactional_id else Kind.BROKER, what, lane,
                        error=ErrorCode(max(seen.error, 0))))

    def _add(self, event: Event) -> None:
        self.events.append(replace(event, t=len(self.events)))

    def cells(self, line: str) -> list[LogCell]:
        """The offsets of one line of a log, such as `3..4:a e0 s7..8 s2r0 s2r1`."""
        span, _, rest = line.partition(":")
        first, words = int(span.split("..")[0]), rest.split()
        if words[0] in ("ABORT", "COMMIT", "CONTROL"):
            return [LogCell(first, "", base_offset=first, kind=words[0].lower())]
        values = [word for word in words if re.fullmatch(r"s\d+r\d+", word)]
        return [LogCell(first + n, value, self.batch_of_step.get(int(value[1:].split("r")[0]), -1), first)
                for n, value in enumerate(values)]
