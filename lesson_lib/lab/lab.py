"""The lab: a broker, the fault proxy in front of it, and kafka-python's clients in front of that; one for each kernel.

`start_lab()` stops the lab that was there before, so a cell can be run again. Everything that a lab starts or makes is gone
after `stop`, which the end of the Python process calls too: threads, sockets, clients, topics.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError, acks_of, count_of, values_of
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Kind, LogCell, Settings
from lesson_lib.lab import run as lab_run
from lesson_lib.lab.as_history import as_history
from lesson_lib.lab.choose_broker import Choice, choose
from lesson_lib.lab.client_log import ClientLog
from lesson_lib.lab.clients import LabAdmin, LabConsumer, LabProducer
from lesson_lib.lab.lab_clients import LabClients
from lesson_lib.lab.log_reader import read_topic
from lesson_lib.lab.topics import Topics
from lesson_lib.lab.worlds import choose_virtual, is_virtual
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import Recording
from lesson_lib.text_table import wrap_output

RUN_TOPIC = "toy"  # its name in simulated runs, so that both look the same
GONE_SECONDS, CLOSE_SECONDS, POLL_SECONDS = 1.0, 0.2, 0.01
_current: Lab | None = None


def start_lab(broker: str | EmbeddedBroker | None = None, version: str = "4.4", port: int = 0, world: str | None = None) -> Lab:
    """Start the lab of this kernel and say in one line which broker it talks to; a lab that was there before is stopped.

    `broker`: None (KAFKA_BOOTSTRAP_SERVERS, else the one of docker-compose.yml if it answers, else embedded), "embedded",
    "compose", host:port, or an EmbeddedBroker. `version` is the release whose rules the embedded broker follows; `port` is the
    fault proxy's, 0 for any. `world` is "sockets" or "virtual" (None: LESSON_WORLD, else
    sockets). LessonError says what to do when the broker does not answer.
    """
    global _current
    if _current is not None:
        _current.stop()
    _current = Lab(choose_virtual(broker, version) if is_virtual(world) else choose(broker, version), port)
    print(wrap_output(_current.choice.sentence))
    return _current


class Lab:
    """What `start_lab` returns. `address` is for clients of your own: `KafkaProducer(bootstrap_servers=lab.address)`."""

    def __init__(self, choice: Choice, port: int = 0) -> None:
        self.choice = choice
        self.proxy = FaultProxy(choice.address, choice.hooks, port, choice.server)
        self.topics = Topics(choice.text, choice.suffix)
        self._clients = LabClients(lambda: self.address, lambda: self.proxy.recording, self.check, self.look, self.topics.private)
        self._log = ClientLog()
        self._start()

    def _start(self) -> None:
        try:
            self.proxy.start()
        except LessonError:
            self._stop_broker()
            raise
        self.proxy.on_kill = self._clients.kill
        self._log.open()
        atexit.register(self.stop)
        if self.choice.embedded is None:
            self.topics.delete_leftovers()

    @property
    def address(self) -> str:
        """`host:port` of the fault proxy."""
        return self.proxy.address

    # the experiment in one line

    def run(self, values_or_count: int | Sequence[str] = 3, *, faults: Script = None, idempotence: bool = True, acks: str | int = "all",
            retries: int | None = None, in_flight: int = 1, records_per_batch: int = 1, partitions: int = 1, resend: bool = False,
            delivery_timeout_ms: int = 5_000, request_timeout_ms: int = 1_000) -> History:
        """Send some values with a real producer to a new topic and return everything that happened; arguments as in `simulate`.

        LessonError for settings that kafka-python refuses, for a fault at an attempt that never was, and when the broker is gone.
        """
        if not (retries is None or isinstance(retries, int) and retries >= 0):
            raise LessonError(f"retries must be a whole number from 0, or None for no limit, not {retries!r}.")
        settings = Settings("real", idempotence, "all" if acks_of(acks) == -1 else str(acks), count_of("in_flight", in_flight), retries,
                            self.choice.name, "kafka-python", str(parse_script(faults)))
        parts = lab_run.in_parts(values_of(values_or_count), count_of("records_per_batch", records_per_batch),
                                 count_of("partitions", partitions))
        options = lab_run.producer_options(settings, records_per_batch, delivery_timeout_ms, request_timeout_ms)
        recording = self._recording_for_run(settings, partitions)
        try:
            with self._asking():
                topic = self.topics.make(RUN_TOPIC, partitions)
                self._run(lab_run.Application(topic, recording, lambda: self._producer_for_run(recording, options), self.check,
                                              in_flight, delivery_timeout_ms / 1000, resend), parts)
                recording.script.check_used(recording.attempts)
                return as_history(recording, self._logs(recording, {topic}), settings, self.topics.short)
        except KeyboardInterrupt:
            raise LessonError("The run was interrupted and everything that it had started is closed; run the cell again.") from None

    def _recording_for_run(self, settings: Settings, partitions: int) -> Recording:
        """kafka-python with idempotence leaves only one batch of a partition unanswered, whatever it is told."""
        self.check()
        in_flight = min(settings.in_flight, partitions) if settings.idempotence else settings.in_flight
        return self.proxy.record(Recording(parse_script(settings.faults), set(), in_flight, settings.acks != "0"))

    def _producer_for_run(self, recording: Recording, options: dict[str, Any]) -> LabProducer:
        client_id = self._clients.new_id("run")
        recording.client_ids.add(client_id)
        return self.producer(client_id=client_id, **options)

    def _run(self, application: lab_run.Application, parts: list[lab_run.Part]) -> None:
        try:
            application.run(parts)
        finally:
            self.proxy.bury(application.recording.client_ids or ())
            application.recording.close()
            self._clients.close(application.recording.client_ids, CLOSE_SECONDS)

    # by hand

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a new, empty topic and return its name, which ends in this learner's suffix."""
        self.check()
        with self._asking():
            return self.topics.make(name, partitions)

    def faults(self, script: Script = None) -> None:
        """What goes wrong with the next produce attempts, which count from 1 again; also begins a new history."""
        before, fresh = self.proxy.recording, Recording(parse_script(script))
        self.proxy.record(fresh)
        fresh.adopt_ids(before)

    def history(self) -> History:
        """Everything since the last `faults(...)`. LessonError when a fault named an attempt that never was."""
        recording = self.proxy.recording
        recording.wait_until(lambda: recording.open_attempts == 0, GONE_SECONDS)
        recording.script.check_used(recording.attempts)
        topics = {event.topic for event in recording.events if event.kind == Kind.SEND}
        settings = Settings("real", any(event.producer_id > 0 for event in recording.events), recording.acks_words, broker=self.choice.name,
                            client="kafka-python", faults=str(recording.script))
        return as_history(recording, self._logs(recording, topics), settings, self.topics.short)

    def log(self, topic: str, partition: int = 0) -> tuple[LogCell, ...]:
        """One partition's log as it lies on the broker: markers, producer ids, sequences. LessonError where there is no such topic."""
        found = self._logs(self.proxy.recording, {topic}).get((topic, partition))
        if found is None:
            raise LessonError(f"The broker has no partition {partition} of a topic {topic!r}; lab.topic('orders') makes a topic and "
                              "returns its name.")
        return found

    def _logs(self, recording: Recording, topics: set[str]) -> dict[tuple[str, int], tuple[LogCell, ...]]:
        """The logs as they are; a marker that is still on its way, as the coordinator writes it after its answer, is waited for."""
        self.check()
        end = time.monotonic() + GONE_SECONDS
        while True:
            with self._asking():
                logs = {(topic, partition): cells for topic in sorted(topics) for partition, cells
                        in read_topic(self.choice.text, topic, recording.book.number_of, recording.producer_id).items()}
            late = any(c.txn == "open" and recording.has_ended(c.producer_id) for cells in logs.values() for c in cells)
            if not late or time.monotonic() > end:
                return logs
            time.sleep(POLL_SECONDS)

    def producer(self, **options: Any) -> LabProducer:
        """A KafkaProducer through the fault proxy; `options` are kafka-python's own. The lab closes it."""
        return self._clients.producer(options)

    def starts(self, **options: Any) -> str:
        """Whether a producer starts with these options, in a sentence: with idempotence on or off, or the client's refusal."""
        try:
            with self.producer(**options) as producer:
                return f"It starts, with idempotence {'on' if producer.config['enable_idempotence'] else 'off'}."
        except LessonError as refusal:
            return str(refusal)

    def consumer(self, *topics: str, **options: Any) -> LabConsumer:
        """A KafkaConsumer through the fault proxy, from the first record on; stops iterating after a second without records."""
        return self._clients.consumer(topics, options)

    def admin(self, **options: Any) -> LabAdmin:
        """A KafkaAdminClient through the fault proxy."""
        return self._clients.admin(options)

    def client_log(self) -> str:
        """What kafka-python's clients have logged, oldest first."""
        return "\n".join(self._log.lines)

    # life

    def sleep(self, seconds: float) -> None:
        """Let so much time pass: as `time.sleep`, or in a virtual world at once, for everybody in it."""
        self.check()
        time.sleep(seconds)

    def check(self) -> None:
        """LessonError when the lab was stopped or its broker is gone."""
        if not self.proxy.running:
            raise LessonError("This lab was stopped; run the cell with start_lab() again.")
        if self.proxy.gone_seconds > GONE_SECONDS:
            self.look()

    def look(self) -> None:
        """LessonError when the broker does not answer now."""
        if not self.proxy.broker_answers():
            raise LessonError(f"The broker at {self.choice.text} does not answer any more; start it again, or choose another one with "
                              "start_lab(), then run this cell again.")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """The broker may die between a look at it and a question to it, or between question and answer: the same sentence then."""
        try:
            yield
        except (LessonError, OSError) as error:
            self.look()
            if isinstance(error, LessonError):
                raise
            raise LessonError(f"The connection to the broker at {self.choice.text} broke ({error}); run this cell again.") from None

    def stop(self) -> None:
        """Close every client, delete the topics, stop proxy and embedded broker. A second call does nothing."""
        global _current
        atexit.unregister(self.stop)
        if self.proxy.running:
            self._clients.close_all()
            if self.choice.embedded is None:
                self.topics.delete_all()
            self.proxy.stop()
            self._stop_broker()
            self._log.close()
        _current = None if _current is self else _current

    def _stop_broker(self) -> None:
        if self.choice.embedded is not None:
            self.choice.embedded.stop()
        self.choice.leave()
