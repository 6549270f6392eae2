"""An event in words, at its mark and as a sentence; the order in which they are told; what a player shows.

Beside the captions of the player (`stepper.js`) two boxes fill: what the application believes, what the log
holds. They are the course in small: the two lists are the same until a message is lost. A picture carries
every change with the step at which it comes, so the script that plays it works out nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.run_view import EventInContext, RunView, shape_of
from lesson_lib.history import Event, Kind, LogCell
from lesson_lib.history.event import NOWHERE, range_of, range_words
from lesson_lib.history.story import subject

# A verdict in words: at its mark, where two runs are compared, as a sentence.
_REFUSED = ("refused {code}", "The broker refuses {batch}: {why}. Nothing is stored.")
_VERDICTS = {
    "stored": ("stored\noffset {offset}", "stored",
               "The broker stores {batch} at offset {offset}{behind}{copy}."),
    "duplicate": ("duplicate\n= offset {offset}", "duplicate",
                  "The broker remembers {batch}: a duplicate of offset {offset}. Nothing is stored."),
    "like nothing": ("taken for\na duplicate", "duplicate",
                     "The broker takes {batch} for a duplicate, though the log holds nothing like it: "
                     "nothing is stored, and the producer gets an ok."),
    "refused": ("refused\n{code}", *_REFUSED),
    "fenced": ("fenced\n{code}", *_REFUSED),
    "dropped": ("your rule\nreturns False", "dropped",
                "Your rule returns False for {batch}: nothing is stored, and the producer gets an ok."),
    "kept": ("kept,\ntold ok", "kept aside",
             "The broker keeps {batch} aside and will say ok, offset {offset}: it is not in the log.")}
AT_MARK, COMPARED, SENTENCE = range(3)

_SHORT = {ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: "out of order",
          ErrorCode.INVALID_PRODUCER_EPOCH: "old epoch", ErrorCode.PRODUCER_FENCED: "fenced",
          ErrorCode.UNKNOWN_PRODUCER_ID: "unknown id", ErrorCode.NOT_ENOUGH_REPLICAS: "few replicas",
          ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND: "few replicas",
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "no such topic",
          ErrorCode.NOT_LEADER_OR_FOLLOWER: "not leader", ErrorCode.DUPLICATE_SEQUENCE_NUMBER: "duplicate",
          ErrorCode.REQUEST_TIMED_OUT: "timed out", ErrorCode.INVALID_TXN_STATE: "bad txn state",
          ErrorCode.TRANSACTION_ABORTABLE: "abort the txn"}


def verdict_in_words(form: int, what: str, error: ErrorCode = ErrorCode.NONE, **more: object) -> str:
    """What the broker did, in one of the three forms; as it is called where nothing else is known of it."""
    taken = what == "duplicate" and more.get("offset") == NOWHERE  # by a rule that isn't Kafka's
    said = _VERDICTS.get("like nothing" if taken else shape_of(what, error), (what, what, what))[form]
    return said.format(**{"code": int(error), "offset": "?", "behind": "", "copy": "", **more})


def verdict_words(fact: EventInContext, brief: bool = False) -> str:
    """Two short lines under a verdict's mark; `brief` leaves the error's name away."""
    event, error = fact.event, fact.event.error
    offset = "?" if event.offset is None else event.offset
    if event.memory and event.what == "stored":
        return "your rule\nreturns True"
    said = verdict_in_words(AT_MARK, event.what, error, offset=offset)
    named = event.what == "refused" and not brief
    return f"{said} {_SHORT.get(error, error.name.replace('_', ' ').lower())}" if named else said


def told_words(batch: int, what: str, more: str = "") -> str:
    """Under the tick, cross or ring: which batch, then "ok, offset 2", or what else and the exception."""
    words = f"{what}, {more}" if what == "ok" and more else f"{what}:\n{more}" if more else what
    return f"batch {batch}\n{words}" if batch != -1 else words


def offset_words(report: Event) -> str:
    """The offset that came with an ok; nothing for other reports, and for an ok that nobody answered."""
    return f"offset {report.offset}" if report.what == "ok" and report.offset is not None else ""


def send_words(send: Event) -> str:
    """Above a send: which request it is, which try of its batch, and the batch's sequence if it has one."""
    again = f" try {send.try_no}" if send.try_no > 1 else ""
    number = f"\nseq {range_words(*range_of(send))}" if send.base_sequence >= 0 else ""
    return f"R{send.attempt}{again}{number}"


def note_words(fact: EventInContext, view: RunView) -> str:
    """Above a producer's lane: the id that it got, what became of it or of its transaction."""
    event, who = fact.event, view.ids.get(fact.event.producer_id, "")
    if event.kind in (Kind.INIT, Kind.EPOCH):
        has_epoch = event.producer_epoch >= 0
        return f"{who} epoch {event.producer_epoch}".strip() if has_epoch else event.what or "asks for an id"
    if event.kind == Kind.TIMEOUT:
        return "stops waiting"
    return f"coordinator: {event.what}" if event.lane == "coordinator" else event.what


def broker_words(event: Event) -> str:
    """Under the mark of a broker that restarts, crashes, fails over or forgets; or of a marker."""
    return f"{event.what} of P{event.producer_id}" if event.kind == Kind.MARKER else f"broker\n{event.what}"


def memory_words(fact: EventInContext) -> str:
    """The remembered ranges, under whose they are, and whose it still has beside them.

    Ranges are in one line while each is one number, else one a line.
    """
    if fact.event.memory:
        return fact.event.memory
    words = [range_words(*one) for one in fact.memory]
    ranges = ("\n" if any(".." in word for word in words) or len("".join(words)) > 10 else " ").join(words)
    beside = f"\n{' '.join(fact.others)} as before" if fact.others and ranges else ""
    return (f"{fact.whose}\n{ranges}" if fact.whose and ranges else ranges) + beside


def cell_text(fact: EventInContext) -> str:
    """What stands in the log's cell: offset and value, a line a record, four lines at most."""
    first = fact.event.offset or 0
    values = [value for one in fact.arrived or (fact.send,) for value in one.values or ("",)]
    short = [value if len(value) <= 10 else value[:9] + "…" for value in values]
    lines = [f"{first + i}: {value}" for i, value in enumerate(short)]
    return "\n".join(lines if len(lines) <= 4 else [*lines[:3], f"… {first + len(lines) - 1}"])


def cells_text(cells: Sequence[LogCell]) -> str:
    """Several cells of a log in a few words."""
    return "  ".join(f"{c.offset}: {c.value or c.kind}" for c in cells[:3]) + ("  …" if cells[3:] else "")


def copy_words(fact: EventInContext) -> str:
    """Under a log cell that repeats an earlier one: the broker stored a batch twice, or was sent it twice."""
    if fact.copy < 2:
        return "same content" if fact.again else ""
    return {2: "second copy", 3: "third copy"}.get(fact.copy, f"{fact.copy}th copy")


def below_cell(fact: EventInContext, view: RunView) -> str:
    """Under a log cell: that it is a copy, or what became of its transaction."""
    if fact.event.what == "kept" or not view.in_log(fact):
        return "not in the log"
    if fact.copy > 1 or not fact.send.transactional:
        return copy_words(fact)
    cell = view.cell_at(fact.send, fact.event.offset)
    return cell.txn if cell else ""


def reading_words(event: Event, view: RunView) -> str:
    """Under a consumer's mark."""
    if event.kind == Kind.CONSUMER:
        return event.what
    if event.kind in _READERS:
        return _READERS[event.kind].format(event.offset)
    cell = view.cell_at(event, event.offset)
    return f"{event.offset}: {cell.value}" if cell and cell.value else f"{event.offset}"


_READERS = {Kind.POSITION: "commits {}", Kind.POLL: "receives nothing", Kind.WORK: "works"}
_DONE = {"killed": "is killed", "started": "starts", "closed": "is closed", "stuck": "is stuck",
         "crashed": "crashes"}
_TXN = {"begin": "begins a transaction", "add partition": "makes a partition part of the transaction",
        "commit": "asks to commit", "abort": "asks to abort",
        "prepare commit": "decides: commit", "prepare abort": "decides: abort",
        "committed": "learns that the transaction is committed",
        "aborted": "learns that the transaction is aborted",
        "add offsets": "makes the consumer's offsets part of the transaction",
        "offsets": "sends its offset as part of the transaction", "refused": "is refused",
        "timed out": "aborts a transaction that was open too long",
        "failed": "cannot commit the transaction any more",
        "unknown": "gives the transaction up and cannot know what became of it",
        "fenced": "is fenced: another producer has its transactional id"}


def sentence(fact: EventInContext) -> str:
    """What happened, in a sentence that needs no picture."""
    event = fact.event
    batch = f"batch {event.batch}" if event.batch >= 0 else "the batch"
    said = _sentence(fact, subject(event.lane), batch)
    if event.kind == Kind.VERDICT and fact.judged:
        said = f"The same request with {batch} arrives again. {said}"
    noted = event.note and event.kind not in (Kind.TXN, *_NOTE_IS_SAID)
    return f"{said.removesuffix('.')} ({event.note})." if noted else said


_NOTE_IS_SAID = (Kind.SEND, Kind.LOST, Kind.VERDICT, Kind.ACK, Kind.REPORT, Kind.MARKER, Kind.READ)


def _sentence(fact: EventInContext, who: str, batch: str) -> str:
    event, values = fact.event, " ".join(fact.event.values)
    match event.kind:
        case Kind.SEND:
            return f"{who} sends {batch}{_what_is_sent(event)}."
        case Kind.LOST if event.what == "request":
            return f"The request with {batch} is lost: it never reaches the broker."
        case Kind.LOST:
            return f"The answer for {batch} is lost: the broker has decided, the producer cannot know."
        case Kind.DROP:
            if not fact.awaited:
                return "The connection drops. No answer was expected, so nobody notices."
            return "The connection drops. Nobody can tell what became of the requests without an answer."
        case Kind.VERDICT:
            kept = ", ".join(map(str, event.behind))
            return verdict_in_words(SENTENCE, event.what, event.error, batch=batch, offset=event.offset,
                                    behind=f", and behind it what it had kept: {kept}" if kept else "",
                                    copy=f": a {copy_words(fact)}" if fact.copy > 1 else "",
                                    why=event.error.words if event.error else "")
        case Kind.ACK:
            said = f"error {event.error.words}" if event.error else f"offset {event.offset}"
            return f"The answer for {batch} arrives: {said}."
        case Kind.TIMEOUT:
            return f"{who} stops waiting for the answer for {batch}."
        case Kind.REPORT:
            if event.what != "unknown":
                offset = f", {offset_words(event)}" if offset_words(event) else ""
                detail = f" ({event.note})" if event.note else ""
                return f"The application is told: {batch} {event.what}{offset}{detail}."
            gets = f"gets {event.note}: it " if event.note and " " not in event.note else ""
            return f"The application {gets}cannot know whether {batch} is in the log."
        case Kind.INIT:
            return f"{who} gets a producer id, with epoch {event.producer_epoch}."
        case Kind.EPOCH:
            return f"{who} {event.what or f'goes on with epoch {event.producer_epoch}'}."
        case Kind.PRODUCER | Kind.CONSUMER:
            return f"{who} {_DONE.get(event.what, event.what)}."
        case Kind.BROKER:
            return f"The broker {event.what}."
        case Kind.TXN:
            return f"{who} {_TXN.get(event.what, event.what)}."
        case Kind.MARKER:
            article = "An" if event.what == "abort" else "A"
            return f"{article} {event.what} marker is written to the log at offset {event.offset}."
        case Kind.READ:
            return f"{who} reads offset {event.offset}{f' ({values})' if values else ''}."
        case Kind.POLL:
            return f"{who} asks for records and receives nothing."
        case Kind.WORK:
            return f"{who}'s application works on {values or 'the record'}."
        case _:
            return f"{who} commits {event.offset} as the next offset to read."


def _what_is_sent(send: Event) -> str:
    values = f" ({' '.join(send.values[:4])}{' …' if send.values[4:] else ''})" if send.values else ""
    again = f" again, try {send.try_no}" if send.try_no > 1 else ""
    number = f", sequence {range_words(*range_of(send))}" if send.base_sequence >= 0 else ""
    return f"{values}{again}{number}"


BoxChange = tuple[int, str, str]  # step; name of the entry; its words from then on
WAITING = "no news yet"
ToldStep = tuple[tuple[int, EventInContext], ...]  # (number of the run, its event)


@dataclass(frozen=True)
class Telling:
    """The order in which a picture is told: at each step an event, or one of each run where both do the same.

    `names` are those of the runs. `times` is a time for each (run, event) that only counts, where clocks
    differ.
    """

    order: Sequence[ToldStep]
    names: Sequence[str]
    times: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def last(self) -> int | None:
        """The last step, at which all is known that is known only at the end."""
        return len(self.order) - 1 if self.order else None

    def steps(self, run: int) -> dict[int, int]:
        return {fact.index: n for n, step in enumerate(self.order) for number, fact in step if number == run}

    def clock(self, run: int) -> dict[int, int]:
        """The time of each event of a run; empty where the event's own is meant."""
        return {index: time for (number, index), time in self.times.items() if number == run}

    def captions(self) -> tuple[str, ...]:
        """A sentence a step; after the run's name where there are two, once where both say the same."""
        found = []
        for step in self.order:
            texts = [sentence(fact) for _, fact in step]
            named = [f"{self.names[run]}: " * bool(self.names[run]) for run, _ in step]
            each = "  ".join(map("".join, zip(named, texts, strict=True)))
            found.append(f"Both: {texts[0]}" if len(texts) > 1 and texts[0] == texts[1] else each)
        return tuple(found)

    def surprises(self) -> tuple[int, ...]:
        return tuple(n for n, step in enumerate(self.order) if any(fact.surprising for _, fact in step))


def boxes(views: Sequence[RunView], telling: Telling) -> list[dict[str, Any]]:
    """For each run its `name`, the changes that the application `believes` and those that the log `holds`."""
    return [{"name": view.name, "believes": list(_believed(view, telling.steps(number))),
             "holds": list(_held(view, telling.steps(number)))} for number, view in enumerate(views)]


def _believed(view: RunView, steps: dict[int, int]) -> Iterator[BoxChange]:
    """What was sent, and what the application was told of it; nothing where batches are made by hand."""
    names = _names(view)
    for fact in [] if view.by_hand else view.events:
        event, step = fact.event, steps[fact.index]
        if event.kind == Kind.SEND and event.try_no == 1 and fact.awaited:
            yield step, names[event.batch], WAITING
        elif event.kind == Kind.REPORT:
            said = ", ".join(filter(None, (event.what, offset_words(event))))
            yield step, names.get(event.batch, "the send"), said


def _names(view: RunView) -> dict[int, str]:
    """Batches by their values; one with the values of an earlier one is called so again."""
    found, seen = dict[int, str](), Counter[str]()
    for event in view.history.of(Kind.SEND, Kind.REPORT):
        if event.batch >= 0 and event.batch not in found:
            values = " ".join(event.values) or f"batch {event.batch}"
            seen[values] += 1
            found[event.batch] = f"{values} ({seen[values]})" if seen[values] > 1 else values
    return found


def _held(view: RunView, steps: dict[int, int]) -> Iterator[BoxChange]:
    """Each record and marker with its offset, as it comes into its log."""
    for fact in view.events:
        log, first = view.log_of(fact.send), fact.event.offset or 0
        where = f"{log[0]}-{log[1]} " if log and len(view.partitions) > 1 else ""
        for offset, words in enumerate(_arriving(fact), first):
            yield steps[fact.index], f"{where}{offset}", words


def _arriving(fact: EventInContext) -> Iterator[str]:
    if fact.event.kind == Kind.MARKER:
        yield f"{fact.event.what} marker"
    for batch in fact.arrived:
        again = f" ({copy_words(fact)})" if copy_words(fact) and batch is fact.event else ""
        yield from (value + again for value in batch.values or ("a record",))
