"""What the broker remembers of each producer id and epoch while a run goes on, read off its verdicts and markers."""

from __future__ import annotations

from lesson_lib.core.batch import increment_sequence
from lesson_lib.core.producer_state import BATCHES_TO_RETAIN
from lesson_lib.history import Event, Kind

Ranges = tuple[tuple[int, int], ...]
Owner = tuple[str, int, int]  # topic, partition, producer id
_STARTS = ("restarted", "crashed")  # a broker that starts loads a snapshot, and that holds the last batch of each id


class Remembered:
    """Follow the events with `see`, and ask at any time."""

    def __init__(self) -> None:
        self._of: dict[Owner, tuple[int, Ranges]] = {}
        self._log: list[tuple[Owner, int, Ranges]] = []  # what a crash is read back from
        self._open: set[Owner] = set()

    def ranges(self, send: Event) -> Ranges:
        """What is remembered of the producer id of that send, in whatever epoch it is."""
        return self._of.get(owner_of(send), (0, ()))[1]

    def epoch(self, send: Event) -> int:
        """The epoch that this memory is of."""
        return self._of.get(owner_of(send), (send.producer_epoch, ()))[0]

    def of_its_epoch(self, send: Event) -> Ranges:
        """The same; nothing where another epoch has taken its place."""
        epoch, ranges = self._of.get(owner_of(send), (0, ()))
        return ranges if epoch == send.producer_epoch else ()

    def see(self, event: Event, send: Event) -> None:
        """The next event; `send` is the request that it belongs to."""
        if event.kind == Kind.VERDICT and event.what == "stored" and send.producer_id >= 0:
            self._append(owner_of(send), send.producer_epoch, (range_of(send),))
            if send.transactional:
                self._open.add(owner_of(send))
        elif event.kind == Kind.MARKER:
            self._append(owner_of(event), event.producer_epoch, ())
            self._open.discard(owner_of(event))
        elif event.kind == Kind.BROKER:
            self._happen(event.what)

    def _append(self, owner: Owner, epoch: int, batch: Ranges) -> None:
        self._log.append((owner, epoch, batch))
        self._replay(owner, epoch, batch)

    def _replay(self, owner: Owner, epoch: int, batch: Ranges) -> None:
        before, ranges = self._of.get(owner, (epoch, ()))
        self._of[owner] = epoch, (*(ranges if before == epoch else ()), *batch)[-BATCHES_TO_RETAIN:]

    def _happen(self, what: str) -> None:
        if "forg" in what:  # an id with a transaction open does not expire
            self._of = {owner: entry for owner, entry in self._of.items() if owner in self._open}
        elif what in _STARTS:
            if what == "crashed":
                self._of = {}
                for entry in self._log:
                    self._replay(*entry)
            self._of = {owner: (epoch, ranges[-1:]) for owner, (epoch, ranges) in self._of.items()}


def owner_of(send: Event) -> Owner:
    """Whose memory it is."""
    return send.topic, send.partition, send.producer_id


def range_of(send: Event) -> tuple[int, int]:
    """First and last sequence of a batch."""
    return send.base_sequence, increment_sequence(send.base_sequence, max(1, send.record_count) - 1)
