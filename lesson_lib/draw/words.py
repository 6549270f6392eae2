"""An event in words, at its mark and as a sentence; the order in which they are told; what a player shows.

Beside the captions of the player (`stepper.js`) two boxes fill: what the application believes, what the log
holds. They are the course in small: the two lists are the same until a message is lost. A picture carries
every change with the step at which it comes, so the script that plays it works out nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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


def note_words(fact: EventInContext) -> str:
    """Above a producer's lane: the id that it got, what became of it or of its transaction."""
    event, who = fact.event, fact.view.ids.get(fact.event.producer_id, "")
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
    words = [range_words(*one) for one in fact.ranges(fact.after)]
    if not words:
        return ""
    ranges = ("\n" if any(".." in word for word in words) or len("".join(words)) > 10 else " ").join(words)
    others = " ".join(fact.others)
    return "\n".join(filter(None, (fact.whose, ranges, f"{others} as before" if others else "")))


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


def below_cell(fact: EventInContext) -> str:
    """Under a log cell: that it is a copy, or what became of its transaction."""
    if fact.event.what == "kept" or not fact.in_log:
        return "not in the log"
    if fact.copy > 1 or not fact.send.transactional:
        return copy_words(fact)
    return fact.cell.txn if fact.cell else ""


def reading_words(fact: EventInContext) -> str:
    """Under a consumer's mark."""
    value = f": {fact.cell.value}" if fact.cell and fact.cell.value else ""
    forms = {Kind.CONSUMER: fact.event.what, Kind.POSITION: "commits {}", Kind.POLL: "receives nothing",
             Kind.WORK: "works"}
    return forms.get(fact.event.kind, "{}{}").format(fact.event.offset, value)


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
_SENTENCES = {
    Kind.SEND: "{who} sends {batch}{sent}{again}{sequence}.",
    Kind.ACK: "The answer for {batch} arrives: {answer}.",
    Kind.TIMEOUT: "{who} stops waiting for the answer for {batch}.",
    Kind.INIT: "{who} gets a producer id, with epoch {epoch}.", Kind.EPOCH: "{who} {raised}.",
    Kind.PRODUCER: "{who} {done}.", Kind.CONSUMER: "{who} {done}.", Kind.BROKER: "The broker {what}.",
    Kind.TXN: "{who} {txn}.",
    Kind.MARKER: "{article} {what} marker is written to the log at offset {offset}.",
    Kind.READ: "{who} reads offset {offset}{read}.",
    Kind.POLL: "{who} asks for records and receives nothing.",
    Kind.WORK: "{who}'s application works on {record}.",
    Kind.POSITION: "{who} commits {offset} as the next offset to read."}
_NOTE_IS_SAID = (Kind.SEND, Kind.LOST, Kind.VERDICT, Kind.ACK, Kind.REPORT, Kind.TXN, Kind.MARKER, Kind.READ)


def sentence(fact: EventInContext) -> str:
    """What happened, in a sentence that needs no picture."""
    event = fact.event
    batch = f"batch {event.batch}" if event.batch >= 0 else "the batch"
    said = _sentence(fact, batch)
    if event.kind == Kind.VERDICT and fact.judged:
        said = f"The same request with {batch} arrives again. {said}"
    noted = event.note and event.kind not in _NOTE_IS_SAID
    return f"{said.removesuffix('.')} ({event.note})." if noted else said


def _sentence(fact: EventInContext, batch: str) -> str:
    event = fact.event
    match event.kind:
        case Kind.LOST if event.what == "request":
            return f"The request with {batch} is lost: it never reaches the broker."
        case Kind.LOST:
            return f"The answer for {batch} is lost: the broker has decided, the producer cannot know."
        case Kind.DROP if fact.view.awaits_answers:
            return "The connection drops. Nobody can tell what became of the requests without an answer."
        case Kind.DROP:
            return "The connection drops. No answer was expected, so nobody notices."
        case Kind.VERDICT:
            kept = ", ".join(map(str, event.behind))
            return verdict_in_words(SENTENCE, event.what, event.error, batch=batch, offset=event.offset,
                                    behind=f", and behind it what it had kept: {kept}" if kept else "",
                                    copy=f": a {copy_words(fact)}" if fact.copy > 1 else "",
                                    why=event.error.words if event.error else "")
        case Kind.REPORT if event.what != "unknown":
            offset = f", {offset_words(event)}" if offset_words(event) else ""
            detail = f" ({event.note})" if event.note else ""
            return f"The application is told: {batch} {event.what}{offset}{detail}."
        case Kind.REPORT:
            gets = f"gets {event.note}: it " if event.note and " " not in event.note else ""
            return f"The application {gets}cannot know whether {batch} is in the log."
    values, first = " ".join(event.values), " ".join(event.values[:4]) + " …" * bool(event.values[4:])
    return _SENTENCES[event.kind].format(
        who=subject(event.lane), batch=batch, sent=f" ({first})" if event.values else "",
        read=f" ({values})" if values else "",
        again=f" again, try {event.try_no}" if event.try_no > 1 else "",
        sequence=f", sequence {range_words(*range_of(event))}" if event.base_sequence >= 0 else "",
        answer=f"error {event.error.words}" if event.error else f"offset {event.offset}",
        epoch=event.producer_epoch, raised=event.what or f"goes on with epoch {event.producer_epoch}",
        done=_DONE.get(event.what, event.what), what=event.what, txn=_TXN.get(event.what, event.what),
        article="An" if event.what == "abort" else "A", offset=event.offset, record=values or "the record")


BoxChange = tuple[int, str, str]  # step; name of the entry; its words from then on
ToldStep = tuple[EventInContext, ...]  # an event, or one of each run where both do the same
WAITING = "no news yet"


def caption(step: ToldStep) -> str:
    """What is told at a step; after the run's name where there are two, once where both say the same."""
    texts = [sentence(fact) for fact in step]
    if len(texts) > 1 and texts[0] == texts[1]:
        return f"Both: {texts[0]}"
    names = [fact.view.name for fact in step]
    return "  ".join(f"{name}: {text}" if name else text for name, text in zip(names, texts, strict=True))


def boxes(view: RunView) -> dict[str, Any]:
    """The `name` of a run, the changes that the application `believes` and those that the log `holds`.

    Of batches made by hand the application believes nothing.
    """
    return {"name": view.name, "believes": [] if view.by_hand else list(_believed(view)),
            "holds": list(_held(view))}


def _believed(view: RunView) -> Iterator[BoxChange]:
    """What was sent, and what the application was told of it.

    Batches are called by their values; one with the values of an earlier one is called so again.
    """
    names, seen = dict[int, str](), Counter[str]()
    for event in view.history.of(Kind.SEND, Kind.REPORT):
        if event.batch >= 0 and event.batch not in names:
            values = " ".join(event.values) or f"batch {event.batch}"
            seen[values] += 1
            names[event.batch] = f"{values} ({seen[values]})" if seen[values] > 1 else values
    for fact in view.events:
        event = fact.event
        if event.kind == Kind.SEND and event.try_no == 1 and view.awaits_answers:
            yield fact.step, names[event.batch], WAITING
        elif event.kind == Kind.REPORT:
            said = ", ".join(filter(None, (event.what, offset_words(event))))
            yield fact.step, names.get(event.batch, "the send"), said


def _held(view: RunView) -> Iterator[BoxChange]:
    """Each record and marker with its offset, as it comes into its log."""
    for fact in view.events:
        event, log = fact.event, fact.log
        where = f"{log[0]}-{log[1]} " if log and len(view.partitions) > 1 else ""
        again = f" ({copy_words(fact)})" * bool(copy_words(fact))
        arriving = [value + again * (batch is event) for batch in fact.arrived
                    for value in batch.values or ("a record",)]
        arriving += [f"{event.what} marker"] * (event.kind == Kind.MARKER)
        for offset, words in enumerate(arriving, event.offset or 0):
            yield fact.step, f"{where}{offset}", words
