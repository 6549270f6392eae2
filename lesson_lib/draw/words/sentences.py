"""The sentences of a picture: its last line, and one for each event. All from the history alone."""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw.facts.facts import Fact, range_words
from lesson_lib.draw.sheet.style import NORMAL, text_width
from lesson_lib.draw.words.at_marks import copy_words
from lesson_lib.history import History, Kind, LogCell
from lesson_lib.history.story import recognised, subject, verdict_on

MANY = 24  # records that one still reads one by one


_PLAIN = {"nonmonotonic poll": "read again (nonmonotonic poll)", "poll skip": "passed over (poll skip)"}


def ending(history: History, width: float) -> list[str]:
    """Lines below a run: the log and the anomalies, each line within `width` pixels."""
    logs = [_contents(cells) for cells in history.logs.values()]
    named: dict[str, list[str]] = {}
    for anomaly in history.anomalies:
        named.setdefault(anomaly.name, []).append(anomaly.sentence)
    wrong = " ".join(f"{_PLAIN.get(name, name).capitalize()}: {_first_of(sentences)}" for name, sentences in named.items())
    first = f"The log holds {logs[0]}. " if len(logs) == 1 else ""
    calm = " ".join(filter(None, (recognised(history), verdict_on(history))))
    return wrap(first + (wrong or calm) + _handed(history), width)


def _handed(history: History) -> str:
    """What each consumer was handed, where there are several to tell apart."""
    reads: dict[str, list[str]] = {}
    for event in history.of(Kind.READ):
        reads.setdefault(event.lane, []).extend(event.values)
    if len({event.lane for event in history.of(Kind.READ, Kind.POLL)}) < 2:
        return ""
    return "".join(f" {subject(lane)} was handed {' '.join(values[:MANY])}." for lane, values in reads.items())


def _first_of(sentences: Sequence[str]) -> str:
    """The first of several alike, and how many more there are."""
    more = len(sentences) - 1
    return sentences[0] + (f" And {more} more of these." if more else "")


def _contents(cells: Sequence[LogCell]) -> str:
    words = [c.value if c.kind == "data" else c.kind.upper() for c in cells]
    return f"{len(words)} records" if len(words) > MANY else " ".join(words) or "nothing"


def wrap(text: str, width: float, size: float = NORMAL, bold: bool = True) -> list[str]:
    """Break a text into lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size, bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


_DONE = {"killed": "is killed", "started": "starts", "closed": "is closed", "stuck": "is stuck", "crashed": "crashes"}
_TXN = {"begin": "begins a transaction", "add partition": "makes a partition part of the transaction", "commit": "asks to commit",
        "abort": "asks to abort", "prepare commit": "decides: commit", "prepare abort": "decides: abort",
        "committed": "learns that the transaction is committed", "aborted": "learns that the transaction is aborted",
        "add offsets": "makes the consumer's positions part of the transaction",
        "offsets": "sends its position as part of the transaction", "timed out": "aborts a transaction that was open too long",
        "fenced": "is fenced: another producer has its transactional id", "refused": "is refused"}


def sentence(fact: Fact) -> str:
    """What happened, in a sentence that needs no picture."""
    event = fact.event
    who, batch = subject(event.lane), f"batch {event.batch}" if event.batch >= 0 else "the batch"
    simple = {
        Kind.TORN: "The connection is torn. " + ("What was not answered on it is in doubt." if fact.awaited else
                                                 "No answer was awaited, so nobody notices."),
        Kind.TIMEOUT: f"{who} stops waiting for the answer for {batch}.",
        Kind.INIT: f"{who} gets a producer id, with epoch {event.producer_epoch}.",
        Kind.EPOCH: f"{who} {event.what or f'goes on with epoch {event.producer_epoch}'}.",
        Kind.PRODUCER: f"{who} {_DONE.get(event.what, event.what)}.",
        Kind.BROKER: f"The broker {event.what}.",
        Kind.TXN: f"{who} {_TXN.get(event.what, event.what)}.",
        Kind.CONSUMER: f"{who} {_DONE.get(event.what, event.what)}.",
        Kind.POSITION: f"{who} commits {event.offset} as the next offset to read.",
        Kind.POLL: f"{who} asks for records and is handed nothing.",
        Kind.WORK: f"{who}'s application works on {' '.join(event.values) or 'the record'}.",
    }
    if event.kind in simple:
        return simple[event.kind].rstrip(".") + (f" ({event.note})." if event.note and event.kind != Kind.TXN else ".")
    return {Kind.SEND: _send, Kind.LOST: _lost, Kind.VERDICT: _verdict, Kind.ACK: _ack, Kind.REPORT: _report,
            Kind.MARKER: _marker, Kind.READ: _read}[event.kind](fact, batch)


def _send(fact: Fact, batch: str) -> str:
    event = fact.send
    again = f" again, try {event.try_no}" if event.try_no > 1 else ""
    number = f", sequence {range_words(event.base_sequence, event.base_sequence + max(1, event.record_count) - 1)}"
    values = f" ({' '.join(event.values[:4])}{' …' if event.values[4:] else ''})" if event.values else ""
    return f"{subject(event.lane)} sends {batch}{values}{again}{number if event.base_sequence >= 0 else ''}."


def _lost(fact: Fact, batch: str) -> str:
    if fact.event.what == "request":
        return f"The request with {batch} is lost: it never reaches the broker."
    return f"The answer for {batch} is lost: the broker has decided, the producer cannot know."


def _verdict(fact: Fact, batch: str) -> str:
    event = fact.event
    if event.what == "refused":
        return f"The broker refuses {batch}: {event.error.words}. Nothing is stored."
    if event.what == "duplicate":
        return f"The broker remembers {batch}: a duplicate of offset {event.offset}. Nothing is stored."
    if fact.kept:
        return f"The broker keeps {batch} aside and will say ok, offset {event.offset}: it is not in the log."
    behind = f", and behind it what it had kept: {', '.join(str(one.batch) for one in fact.released)}" if fact.released else ""
    return f"The broker stores {batch} at offset {event.offset}{behind}" + (f": a {copy_words(fact.copy)}." if fact.copy > 1 else ".")


def _ack(fact: Fact, batch: str) -> str:
    event = fact.event
    said = f"error {event.error.words}" if event.error else f"offset {event.offset}"
    return f"The answer for {batch} arrives: {said}."


def _report(fact: Fact, batch: str) -> str:
    event = fact.event
    if event.what == "unknown":
        gets = f"gets {event.note}: it " if event.note and " " not in event.note else ""
        return f"The application {gets}cannot know whether {batch} is in the log."
    detail = f" ({event.note})" if event.note else ""
    return f"The application is told: {batch} {event.what}{detail}."


def _marker(fact: Fact, batch: str) -> str:
    article = "An" if fact.event.what == "abort" else "A"
    return f"{article} {fact.event.what} marker is written to the log at offset {fact.event.offset}."


def _read(fact: Fact, batch: str) -> str:
    values = " ".join(fact.event.values)
    return f"{subject(fact.event.lane)} reads offset {fact.event.offset}{f' ({values})' if values else ''}."


def surprising(fact: Fact) -> bool:
    """Whether something goes otherwise than planned at this event."""
    event = fact.event
    if event.kind == Kind.VERDICT:
        return event.what in ("duplicate", "refused") or fact.copy > 1 or fact.kept
    if event.kind == Kind.REPORT:
        return event.what != "ok"
    if event.kind == Kind.TXN:
        return event.what in ("fenced", "refused", "timed out")
    return event.kind in (Kind.CONSUMER, Kind.POLL, Kind.LOST, Kind.TORN, Kind.TIMEOUT, Kind.EPOCH, Kind.PRODUCER, Kind.BROKER)
