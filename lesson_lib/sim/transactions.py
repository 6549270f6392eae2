"""`Transactions`: transactional producers and their consumers, driven call by call, in virtual time.

    kafka = Transactions()
    shop = kafka.producer("shop")
    shop.begin(); shop.send("a"); shop.send("b"); shop.commit()
    kafka.consumer("read_committed").poll()     # ["a", "b"]
    kafka.history()

A second `kafka.producer("shop")` fences the first, as a restarted process does its zombie. `kafka.producer()`
without an id is idempotent and nothing more: it has no transactions, and nobody can fence it.

A producer that was only too slow, whose transaction the coordinator aborted, is not fenced for ever: a send
fails with error 47, `abort()` gets it a new epoch, and it goes on, as Java's does (KIP-588; from Kafka 4.1
on). kafka-python begins again without the abort, a moment later.

Differs from Kafka in: one coordinator, which answers at once; markers are in the logs 10 ms after the commit
was answered; a producer that has a successor learns so from the first 47, and not only when it asks for an
epoch. After error 45, 47 or 59 an abort works at once; kafka-python is busy with a new epoch then, raises,
and leaves the transaction to its time-out.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Batch, TopicPartition
from lesson_lib.core.transactions import CoordinatorAnswer, Marker, TransactionCoordinator
from lesson_lib.errors import LessonError, count_of, version_of
from lesson_lib.faults import FaultScriptLike, parse_script
from lesson_lib.history import History, Kind, Settings
from lesson_lib.history.link import call_text, noted_line
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.messages import ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import IdempotentKafkaPythonProducer, Producer
from lesson_lib.sim.sender import Sender
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import ONE_WAY_MS, TOPIC, ToyWorld

INPUT_TOPIC, OFFSETS_TOPIC = "in", "__consumer_offsets"


class Transactions:
    """One topic, its broker and the coordinator; `transaction_version` 2: a new epoch every transaction."""

    def __init__(self, *, partitions: int = 1, broker: str | KafkaVersion = "4.4",
                 transaction_version: int = 1, faults: FaultScriptLike = None, topic: str = TOPIC) -> None:
        if transaction_version not in (1, 2):
            raise LessonError(f"transaction_version is 1 or 2, not {transaction_version!r}.")
        version, self.transaction_version = version_of(broker), transaction_version
        self.world = ToyWorld(parse_script(faults), topic)
        numbers = range(count_of("partitions", partitions))
        self.broker = ToyBroker(self.world, {number: PartitionLog(version) for number in numbers})
        self.coordinator = TransactionCoordinator(next_producer_id=1, version=version)
        self.sessions: list[IdempotentSession] = []
        self.pending_position: dict[str, int] = {}
        self.consumers = self.position = 0
        given = {"partitions": (partitions, 1), "broker": (broker, "4.4"), "faults": (faults, None),
                 "transaction_version": (transaction_version, 1)}
        told = {name: value for name, (value, usual) in given.items() if value != usual}
        self.lines, self.name_in_call = [f"kafka = {call_text('Transactions', (), told)}"], "kafka"

    def producer(self, transactional_id: str | None = None, timeout_ms: int = 60_000) -> IdempotentSession:
        """Start a producer; with a transactional id, let it do `init_transactions()`."""
        self.world.clock.now += ONE_WAY_MS
        number, given = len(self.sessions) + 1, [transactional_id, timeout_ms][:1 + (timeout_ms != 60_000)]
        lane = "producer" if number == 1 else f"producer {number}"
        session = IdempotentSession(self, lane) if not transactional_id else (
            TransactionalSession(self, lane, transactional_id, timeout_ms))
        self.sessions.append(session)
        session.name_in_call = f"p{number}"
        call = call_text("kafka.producer", given if transactional_id else (), {})
        self.lines.append(f"{session.name_in_call} = {call}")
        return session

    def consumer(self, isolation: str = "read_uncommitted") -> Consumer:
        """A consumer that starts at offset 0, alone in its group; `poll()` returns what it reads."""
        settings = ConsumerSettings.of({"isolation": isolation, "commit": "never"})
        self.consumers += 1
        lane = "consumer" if self.consumers == 1 else f"consumer {self.consumers}"
        consumer = Consumer(self.world, self.broker, settings, lane)
        consumer.lines, consumer.name_in_call = self.lines, f"c{self.consumers}"
        self.lines.append(f"{consumer.name_in_call} = {call_text('kafka.consumer', [isolation], {})}")
        return consumer

    @noted_line
    def wait(self, ms: int) -> None:
        """Let time pass; what is open for too long is aborted, and its producer's next send fails."""
        self.world.clock.now += count_of("ms", ms)
        for marker in self.coordinator.abort_timed_out(self.world.clock.now):
            self.world.record(Kind.TXN, "timed out", lane="coordinator", note=marker.transactional_id)
            self.write(marker)

    def write(self, marker: Marker | None) -> None:
        """The coordinator has the markers written, and the transaction is over (`WriteTxnMarkers`)."""
        if marker is None:
            return
        self.world.clock.now += ONE_WAY_MS
        for topic, partition in marker.partitions:
            if topic != OFFSETS_TOPIC:
                self._write_one(marker, partition)
                continue
            position = self.pending_position.pop(marker.transactional_id)
            if marker.commit:
                self.commit_position(position, "committed with the transaction")
        self.coordinator.complete(marker.transactional_id)

    def _write_one(self, marker: Marker, partition: int) -> None:
        log, ids = self.broker.logs[partition], (marker.producer_id, marker.producer_epoch)
        offset = log.log_end_offset
        log.append_marker(*ids, commit=marker.commit, timestamp=self.world.clock.now)
        self.world.record(Kind.MARKER, "commit" if marker.commit else "abort", lane="broker",
                          partition=partition, offset=offset, producer_id=marker.producer_id,
                          producer_epoch=marker.producer_epoch,
                          note=f"last stable offset {log.last_stable_offset}")

    def commit_position(self, position: int, note: str = "") -> None:
        """Make it the group's position in the input."""
        self.position = position
        self.world.record(Kind.POSITION, lane="consumer", topic=INPUT_TOPIC, offset=position, note=note)

    def history(self) -> History:
        """The run so far."""
        self.world.script.check_used(self.world.attempts)
        settings = Settings("simulated", True, "all", 1, None, str(self.coordinator.version), "kafka-python",
                            str(self.world.script))
        call = "\n".join([*self.lines, "kafka.history()"])
        return History(tuple(self.world.events), self.broker.cells(), settings, call)


class IdempotentSession:
    """A process with an idempotent producer and no `transactional_id`: nothing that it sends belongs
    together.

    Every new one has a new producer id, and none knows of another.
    """

    client: type[Producer] = IdempotentKafkaPythonProducer
    transactional_id = name_in_call = ""
    again = "kafka.producer()"

    def __init__(self, kafka: Transactions, lane: str) -> None:
        self.kafka, self.world, self.lines = kafka, kafka.world, kafka.lines
        self.sender = Sender(kafka.world, kafka.broker, ProducerSettings(), self.client, lane,
                             new_id=self.new_id)

    def new_id(self, lane: str) -> tuple[int, int]:
        """A new id, from where those of transactional producers come from, so that no two are the same."""
        return self._got_id(lane, self.kafka.coordinator.init_producer_id(None))

    def _got_id(self, lane: str, answer: CoordinatorAnswer) -> tuple[int, int]:
        self.world.record(Kind.INIT, lane=lane, producer_id=answer.producer_id,
                          producer_epoch=answer.producer_epoch, note=self.transactional_id)
        return answer.producer_id, answer.producer_epoch

    @noted_line
    def send(self, *values: str, partition: int = 0) -> str:
        """Send one batch and wait; returns what the application is told."""
        self._check_alive()
        self._check_partition(partition)
        return self._deliver(values, partition)

    def _deliver(self, values: tuple[str, ...], partition: int) -> str:
        self._takes_a_while()
        batch = self.sender.send(tuple(map(str, values)), partition)
        self.world.run()
        return batch.told or "unknown"  # where its producer died before that

    @noted_line
    def send_offsets(self, position: int) -> None:
        """Commit the position in the input, a step of its own."""
        self._takes_a_while()
        self.kafka.commit_position(position)

    @noted_line
    def kill(self) -> None:
        """The process dies; a transaction stays open until it times out or a successor starts."""
        self._takes_a_while()
        self.sender.kill()

    @noted_line
    def begin(self, killed: bool = False) -> None:
        """LessonError: there is no transaction without a transactional id."""
        raise LessonError("A transaction needs a transactional id: start the producer with "
                          'kafka.producer("shop").')

    commit = abort = begin

    def _takes_a_while(self) -> None:
        self.world.clock.now += ONE_WAY_MS

    def _check_alive(self) -> None:
        if self.sender.killed:
            raise LessonError(f"This producer was killed; start another with {self.again}.")

    def _check_partition(self, partition: int) -> None:
        if partition not in (partitions := self.kafka.broker.logs):
            raise LessonError(f"There is no partition {partition}; "
                              f"partitions are 0 to {len(partitions) - 1}.")


class TransactionalProducer(IdempotentKafkaPythonProducer):
    """`error`: why the open transaction cannot be committed."""

    error: ErrorCode | None = None

    def stamp(self, batch: ProducerBatch) -> Batch:
        """Number a batch and mark it as transactional."""
        batch.numbered = super().stamp(batch).again(transactional=True)
        return batch.numbered

    def after_failure(self, batch: ProducerBatch, error: ErrorCode | None) -> None:
        """A failed batch: this transaction can only be aborted."""
        self.error = error or ErrorCode.REQUEST_TIMED_OUT
        if error is not None and batch.numbered:  # its numbers are free (`adjustSequencesDueToFailedBatch`)
            self.next_sequence[batch.partition] = batch.numbered.base_sequence

    def begin_again(self, answer: CoordinatorAnswer) -> None:
        """With the id and epoch of that answer, in every partition from sequence 0."""
        self.producer_id, self.producer_epoch, self.error = answer.producer_id, answer.producer_epoch, None
        self.next_sequence.clear()


class TransactionalSession(IdempotentSession):
    """One transactional producer, from `init_transactions()` until it is closed, killed or fenced.

    `added`: the partitions of the open transaction, that of the offsets included.
    """

    client = TransactionalProducer

    def __init__(self, kafka: Transactions, lane: str, transactional_id: str, timeout_ms: int) -> None:
        self.transactional_id, self.timeout_ms = transactional_id, timeout_ms
        self.again = f"kafka.producer({transactional_id!r})"
        self.coordinator = kafka.coordinator
        self.added: set[TopicPartition] = set()
        self.open = False
        super().__init__(kafka, lane)

    @property
    def producer(self) -> TransactionalProducer:
        assert isinstance(self.sender.producer, TransactionalProducer)
        return self.sender.producer

    def new_id(self, lane: str) -> tuple[int, int]:
        """The same id, its epoch raised: a predecessor is fenced, its open transaction aborted first."""
        return self._got_id(lane, self._init())

    def _init(self, *ids: int) -> CoordinatorAnswer:
        answer = self.coordinator.init_producer_id(self.transactional_id, self.timeout_ms, *ids)
        if answer.marker:
            self.kafka.write(answer.marker)
            answer = self.coordinator.init_producer_id(self.transactional_id, self.timeout_ms, *ids)
        return answer

    @noted_line
    def begin(self) -> None:
        """Begin a transaction; no request is sent."""
        if self.open:
            raise LessonError("A transaction is open already: commit() or abort() it first.")
        self._check_alive()
        self._takes_a_while()
        self.open = True
        self._say("begin")

    @noted_line
    def send(self, *values: str, partition: int = 0) -> str:
        """Send one batch in the transaction and wait; returns what the application is told."""
        self._check_open()
        self._check_partition(partition)
        self._takes_a_while()
        self._add(self.world.topic, partition)
        told = self._deliver(values, partition)
        later = self.kafka.sessions[self.kafka.sessions.index(self) + 1:]
        if self.producer.error is ErrorCode.INVALID_PRODUCER_EPOCH and any(
                one.transactional_id == self.transactional_id for one in later):
            self._refuse(ErrorCode.PRODUCER_FENCED)
        return told

    @noted_line
    def send_offsets(self, position: int) -> None:
        """Make the position in the input part of the transaction (`sendOffsetsToTransaction`)."""
        self._check_open()
        self._takes_a_while()
        self._add(OFFSETS_TOPIC, 0, "add offsets")
        if not self.producer.fatal:
            self.kafka.pending_position[self.transactional_id] = position
            self._say("offsets", topic=INPUT_TOPIC, offset=position)

    @noted_line
    def commit(self, killed: bool = False) -> None:
        """Commit: the records become visible to read_committed. `killed`: it dies before the answer.

        LessonError where it cannot be: a send failed, or the producer is fenced.
        """
        error = self.producer.error
        if error and not self.producer.fatal:
            raise LessonError(f"A send of this transaction failed ({error.words}): "
                              "only abort() is possible now.")
        self._end("commit", "committed", killed)

    @noted_line
    def abort(self) -> None:
        """Abort: read_committed never shows the records. LessonError where the producer is fenced."""
        if self.producer.error is ErrorCode.INVALID_PRODUCER_EPOCH and not self.producer.fatal:
            self._go_on()
        else:
            self._end("abort", "aborted")

    def _go_on(self) -> None:
        """The coordinator aborted it already: ask for a new epoch with the old one (KIP-360)."""
        self._check_open()
        self.open = False
        self.added.clear()
        self._takes_a_while()
        self._say("abort")
        self._takes_a_while()
        answer = self._init(self.producer.producer_id, self.producer.producer_epoch)
        if answer.error:
            raise self._refuse(answer.error)
        self._got_id(self.sender.lane, answer)
        self.producer.begin_again(answer)
        self._say("aborted")

    def _end(self, what: str, ended: str, killed: bool = False) -> None:
        """EndTxn: once the coordinator has decided, it is committed, though no marker is written yet. In
        version 2 its answer holds the next epoch; sequences start at 0.
        """
        self._check_open()
        self.open, producer = False, self.producer
        self._takes_a_while()
        if not self.added and not producer.fatal:  # there is nothing to ask the coordinator for
            self._say(ended)
            return
        self._say(what)
        self._takes_a_while()
        answer = self.coordinator.end(self.transactional_id, producer.producer_id, producer.producer_epoch,
                                      commit=what == "commit", epoch_bump=self.kafka.transaction_version == 2)
        self.added.clear()
        if answer.error:
            raise self._refuse(answer.error)
        self._say(f"prepare {what}", lane="coordinator")
        if killed:
            self.kill()
        else:
            self._takes_a_while()
            self._say(ended)
            producer.error = None
            if self.kafka.transaction_version == 2:
                producer.begin_again(answer)
        self.kafka.write(answer.marker)

    def _add(self, topic: str, partition: int, what: str = "add partition") -> None:
        """Make the partition part of the transaction; the coordinator refuses a fenced producer."""
        if (where := (topic, partition)) in self.added:
            return
        if error := self.coordinator.add_partitions(self.transactional_id, self.producer.producer_id,
                                                    self.producer.producer_epoch, [where],
                                                    self.world.clock.now):
            self._refuse(error)
        else:
            self.added.add(where)
            self._say(what, topic=topic, partition=partition)

    def _refuse(self, error: ErrorCode) -> LessonError:
        """Fenced, or told that this cannot be done: only close() is left (`ProducerFencedException`)."""
        self.producer.error = self.producer.fatal = error
        self._say("fenced" if error is ErrorCode.PRODUCER_FENCED else "refused", error=error)
        return LessonError("This producer is fenced (ProducerFencedError): it can neither commit nor abort; "
                           f"start another with {self.again}.")

    def _say(self, what: str, **more: Any) -> None:
        about = {"lane": self.sender.lane, "producer_id": self.producer.producer_id,
                 "producer_epoch": self.producer.producer_epoch, "note": self.transactional_id}
        self.world.record(Kind.TXN, what, **about | more)

    def _check_open(self) -> None:
        self._check_alive()
        if not self.open:
            raise LessonError("No transaction is open: call begin() first.")
