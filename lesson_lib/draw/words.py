"""An event in words: the few at its mark, and its sentence."""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.run_view import EventInContext, RunView, range_of, range_words, shape_of
from lesson_lib.history import Event, Kind, LogCell
from lesson_lib.history.event import NOWHERE
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


def doubt_words(batch: int) -> str:
    """Under the ring where a message was lost, for as long as the application cannot know."""
    return f"batch {batch}\n?"


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
    said = _sentence(fact, subject(event.lane), f"batch {event.batch}" if event.batch >= 0 else "the batch")
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
        case Kind.TORN:
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
