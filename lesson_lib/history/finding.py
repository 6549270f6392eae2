"""What a run comes to, in a few words: the title of its picture.

The worst comes first: what is wrong with the log, then what the application itself sent twice, how
transactions ended, what readers did, what nobody can know, what is missing, and at last that all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from lesson_lib.history.anomalies import Anomaly
from lesson_lib.history.event import Kind
from lesson_lib.history.run import Run
from lesson_lib.text_table import times

MOST = 3  # records that a title names one by one
_OF_READERS = ("nonmonotonic poll", "poll skip")  # the log is as it should be
_WRONG = {"lost write": "{} acknowledged, but not in the log",
          "reordered": "{} stored out of order", "hole": "{} missing, though later records are stored"}


def finding(run: Run) -> str:
    """The one thing to see in a run, without a full stop."""
    if run.settings.by_hand:
        return _wrong(run, run.anomalies) or _verdicts(run)
    in_log = [anomaly for anomaly in run.anomalies if anomaly.name not in _OF_READERS]
    of_readers = [anomaly for anomaly in run.anomalies if anomaly.name in _OF_READERS]
    return (_wrong(run, in_log) or _sent_again(run) or _transactions(run) or _wrong(run, of_readers)
            or _open(run) or _calm(run))


def records(run: Run, batches: Iterable[int]) -> str:
    """Batches by what is in them, with the verb: m0 is, m0 and m1 are, 4 batches are."""
    named = {batch: run.contents.get(batch) or f"batch {batch}" for batch in batches}
    names = list(dict.fromkeys(named.values()))
    if len(names) == 1:
        return f"{names[0]} {'are' if run.contents.get(next(iter(named)), '').count(' ') else 'is'}"
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= MOST else f"{len(names)} batches"
    return f"{listed} are"


def _wrong(run: Run, anomalies: Sequence[Anomaly]) -> str:
    """The first anomaly, with all batches that have the same one."""
    if not anomalies:
        return ""
    first = anomalies[0]
    same = [anomaly for anomaly in anomalies if anomaly.name == first.name]
    form = _WRONG.get(first.name, first.sentence.rstrip(".").capitalize())
    if first.name == "duplicate":
        copies = {_copies(run, anomaly) for anomaly in same}
        form = "{} stored " + (times(copies.pop()) if len(copies) == 1 else "more than once")
    return form.format(records(run, [_about(anomaly) for anomaly in same]))


def _about(anomaly: Anomaly) -> int:
    """The batch that a title names: of two that changed places the one that came too late."""
    return anomaly.batches[-1]


def _copies(run: Run, anomaly: Anomaly) -> int:
    """How often it is in the log, what the application itself sent again included."""
    cells = [(log, cell) for log, those in run.logs.items() for cell in those if cell.kind == "data"]
    values = {cell.value for _, cell in cells if cell.batch in anomaly.batches}
    return len({(log, cell.base_offset) for log, cell in cells
                if (cell.value in values if all(values) else cell.batch in anomaly.batches)})


def _sent_again(run: Run) -> str:
    stored = {cell.batch for log in run.logs.values() for cell in log
              if cell.kind == "data" and cell.txn != "aborted"}
    for value, batches in run.sent_again.items():
        if stored.issuperset(batches):
            often = times(len(batches))
            return f"The application sent {value} {often}, and {value} is stored {often}"
    return ""


def _transactions(run: Run) -> str:
    """How the transactions of a run ended, and who was fenced."""
    if not any(attempt.send.transactional for attempt in run.attempts):
        return ""
    refused = [attempt.batch for attempt in run.attempts if attempt.verdict == "refused"]
    if any(event.what == "fenced" for event in run.of(Kind.TXN)):
        kept_out = f": {records(run, refused)} refused" if refused else ""
        return f"The old producer is fenced{kept_out}"
    ended = {word: max(sum(cell.kind == kind for cell in log) for log in run.logs.values())
             for kind, word in (("commit", "committed"), ("abort", "aborted"))}
    still = {cell.producer_id for log in run.logs.values() for cell in log if cell.txn == "open"}
    found = [f"{number} {word}" for word, number in [*ended.items(), ("still open", len(still))] if number]
    if len(found) == 1 and found[0].startswith("1 "):
        return f"The transaction is {found[0][2:]}"
    return f"Transactions: {', '.join(found)}" if found else ""


def half_there(run: Run) -> str:
    """What went to several logs and is only in some of them, as when a producer dies between two sends."""
    names = {f"{topic}-{number}": " ".join(cell.value for cell in log if cell.kind == "data")
             for (topic, number), log in run.logs.items()}
    died = any(event.what == "killed" for event in run.of(Kind.PRODUCER))
    missing = died or any(what != "ok" for what in run.told.values())
    if not missing or not any(names.values()) or all(names.values()):
        return ""
    return ", ".join(f"{name} holds {what or 'nothing'}" for name, what in names.items())


def _open(run: Run) -> str:
    """What is half done, what the application cannot know, and what failed."""
    if half := half_there(run):
        return f"Only half is there: {half}"
    unknown = [batch for batch, what in run.told.items() if what == "unknown"]
    if unknown:
        return f"The application can't know whether {records(run, unknown)} in the log"
    failed = [batch for batch, what in run.told.items() if what == "failed"]
    return f"{records(run, failed)} not stored, and the application knows" if failed else ""


def _calm(run: Run) -> str:
    known = list(dict.fromkeys(event.batch for event in run.of(Kind.VERDICT) if event.what == "duplicate"))
    if known:
        who, _, verb = records(run, known).rpartition(" ")
        what = "a duplicate" if len(known) == 1 else "duplicates"
        return f"{who} came again as {what}, and {verb} stored once"
    return "Each record is stored once" if any(run.logs.values()) else "Nothing is stored"


def _verdicts(run: Run) -> str:
    """Of batches made by hand: what the broker did with how many."""
    found = Counter(event.what for event in run.of(Kind.VERDICT))
    return ", ".join(f"{number} {what}" for what, number in found.items())
