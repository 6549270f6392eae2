"""What the broker remembers of each producer id while a run goes on: `core`'s own memory, fed with the run's events.

What was stored is appended again, whatever the rule would have said, so the memory is right for a wrong broker too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lesson_lib.core.batch import Batch, TopicPartition, increment_sequence
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PRODUCER_ID_EXPIRATION_MS, PartitionLog
from lesson_lib.core.producer_state import Appended, ProducerStateEntry
from lesson_lib.history import Event, Kind

Owner = tuple[str, int, int]  # topic, partition, producer id
Ranges = tuple[tuple[int, int], ...]
Memory = Mapping[Owner, ProducerStateEntry]


class BrokerMemory:
    """A log for each partition. `see` follows one event and returns what is remembered from then on."""

    def __init__(self) -> None:
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._now: Memory = {}

    def see(self, event: Event, send: Event) -> Memory:
        """The next event; `send` is the request that it belongs to."""
        if event.kind == Kind.VERDICT and event.what == "stored" and send.producer_id >= 0:
            self._log(send).append(_batch(send))
        elif event.kind == Kind.MARKER:
            self._log(event).append_marker(event.producer_id, event.producer_epoch, commit=event.what == "commit")
        elif event.kind == Kind.BROKER:
            for log in self._logs.values():
                _HAPPENS.get(event.what, PartitionLog.fail_over)(log)
        else:
            return self._now
        self._now = {(*key, producer_id): entry for key, log in self._logs.items()
                     for producer_id, entry in log.producers.items()}
        return self._now

    def _log(self, event: Event) -> PartitionLog:
        return self._logs.setdefault((event.topic, event.partition), PartitionLog(rule=_stored))


def _stored(entry: ProducerStateEntry | None, batch: Batch, end: int, version: KafkaVersion) -> Appended:
    return Appended(end)


def _forget(log: PartitionLog) -> None:
    log.forget_idle_ids(PRODUCER_ID_EXPIRATION_MS)


_HAPPENS: dict[str, Callable[[PartitionLog], None]] = {
    "restarted": PartitionLog.restart_clean, "crashed": PartitionLog.restart_after_crash, "forgot ids": _forget}


def _batch(send: Event) -> Batch:
    return Batch(max(1, send.record_count), send.producer_id, send.producer_epoch, send.base_sequence, send.transactional)


def owner_of(send: Event) -> Owner:
    """Whose memory it is."""
    return send.topic, send.partition, send.producer_id


def ranges_of(memory: Memory, send: Event, *, of_its_epoch: bool = False) -> Ranges:
    """What is remembered of the producer id of a send; `of_its_epoch`: nothing where another epoch took its place."""
    entry = memory.get(owner_of(send))
    if entry is None or (of_its_epoch and entry.producer_epoch != send.producer_epoch):
        return ()
    return tuple((batch.first_sequence, batch.last_sequence) for batch in entry.batches)


def range_of(send: Event) -> tuple[int, int]:
    """First and last sequence of a batch."""
    return send.base_sequence, increment_sequence(send.base_sequence, max(1, send.record_count) - 1)


def range_words(first: int, last: int) -> str:
    """A range of sequences: 4, or 4..6."""
    return f"{first}" if first == last else f"{first}..{last}"
