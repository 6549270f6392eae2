"""What a picture has to say of a run, worked out again from its events and logs in the plainest way there is.

Not a line of it is shared with `draw`. The broker's memory is played through a model of Kafka's rule of its own, which is held
against `core` in `test_truth_model`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from lesson_lib.history import Event, History, Kind

WRAP = 2**31
Range = tuple[int, int]
Owner = tuple[str, int, int]  # topic, partition, producer id


@dataclass
class Memory:
    """What the leader of each partition remembers: owner -> (epoch, the ranges of the last five batches)."""

    of: dict[Owner, tuple[int, list[Range]]] = field(default_factory=dict)
    log: list[tuple[Owner, int, Range | None]] = field(default_factory=list)  # all that was appended; None: a marker
    opened: set[Owner] = field(default_factory=set)                           # transactions that no marker has ended

    def see(self, event: Event) -> None:
        """One event of a run."""
        owner = event.topic, event.partition, event.producer_id
        if event.kind == Kind.BROKER:
            self._happen(event.what)
        elif event.kind == Kind.MARKER and event.producer_id >= 0:
            self._append(owner, event.producer_epoch, None)
            self.opened.discard(owner)
        elif event.kind == Kind.VERDICT and event.what == "stored" and event.producer_id >= 0:
            self._append(owner, event.producer_epoch, (event.base_sequence, last_sequence(event)))
            self.opened |= {owner} if event.transactional else set()

    def beside(self, event: Event, names: dict[int, str]) -> list[str]:
        """Who else is remembered on the partition of a batch."""
        return [names[owner[2]] for owner, (_, ranges) in self.of.items()
                if owner[:2] == (event.topic, event.partition) and owner[2] != event.producer_id and ranges]

    def _append(self, owner: Owner, epoch: int, batch: Range | None) -> None:
        self.log.append((owner, epoch, batch))
        self._learn(owner, epoch, batch)

    def _learn(self, owner: Owner, epoch: int, batch: Range | None) -> None:
        before, ranges = self.of.get(owner, (epoch, []))
        self.of[owner] = epoch, [*(ranges if before == epoch else []), *([batch] if batch else [])][-5:]

    def _happen(self, what: str) -> None:
        here = self.of
        if what in ("crashed", "failed over"):
            self.of = {}
            for entry in self.log:
                self._learn(*entry)
        if what == "failed over":  # the follower was never restarted; of an id that nobody knows any more it knows nothing either
            self.of = {owner: max(entry, self.of.get(owner, entry), key=lambda known: len(known[1])) for owner, entry in here.items()}
        if what in ("crashed", "restarted"):
            self.of = {owner: (epoch, ranges[-1:]) for owner, (epoch, ranges) in self.of.items()}
        if what == "forgot ids":
            self.of = {owner: entry for owner, entry in self.of.items() if owner in self.opened}


def last_sequence(event: Event) -> int:
    """Of the batch that an event is about."""
    return (event.base_sequence + max(1, event.record_count) - 1) % WRAP


def drawn_events(history: History, captions: tuple[str, ...]) -> list[Event]:
    """The events in the order in which a picture tells them: those of the run, and each marker that only the log knows of.

    Where such a marker stands is for the picture to decide; that it is told, once and in the order of the log, is not.
    """
    known = {(e.partition, e.offset) for e in history.of(Kind.MARKER)}
    unseen = {cell.offset: Event(0, Kind.MARKER, cell.kind, "broker", topic=topic, partition=partition, offset=cell.offset,
                                 producer_id=cell.producer_id, producer_epoch=cell.producer_epoch)
              for (topic, partition), log in history.logs.items() for cell in log
              if cell.kind != "data" and (partition, cell.offset) not in known}
    events, found = iter(history.events), []
    for caption in captions:
        offset = int(caption.rpartition(" ")[2].rstrip(".")) if "marker is written to the log" in caption else None
        found.append(unseen.pop(offset) if offset in unseen else next(events))
    assert not unseen and next(events, None) is None, "every event and every marker has a step"
    return found


def as_sent(events: list[Event]) -> list[Event]:
    """Each event with the batch, numbers and values of the request that it belongs to."""
    sends = {e.attempt: e for e in events if e.kind == Kind.SEND}
    return [replace(sends[e.attempt], kind=e.kind, what=e.what, lane=e.lane, offset=e.offset, error=e.error, t=e.t)
            if e.attempt in sends else e for e in events]


def ids(events: list[Event]) -> dict[int, str]:
    """P1, P2 and so on, as the producer ids turn up."""
    return {number: f"P{n}" for n, number in enumerate(dict.fromkeys(e.producer_id for e in events if e.producer_id >= 0), 1)}


def owner_words(events: list[Event]) -> dict[tuple[str, int, int, int], str]:
    """What tells the memories of a run apart, by topic, partition, id and epoch; only what is not the same for all is said."""
    owners = list(dict.fromkeys((e.topic, e.partition, e.producer_id, e.producer_epoch)
                                for e in events if e.kind == Kind.SEND and e.producer_id >= 0))
    names = ids(events)
    places, people, epochs = {o[:2] for o in owners}, {o[2] for o in owners}, {o[3] for o in owners}
    return {o: " ".join([*[f"{o[0]}-{o[1]}"] * (len(places) > 1), *[names[o[2]]] * (len(people) > 1),
                         *[f"epoch {o[3]}"] * (len(epochs) > 1)]) for o in owners}


def copies(events: list[Event]) -> dict[int, int]:
    """For each event that stores a batch: the how many-th time that is."""
    times: Counter[int] = Counter()
    found = {}
    for n, event in enumerate(events):
        if event.kind == Kind.VERDICT and event.what == "stored":
            times[event.batch] += 1
            found[n] = times[event.batch]
    return found


def sent_again(events: list[Event]) -> set[int]:
    """The events that store for the first time what another batch of the application has put into that log already."""
    found, known = set(), dict[tuple[str, int, tuple[str, ...]], int]()
    for n, event in enumerate(events):
        if event.kind == Kind.VERDICT and event.what == "stored":
            first = known.setdefault((event.topic, event.partition, event.values), event.batch)
            if first != event.batch and event.values and not event.transactional:
                found.add(n)
    return found


def label(event: Event) -> str:
    """What a batch is called from its second try on: 3·2."""
    return f"{event.batch}·{event.try_no}" if event.try_no > 1 else f"{event.batch}"


def drop_of(events: list[Event], n: int) -> int | None:
    """The drop of the connection that a lost message went with: it is told right before all that went with it."""
    before = next((m for m in range(n - 1, -1, -1) if events[m].kind != Kind.LOST), None)
    together = before is not None and events[before].kind == Kind.DROP and events[before].conn == events[n].conn
    return before if together else None


def range_words(first: int, last: int) -> str:
    """A range of sequences as pictures write it."""
    return f"{first}" if first == last else f"{first}..{last}"


def stable_offsets(appends: list[tuple[int, Event]]) -> list[int]:
    """The last stable offset of a partition after each of its appends: where the oldest open transaction began, else the end."""
    began: dict[int, int] = {}
    found = []
    for _, event in appends:
        if event.kind == Kind.MARKER:
            began.pop(event.producer_id, None)
        elif event.transactional:
            began.setdefault(event.producer_id, event.offset)
        end = event.offset + (1 if event.kind == Kind.MARKER else max(1, len(event.values)))
        found.append(min([*began.values(), end]))
    return found
