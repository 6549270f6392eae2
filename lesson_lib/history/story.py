"""A run in a few words, as the title of its picture (`finding`), and in a sentence or two, as its alternative
text (`as_story`): both written from the events alone.

In a title the worst comes first: what is wrong with the log, then what the application itself sent twice, how
transactions ended, what readers did, what nobody can know, what is missing, and at last that all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.history.event import NOWHERE, Anomaly, Attempt, Kind, split_later
from lesson_lib.history.history import History
from lesson_lib.text_table import times

MOST_NAMED = 3  # records that a title names one by one
MOST = 12  # sentences about what went wrong, before the rest is only counted
_TURNS = (Kind.BROKER, Kind.PRODUCER, Kind.CONSUMER)
_SPECIAL = ("kept", "duplicate", "refused")  # verdicts that are told even where nothing was lost
_OF_READERS = ("read again", "skipped")  # the log is as it should be
_WRONG = {"lost write": "{} acknowledged, but not in the log",
          "told ok": "{} not in the log, though the application was told ok",
          "reordered": "{} stored out of order", "hole": "{} missing, though later records are stored"}


def finding(run: History) -> str:
    """The one thing to see in a run, without a full stop."""
    if run.settings.by_hand:
        decided = Counter(event.what for event in run.of(Kind.VERDICT))
        return _wrong(run, run.anomalies) or ", ".join(f"{n} {what}" for what, n in decided.items())
    in_log = [anomaly for anomaly in run.anomalies if anomaly.name not in _OF_READERS]
    of_readers = [anomaly for anomaly in run.anomalies if anomaly.name in _OF_READERS]
    return (_wrong(run, in_log) or _copies_asked_for(run) or _transactions(run) or _wrong(run, of_readers)
            or _in_doubt(run) or _all_is_well(run))


def records(run: History, batches: Iterable[int]) -> str:
    """Batches by what is in them, with the verb: m0 is, m0 and m1 are, 4 batches are."""
    named = {batch: run.contents.get(batch) or f"batch {batch}" for batch in batches}
    names = list(dict.fromkeys(named.values()))
    if len(names) == 1:
        return f"{names[0]} {'are' if run.contents.get(next(iter(named)), '').count(' ') else 'is'}"
    return f"{_and(names) if len(names) <= MOST_NAMED else f'{len(names)} batches'} are"


def _wrong(run: History, anomalies: Sequence[Anomaly]) -> str:
    """The first anomaly, with all batches that have the same one: of two that changed places the late one."""
    if not anomalies:
        return ""
    first = anomalies[0]
    same = [anomaly for anomaly in anomalies if anomaly.name == first.name]
    about = [anomaly.batches[-1] for anomaly in same]
    acknowledged = {attempt.batch for attempt in run.attempts if attempt.answer == ErrorCode.NONE}
    unanswered = first.name == "lost write" and not acknowledged.issuperset(about)
    form = _WRONG.get("told ok" if unanswered else first.name, first.sentence.rstrip(".").capitalize())
    if first.name == "copy":
        copies = {_copies(run, anomaly) for anomaly in same}
        form = "{} stored " + (times(copies.pop()) if len(copies) == 1 else "more than once")
    return form.format(records(run, about))


def _copies(run: History, anomaly: Anomaly) -> int:
    """How often it is in the log, what the application itself sent again included."""
    cells = [(log, cell) for log, those in run.logs.items() for cell in those if cell.kind == "data"]
    values = {cell.value for _, cell in cells if cell.batch in anomaly.batches}
    return len({(log, cell.base_offset) for log, cell in cells
                if (cell.value in values if all(values) else cell.batch in anomaly.batches)})


def _copies_asked_for(run: History) -> str:
    """What the application sent several times, and all of it is there."""
    ended = _ended(run)
    for value, batches in run.sent_again.items():
        if all(ended.get(batch, "aborted") != "aborted" for batch in batches):
            often = times(len(batches))
            return f"The application sent {value} {often}, and {value} is stored {often}"
    return ""


def _ended(run: History) -> dict[int, str]:
    """What became of the transaction of each batch in a log."""
    return {cell.batch: cell.txn for log in run.logs.values() for cell in log if cell.kind == "data"}


def _transactions(run: History) -> str:
    """How the transactions of a run ended, and who was fenced."""
    if not any(attempt.send.transactional for attempt in run.attempts):
        return ""
    if any(event.what == "fenced" for event in run.of(Kind.TXN)):
        refused = [attempt.batch for attempt in run.attempts if attempt.verdict == "refused"]
        return "The old producer is fenced" + (f": {records(run, refused)} refused" if refused else "")
    ended = _ended(run)
    for value, batches in run.sent_again.items():  # an aborted transaction took some of them back
        became = [ended.get(batch) for batch in batches]
        if "committed" in became and "aborted" in became:
            often, kept = times(len(batches)), times(became.count("committed"))
            return f"The application sent {value} {often}, and {value} is committed {kept}"
    numbers = {word: max(sum(cell.kind == kind for cell in log) for log in run.logs.values())
               for kind, word in (("commit", "committed"), ("abort", "aborted"))}
    still = {cell.producer_id for log in run.logs.values() for cell in log if cell.txn == "open"}
    found = [f"{number} {word}" for word, number in [*numbers.items(), ("still open", len(still))] if number]
    left_out = f", but {records(run, left)} not in the log" if (left := _left_out(run)) else ""
    if len(found) == 1 and found[0].startswith("1 "):
        return f"The transaction is {found[0][2:]}{left_out}"
    return f"Transactions: {', '.join(found)}{left_out}" if found else ""


def _left_out(run: History) -> list[int]:
    """What was sent in a transaction that its producer went on to commit, and is in no log."""
    stored = {cell.batch for log in run.logs.values() for cell in log} | split_later(run.events)
    waiting: dict[str, list[int]] = {}
    found: list[int] = []
    for event in run.of(Kind.SEND, Kind.TXN):
        if event.kind == Kind.SEND and event.transactional and event.batch not in stored:
            waiting.setdefault(event.lane, []).append(event.batch)
        elif event.kind == Kind.TXN and event.what in ("commit", "abort"):
            gone = waiting.pop(event.lane, [])
            found += gone if event.what == "commit" else []
    return found


def half_there(run: History) -> str:
    """What went to several logs and is only in some of them, as when a producer dies between two sends."""
    names = {f"{topic}-{number}": " ".join(cell.value for cell in log if cell.kind == "data")
             for (topic, number), log in run.logs.items()}
    died = any(event.what == "killed" for event in run.of(Kind.PRODUCER))
    missing = died or any(what != "ok" for what in run.told.values())
    if not missing or not any(names.values()) or all(names.values()):
        return ""
    return ", ".join(f"{name} holds {what or 'nothing'}" for name, what in names.items())


def _in_doubt(run: History) -> str:
    """What is half done, what the application cannot know, and what failed."""
    if half := half_there(run):
        return f"Only half is there: {half}"
    unknown, failed = ([batch for batch, what in run.told.items() if what == wanted]
                       for wanted in ("unknown", "failed"))
    if unknown:
        return f"The application can't know whether {records(run, unknown)} in the log"
    return f"{records(run, failed)} not stored, and the application knows" if failed else ""


def _all_is_well(run: History) -> str:
    known = list(dict.fromkeys(event.batch for event in run.of(Kind.VERDICT) if event.what == "duplicate"))
    if not known:
        return "Each record is stored once" if any(run.logs.values()) else "Nothing is stored"
    who, _, verb = records(run, known).rpartition(" ")
    was, what = "was" if verb == "is" else "were", "a duplicate" if len(known) == 1 else "duplicates"
    return f"{who} came again, {was} recognised as {what}, and {verb} stored once"


def named(lane: str) -> str:
    """The owner of that lane, within a sentence: the producer, producer 2."""
    return lane if lane[-1:].isdigit() else f"the {lane}"


def subject(lane: str) -> str:
    """The same at the beginning of a sentence."""
    return named(lane)[:1].upper() + named(lane)[1:]


def as_story(run: History) -> str:
    """What was sent, what went wrong on the way, what the log holds and what the application believes."""
    batches, requests = len({a.batch for a in run.attempts}), len(run.attempts)
    transactions = any(a.send.transactional for a in run.attempts)
    how = " with transactions" if transactions else " with idempotence" * run.settings.idempotence
    sent = (f"A producer{how} sends {batches} batch{'es' * (batches != 1)} "
            f"in {requests} request{'s' * (requests != 1)}.")
    names = run.anomaly_names
    verdict = f"Anomalies: {', '.join(names)}." if names else verdict_on(run)
    return " ".join(filter(None, (sent, _trouble(run), _end(run), verdict)))


def _trouble(run: History) -> str:
    is_ = ("killed", "stuck")
    told = [*(_sentence(a) for a in run.attempts
              if a.lost or a.try_no > 1 or a.arrivals > 1 or a.verdict in _SPECIAL),
            *(f"{subject(e.lane)} {'is ' * (e.what in is_)}{e.what}." for e in run.of(*_TURNS)),
            *(f"{subject(e.lane)} receives nothing." for e in run.of(Kind.POLL)),
            *(f"{subject(e.lane)} is fenced." if e.what == "fenced" else
              f"A transaction of {named(e.lane)} is {e.what}."
              for e in run.of(Kind.TXN) if e.what in ("committed", "aborted", "fenced"))]
    more = [f"And {len(told) - MOST} more."] if len(told) > MOST else []
    return " ".join([*told[:MOST], *more])


def _sentence(attempt: Attempt) -> str:
    which = f"Request {attempt.number} (batch {attempt.batch}, try {attempt.try_no})"
    if not attempt.verdict:
        return f"{which} is {'lost' if attempt.lost else 'still on its way'}."
    lost = f", and its {attempt.lost} is lost" if attempt.lost else ""
    what = attempt.verdict_words
    if attempt.arrivals > 1:
        return f"{which} arrives {times(attempt.arrivals)}: {what}{lost}."
    if attempt.verdict == "duplicate":
        known = "" if attempt.offset == NOWHERE else "recognised as a "
        what = f"{known}{what}: nothing is stored for it"
    return f"{which} is {what}{lost}."


def _end(run: History) -> str:
    logs = [(f"{topic}-{number}", " ".join(c.value if c.kind == "data" else c.kind for c in cells))
            for (topic, number), cells in sorted(run.logs.items())]
    words = "; ".join(f"{name if len(logs) > 1 else 'The log'} holds {what or 'nothing'}"
                      for name, what in logs)
    why = {batch: f" ({name})" for batch, name in run.exceptions.items()}
    told = ", ".join(f"{what}{why.get(batch, '')} for batch {batch}" for batch, what in run.told.items())
    return f"{words}. The application was told {told}." if logs and told else ""


def verdict_on(run: History) -> str:
    """On a run without anomalies: copies that the application made, and what it cannot know.

    Of what a broker kept aside only that counts of which the application heard ok too early.
    """
    found, partitions = list[str](), len(run.partitions)
    kept = dict.fromkeys(a.batch for a in run.attempts if a.verdict == "kept" and a.answer == ErrorCode.NONE)
    if kept:
        were = "it was" if len(kept) == 1 else "they were"
        found.append(f"The application was told ok for batch {_and(kept)} before {were} in the log.")
    places = [batch for log in run.logs.values() for batch in dict.fromkeys(
        (c.batch, c.base_offset) for c in log if c.kind == "data")]
    for value, batches in run.sent_again.items():
        stored = sum(batch in batches for batch, _ in places)
        where = f"stored {times(stored)}" if stored else "not in the log"
        found.append(f"The application itself sent {value} {times(len(batches))}, and it is {where}.")
    if unknown := [batch for batch, what in run.told.items() if what == "unknown"]:
        which = f"batch{'es' * (len(unknown) > 1)} {_and(unknown)}"
        found.append(f"The application doesn't know what became of {which}.")
    if not found and not run.settings.by_hand:
        # Where something is missing, a log in order is only half the truth.
        half = half_there(run)
        found = ["No anomaly." if partitions < 2 else "No anomaly within any one partition." if not half
                 else f"Each log is in order, but only half is there: {half}."]
    return " ".join(found)


def recognised(run: History) -> str:
    """Which requests the broker knew again; empty for none. In a `story` the requests tell it themselves."""
    found = {e.attempt: e.offset for e in run.of(Kind.VERDICT) if e.what == "duplicate"}
    if len(found) == 1:
        (number, offset), = found.items()
        known = f"recognised as a duplicate of offset {offset}"
        known = "taken for a duplicate" if offset == NOWHERE else known
        return f"Request {number} was {known}: nothing was stored for it."
    if found:
        return f"Requests {_and(found)} were recognised as duplicates: nothing was stored for them."
    return ""


def _and(those: Iterable[object]) -> str:
    """1, 2 and 3."""
    *first, last = map(str, those)
    return f"{', '.join(first)} and {last}" if first else last
