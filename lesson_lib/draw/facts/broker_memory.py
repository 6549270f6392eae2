"""What the broker remembers of each producer id and epoch while a run goes on, read off its verdicts.

Differs from Kafka in: a broker that lost its memory and then read it back from its log (a crash after `forgot ids`) shows so only
from its next verdict on.
"""

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
            ranges = (*self.of_its_epoch(send), range_of(send))[-BATCHES_TO_RETAIN:]
            self._of[owner_of(send)] = send.producer_epoch, ranges
        elif event.kind == Kind.MARKER and event.producer_epoch > self._of.get(owner_of(event), (event.producer_epoch, ()))[0]:
            self._of[owner_of(event)] = event.producer_epoch, ()
        elif event.kind == Kind.BROKER and "forg" in event.what:
            self._of.clear()
        elif event.kind == Kind.BROKER and event.what in _STARTS:
            self._of = {owner: (epoch, ranges[-1:]) for owner, (epoch, ranges) in self._of.items()}


def owner_of(send: Event) -> Owner:
    """Whose memory it is."""
    return send.topic, send.partition, send.producer_id


def range_of(send: Event) -> tuple[int, int]:
    """First and last sequence of a batch."""
    return send.base_sequence, increment_sequence(send.base_sequence, max(1, send.record_count) - 1)
