"""`Transactions`: transactional producers and their consumers, driven call by call, in virtual time.

    kafka = Transactions()
    shop = kafka.producer("shop")
    shop.begin(); shop.send("a"); shop.send("b"); shop.commit()
    kafka.consumer("read_committed").poll()     # ["a", "b"]
    kafka.history()

A second `kafka.producer("shop")` fences the first, as a restarted process does its zombie. `kafka.producer()` without an id is
idempotent and nothing more: it has no transactions, and nobody can fence it.

Differs from Kafka in: one coordinator, which answers at once; markers are in the logs 10 ms after the commit was answered.
"""

from __future__ import annotations

from typing import overload

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.transaction_metadata import Marker
from lesson_lib.core.transactions import TransactionCoordinator
from lesson_lib.errors import LessonError, count_of, version_of
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Kind, Settings
from lesson_lib.sim.broker import WORDS, Broker
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.plain_session import PlainSession
from lesson_lib.sim.txn_producer import TxnProducer
from lesson_lib.sim.world import ONE_WAY_MS, TOPIC, World

INPUT_TOPIC, OFFSETS_TOPIC = "in", "__consumer_offsets"


class Transactions:
    """One topic, its broker and the transaction coordinator; `transaction_version` 2 raises the epoch with every transaction."""

    def __init__(self, *, partitions: int = 1, broker: str | KafkaVersion = "4.4", transaction_version: int = 1,
                 faults: Script = None, topic: str = TOPIC) -> None:
        if transaction_version not in (1, 2):
            raise LessonError(f"transaction_version is 1 or 2, not {transaction_version!r}.")
        self.version, self.transaction_version = version_of(broker), transaction_version
        self.world = World(parse_script(faults), topic)
        numbers = range(count_of("partitions", partitions))
        self.broker = Broker(self.world, {p: PartitionLog(self.version) for p in numbers})
        self.coordinator = TransactionCoordinator(next_producer_id=1, version=self.version)
        self.sessions: list[Session | PlainSession] = []
        self.consumers: list[Reader] = []
        self.position = 0
        self.pending_position: dict[str, int] = {}

    @overload
    def producer(self, transactional_id: None = None) -> PlainSession: ...

    @overload
    def producer(self, transactional_id: str, timeout_ms: int = 60_000) -> Session: ...

    def producer(self, transactional_id: str | None = None, timeout_ms: int = 60_000) -> Session | PlainSession:
        """Start a producer; with a transactional id, let it do `init_transactions()`."""
        self.world.clock.now += ONE_WAY_MS
        lane = "producer" if not self.sessions else f"producer {len(self.sessions) + 1}"
        session = Session(self, lane, transactional_id, timeout_ms) if transactional_id else PlainSession(self, lane)
        self.sessions.append(session)
        return session

    def consumer(self, isolation: str = "read_uncommitted") -> Reader:
        """A consumer that starts at offset 0, alone in its group."""
        self.consumers.append(Reader(self, ConsumerSettings.of({"isolation": isolation, "commit": "never"})))
        return self.consumers[-1]

    def wait(self, ms: int) -> None:
        """Let time pass; transactions that have been open for too long are aborted, their producers fenced."""
        self.world.clock.now += count_of("ms", ms)
        for marker in self.coordinator.abort_timed_out(self.world.clock.now):
            self.world.record(Kind.TXN, "timed out", lane="coordinator", note=marker.transactional_id)
            self.write(marker)

    def happen(self, what: str) -> None:
        """Something happens to the broker: restart broker, crash broker, fail over, forget idle ids."""
        if what not in WORDS:
            raise LessonError(f"To the broker can happen: {', '.join(WORDS)}; not {what!r}.")
        self.world.clock.now += ONE_WAY_MS
        self.broker.happen(what)

    def write(self, marker: Marker | None) -> None:
        """The coordinator has the markers written, and the transaction is over (`WriteTxnMarkers`)."""
        if marker is None:
            return
        self.world.clock.now += ONE_WAY_MS
        for topic, partition in marker.partitions:
            if topic == OFFSETS_TOPIC:
                self._end_offsets(marker)
            else:
                self._write_one(marker, partition)
        self.coordinator.complete(marker.transactional_id)

    def _write_one(self, marker: Marker, partition: int) -> None:
        log = self.broker.logs[partition]
        offset = log.log_end_offset
        log.append_marker(marker.producer_id, marker.producer_epoch, commit=marker.commit, timestamp=self.world.clock.now)
        self.world.record(Kind.MARKER, "commit" if marker.commit else "abort", lane="broker", partition=partition, offset=offset,
                          producer_id=marker.producer_id, producer_epoch=marker.producer_epoch,
                          note=f"last stable offset {log.last_stable_offset}")

    def _end_offsets(self, marker: Marker) -> None:
        """With a commit the positions sent in the transaction become the group's; with an abort they are dropped."""
        position = self.pending_position.pop(marker.transactional_id)
        if marker.commit:
            self.commit_position(position, "committed with the transaction")

    def commit_position(self, position: int, note: str = "") -> None:
        """Make it the group's position in the input."""
        self.position = position
        self.world.record(Kind.POSITION, lane="consumer", topic=INPUT_TOPIC, offset=position, note=note)

    def check_partition(self, partition: int) -> None:
        """LessonError when there is no such partition."""
        if partition not in self.broker.logs:
            raise LessonError(f"There is no partition {partition}; partitions are 0 to {len(self.broker.logs) - 1}.")

    def told(self, batch: int) -> str:
        """What the application was told last of a batch."""
        return next(e.what for e in reversed(self.world.events) if e.kind == Kind.REPORT and e.batch == batch)

    def history(self) -> History:
        """The run so far."""
        self.world.script.check_used(self.world.attempts)
        return History(tuple(self.world.events), self.broker.all_cells(), Settings(
            "simulated", True, "all", 1, None, str(self.version), "kafka-python", str(self.world.script)))


class Session:
    """One producer process, from `init_transactions()` until it is closed, killed or fenced."""

    def __init__(self, kafka: Transactions, lane: str, transactional_id: str, timeout_ms: int) -> None:
        self.kafka, self.world = kafka, kafka.world
        self.inner = TxnProducer(kafka.world, kafka.broker, lane, transactional_id, timeout_ms, kafka.transaction_version,
                                 kafka.coordinator, kafka.write)
        self.open = False

    def begin(self) -> None:
        """Begin a transaction; no request is sent."""
        if self.open:
            raise LessonError("A transaction is open already: commit() or abort() it first.")
        self._check_alive()
        self.world.clock.now += ONE_WAY_MS
        self.open = True
        self.inner.say("begin")

    def send(self, *values: str, partition: int = 0) -> str:
        """Send one batch in the transaction and wait; returns what the application is told."""
        self._check_open()
        self.kafka.check_partition(partition)
        self.world.clock.now += ONE_WAY_MS
        self.inner.add(self.world.topic, partition)
        self.world.clock.now += ONE_WAY_MS
        pending = self.inner.send(tuple(map(str, values)), partition)
        self.world.clock.run()
        self.world.settle()
        return self.kafka.told(pending.number)

    def send_offsets(self, position: int) -> None:
        """Make the position in the input part of the transaction (`sendOffsetsToTransaction`)."""
        self._check_open()
        self.world.clock.now += ONE_WAY_MS
        self.inner.add(OFFSETS_TOPIC, 0, "add offsets")
        if not self.inner.fatal:
            self.kafka.pending_position[self.inner.transactional_id] = position
            self.inner.say("offsets", topic=INPUT_TOPIC, offset=position)

    def commit(self, killed: bool = False) -> None:
        """Commit: every record of the transaction becomes visible to read_committed. `killed`: before the answer comes."""
        if self.inner.error and not self.inner.fatal:
            raise LessonError(f"A send of this transaction failed ({self.inner.error.words}): only abort() is possible now.")
        self._end(commit=True, killed=killed)

    def abort(self) -> None:
        """Abort: the records stay in the log, and read_committed never shows them."""
        self._end(commit=False)

    def _end(self, commit: bool, killed: bool = False) -> None:
        self._check_open()
        self.open = False
        self.world.clock.now += ONE_WAY_MS
        if not self.inner.added and not self.inner.fatal:  # nothing was added, so there is nothing to ask the coordinator for
            self.inner.say("committed" if commit else "aborted")
        elif answer := self.inner.end(commit):
            self.kill() if killed else self.inner.ended(answer, commit)
            self.kafka.write(answer.marker)

    def kill(self) -> None:
        """The process dies; its transaction stays open until it times out or a successor starts."""
        self.world.clock.now += ONE_WAY_MS
        self.inner.kill()

    def _check_open(self) -> None:
        self._check_alive()
        if not self.open:
            raise LessonError("No transaction is open: call begin() first.")

    def _check_alive(self) -> None:
        if self.inner.killed:
            raise LessonError(f"This producer was killed; start another with kafka.producer({self.inner.transactional_id!r}).")


class Reader:
    """A consumer's application: it takes what is there."""

    def __init__(self, kafka: Transactions, settings: ConsumerSettings) -> None:
        number = len(kafka.consumers) + 1
        self.world = kafka.world
        self.inner = Consumer(kafka.world, kafka.broker, settings, "consumer" if number == 1 else f"consumer {number}")

    def poll(self) -> list[str]:
        """Every record that has become visible since the last poll; read_committed stops at the last stable offset."""
        before = len(self.world.events)
        self.inner.poll()
        return [value for event in self.world.events[before:] for value in event.values]
