"""What a reader sees: how far it is, and each difference with its shortest script and its picture.

For that a played script becomes a history by hand, drawn like any other run. A batch is what carries the same
numbers; each time it is sent is a try. Nobody waits behind a forged frame, so there is nothing that an
application was told.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

from course_tools.conformance.judgement import NO_ANSWER, Cause, Difference, Judgement
from course_tools.conformance.script import EndState, Script, ScriptOutcome, Step, StepOutcome
from course_tools.page import html_page, items, section
from lesson_lib import draw
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.picture import Picture
from lesson_lib.history import Event, History, Kind, LogCell, Settings
from lesson_lib.history.history import BY_HAND

MOST_DRAWN = 100  # differences with their picture, of some 40 kB each
TOPIC = "conformance"
WITHOUT_VALUES = ("empty", "control")  # flaws of a batch that is not told from its values in a log


class Progress:
    """A line on stderr at each tenth of the histories, and for each difference that is made short."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.small, self.started = total, 0, 0, time.monotonic()

    def add(self, found: int) -> None:
        """One history more is done; `found` differences are known so far."""
        self.done += 1
        if self.done % max(self.total // 10, 1) == 0 or self.done == self.total:
            rate = self.done / max(time.monotonic() - self.started, 1e-9)
            print(f"{self.done} of {self.total} histories, {rate:.0f} a second, {found} differences",
                  file=sys.stderr, flush=True)

    def shortens(self, of: int) -> None:
        """One difference more is about to be made short, out of so many. It can take a minute each."""
        self.small += 1  # more than there were to begin with, where one has two causes
        print(f"looking for the shortest script of difference {self.small} of {max(of, self.small)}",
              file=sys.stderr, flush=True)


def told(judged: Judgement) -> Iterator[str]:
    """Each difference as text, subject by subject, with a script that is as short as it gets."""
    for chapter, causes in _chapters(judged):
        yield f"\n{chapter}"
        for heading, one in causes:
            yield f"\n{heading}.\nApache Kafka  |  {judged.name}\n{_script_of(one)}"
            for form in one.forms[1:]:
                yield f"  {_as_form(form)}\n    its script: {form.smallest.script}"
    yield from ("", *_once(judged))
    if not judged.differences:
        yield "No differences."


def _chapters(judged: Judgement) -> Iterator[tuple[str, list[tuple[str, Difference]]]]:
    """A heading for each subject, and for each difference that belongs to it."""
    for number, (subject, causes) in enumerate(judged.by_subject().items(), 1):
        forms = sum(len(one.forms) for one in causes)
        yield (f"{number}. {subject}: {_counted(len(causes), 'cause')}"
               + f" in {forms} forms" * (forms > len(causes)),
               [(f"Difference {number}.{place}, {_counted(one.times, 'time')}"
                 + f", in {len(one.forms)} forms" * bool(one.consequences) + f": {one}", one)
                for place, one in enumerate(causes, 1)])


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _as_form(form: Difference) -> str:
    return f"counted with it, {_counted(len(form.found), 'time')}: {form}."


def _script_of(one: Difference) -> str:
    again = f'play it again: python -m lesson_lib judge HOST:PORT --replay "{one.smallest.script}"'
    return f"{one.smallest}\n{again}"


def _once(judged: Judgement) -> list[str]:
    said = f"{judged.once} differed once, and not when they were played again. That counts for nothing."
    return [said] if judged.once else []


def page(judged: Judgement, head: str) -> str:
    """The table, and each difference with its picture: Apache Kafka's answers above, this broker's below.
    What is counted with another is folded. There is room for one of each cause first, and then for forms,
    the rarest first: those are least likely to be seen elsewhere."""
    chapters, every = [*_chapters(judged)], judged.by_number()
    forms = sorted((form for one in every for form in one.consequences), key=lambda one: len(one.found))
    drawn = {one.cause for one in (*every, *forms)[:MOST_DRAWN]}
    parts = [f"<pre>{escape(judged.table())}</pre>", items(chapter for chapter, _ in chapters)]
    for chapter, causes in chapters:
        parts.append(section(chapter))
        for heading, one in causes:
            parts.append(f"<h3>{escape(heading)}</h3>{_shown(one, judged.name, drawn)}")
            parts += [f"<details><summary>{escape(_as_form(form))}</summary>"
                      f"{_shown(form, judged.name, drawn)}</details>" for form in one.forms[1:]]
    if not judged.differences:
        parts.append("<p>No differences.</p>")
    return html_page(head, *parts, items(_once(judged)))


def _shown(one: Difference, name: str, drawn: set[Cause]) -> str:
    """The picture, the script step by step, and the line with which it is played again."""
    picture = picture_of(one, name) if one.cause in drawn else None
    missing = "" if one.cause in drawn else f"<p>No picture: the page has {MOST_DRAWN} already.</p>"
    return f"{picture.html() if picture else missing}<pre>{escape(_script_of(one))}</pre>"


def picture_of(one: Difference, name: str) -> Picture | None:
    """What Apache Kafka did above, what this broker did below; None where that would look the same."""
    kafka, theirs = (as_history(one.smallest.script, outcome, broker) for outcome, broker
                     in ((one.smallest.left, "Apache Kafka"), (one.smallest.right, name)))
    return None if kafka.table() == theirs.table() else draw.compare(kafka, theirs, layout="lanes")


def as_history(script: Script, outcome: ScriptOutcome, broker: str) -> History:
    """What `broker` did with the script, as events and logs."""
    teller = _StepsAsEvents(outcome.partitions)
    for number, (step, seen) in enumerate(zip(script.steps, outcome.steps, strict=True)):
        teller.tell(number, step, seen)
    logs = {(TOPIC, n): tuple(cell for line in part.log for cell in teller.cells(line))
            for n, part in enumerate(outcome.partitions)}
    return History(tuple(teller.events), logs, Settings(BY_HAND, broker=broker, client="by hand"))


class _StepsAsEvents:
    def __init__(self, ends: Sequence[EndState]) -> None:
        self.ends = ends
        self.offsets: defaultdict[int, set[int]] = defaultdict(set)
        self.events: list[Event] = []
        self.batches: dict[object, int] = {}
        self.batch_of_step: dict[int, int] = {}
        self.tries: Counter[int] = Counter()
        self.epochs: dict[str, int] = {}

    def tell(self, number: int, step: Step, seen: StepOutcome) -> None:
        """Add the events of one step."""
        if handed_out := re.match(r"epoch (\d+)", seen.note):
            self.epochs[step.producer] = int(handed_out.group(1))
        lane = f"producer {step.producer}" if step.producer else "broker"
        events = self._sent(number, step, seen) if step.kind == "send" else [
            Event(0, Kind.TXN if step.of_transactional_id else Kind.BROKER, f"{step} ({seen})", lane,
                  error=ErrorCode(max(seen.error, 0)))]
        self.events += [replace(event, t=t) for t, event in enumerate(events, len(self.events))]

    def _sent(self, number: int, step: Step, seen: StepOutcome) -> list[Event]:
        epoch = step.epoch + (self.epochs.get(step.producer, 0) if step.of_transactional_id else 0)
        numbers = (step.producer, step.partition, epoch, step.base_sequence,
                   step.count) if step.producer else number
        batch = self.batch_of_step[number] = self.batches.setdefault(numbers, len(self.batches))
        self.tries[batch] += 1
        who = (dict(producer_id=ord(step.producer), producer_epoch=epoch, base_sequence=step.base_sequence)
               if step.producer else {})
        sent = Event(0, Kind.SEND, lane=f"producer {step.producer}".strip(), attempt=self.tries.total(),
                     batch=batch, try_no=self.tries[batch], topic=TOPIC, partition=step.partition,
                     values=tuple(f"s{number}r{n}" for n in range(step.count)), **who,
                     record_count=step.count, transactional=step.transactional, note=step.flaw)
        if seen.error in NO_ANSWER:
            return [sent, replace(sent, kind=Kind.LOST, what="answer")]
        answer = {"error": ErrorCode(seen.error),
                  "offset": seen.base_offset if seen.base_offset >= 0 else None}
        is_stored = not seen.error and self._is_stored(number, step, seen)
        verdict = "refused" if seen.error else "stored" if is_stored else "duplicate"
        return [sent, replace(sent, kind=Kind.VERDICT, what=verdict, lane="broker", **answer),
                replace(sent, kind=Kind.ACK, **answer)]

    def _is_stored(self, number: int, step: Step, seen: StepOutcome) -> bool:
        """The log decides: each step's records say which step they are of. Where they may be gone from it, an
        offset that an earlier batch was stored at is that of a duplicate."""
        is_new = seen.base_offset not in self.offsets[step.partition]
        self.offsets[step.partition].add(seen.base_offset)
        if step.partition >= len(self.ends) or seen.base_offset < self.ends[step.partition].log_start_offset:
            return is_new and not seen.append_time
        if step.flaw in WITHOUT_VALUES:
            return is_new
        log = " ".join(self.ends[step.partition].log)
        return f"s{number}r" in log or is_new and "unreadable" in log

    def cells(self, line: str) -> list[LogCell]:
        """The offsets of one line of a log, such as `3..4:a e0 s7..8 s2r0 s2r1`."""
        span, _, rest = line.partition(":")
        first, words = int(span.split("..")[0]), rest.split()
        if words[0] in ("ABORT", "COMMIT", "CONTROL"):
            return [LogCell(first, "", base_offset=first, kind=words[0].lower())]
        values = [word for word in words if re.fullmatch(r"s\d+r\d+", word)]
        return [LogCell(first + n, value, self.batch_of_step.get(int(value[1:].split("r")[0]), -1), first)
                for n, value in enumerate(values)]
