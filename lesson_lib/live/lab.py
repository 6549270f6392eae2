"""The lab: a broker, the fault proxy in front of it, and kafka-python's clients in front of that; one for each kernel.

`start_lab()` stops the lab that was there before, so a cell can be run again. Everything that a lab starts or makes is gone
after `stop`, which the end of the Python process calls too: threads, sockets, clients, topics.
"""

from __future__ import annotations

import atexit
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kafka.errors import KafkaConfigurationError, KafkaError

from lesson_lib.errors import LessonError
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Kind, LogCell, Settings
from lesson_lib.live import lab_run
from lesson_lib.live.broker import EmbeddedBroker
from lesson_lib.live.choose_broker import Choice, choose
from lesson_lib.live.client_log import ClientLog
from lesson_lib.live.clients import CLOSE_SECONDS, LabAdmin, LabConsumer, LabProducer
from lesson_lib.live.lab_history import as_history
from lesson_lib.live.log_reader import read_topic
from lesson_lib.live.proxy import FaultProxy
from lesson_lib.live.recording import Recording
from lesson_lib.live.topics import Topics

RUN_TOPIC = "toy"  # the name in simulated runs, so that both look the same
GONE_SECONDS = 1.0
Client = TypeVar("Client")
_numbers = itertools.count(1)
_current: Lab | None = None


def start_lab(broker: str | EmbeddedBroker | None = None, version: str = "4.4", port: int = 0) -> Lab:
    """Start the lab of this kernel and say in one line which broker it talks to; a lab that was there before is stopped.

    `broker`: None (KAFKA_BOOTSTRAP_SERVERS, else the one of docker-compose.yml if it answers, else embedded), "embedded",
    "compose", host:port, or an EmbeddedBroker. `version` is the release whose rules the embedded broker follows; `port` is the
    fault proxy's, 0 for any. LessonError says what to do when the broker does not answer.
    """
    global _current
    if _current is not None:
        _current.stop()
    _current = Lab(choose(broker, version), port)
    print(_current.choice.sentence)
    return _current


class Lab:
    """What `start_lab` returns. `address` is for clients of your own: `KafkaProducer(bootstrap_servers=lab.address)`."""

    def __init__(self, choice: Choice, port: int = 0) -> None:
        self.choice = choice
        self.proxy = FaultProxy(choice.address, choice.hooks, port)
        self.topics = Topics(choice.text)
        self._log = ClientLog()
        self._producers: weakref.WeakValueDictionary[str, LabProducer] = weakref.WeakValueDictionary()
        self._others: list[LabConsumer | LabAdmin] = []
        self._settings = Settings("real", broker=choice.name, client="kafka-python")
        self._start()

    def _start(self) -> None:
        try:
            self.proxy.start()
        except LessonError:
            self._stop_broker()
            raise
        self.proxy.on_kill = self._kill
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
        """Send some values with a real producer on a new topic and return everything that happened; arguments as in `simulate`."""
        script = parse_script(faults)
        values = _values(values_or_count)
        self.check()
        recording = Recording(script, set(), in_flight=_window(in_flight, idempotence, partitions), asks_for_answers=str(acks) != "0")
        self.proxy.record(recording)
        topic = self.topics.make(RUN_TOPIC, partitions)
        options = lab_run.producer_options(idempotence, acks, retries, in_flight, records_per_batch, delivery_timeout_ms, request_timeout_ms)
        application = lab_run.Application(topic, recording, lambda: self._for_run(recording, options), self.check, in_flight,
                                          delivery_timeout_ms / 1000, resend)
        self._settings = Settings("real", idempotence, str(acks).replace("-1", "all"), in_flight, retries, self.choice.name, "kafka-python", str(script))
        return self._finish(recording, application, lab_run.in_parts(values, records_per_batch, partitions), topic)

    def _finish(self, recording: Recording, application: lab_run.Application, parts: list[lab_run.Part], topic: str) -> History:
        try:
            application.run(parts)
        except KeyboardInterrupt:
            raise LessonError("The run was interrupted and everything it had started is closed; run the cell again.") from None
        finally:
            recording.close()
            self._close_of(recording)
        recording.script.check_used(recording.attempts)
        return as_history(recording, self._logs(recording, {topic}), self._settings, self.topics.short)

    def _for_run(self, recording: Recording, options: dict[str, Any]) -> LabProducer:
        client_id = self._client_id("run")
        recording.only.add(client_id)
        return self.producer(client_id=client_id, **options)

    def _close_of(self, recording: Recording) -> None:
        for producer in [self._producers.get(client_id) for client_id in recording.only or ()]:
            if producer is not None:
                producer.close(0.2)

    # by hand

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a new, empty topic and return its name, which ends in this learner's suffix."""
        self.check()
        return self.topics.make(name, partitions)

    def faults(self, script: Script = None) -> None:
        """What goes wrong with the next produce attempts, which count from 1 again; also begins a new history."""
        before = self.proxy.recording
        fresh = Recording(parse_script(script))
        self.proxy.record(fresh)
        for event in before.events:
            if event.kind == Kind.INIT:
                fresh.adopt(event, before)

    def history(self) -> History:
        """Everything since the last `faults(...)`. LessonError when a fault named an attempt that never was."""
        recording = self.proxy.recording
        recording.wait_until(lambda: recording.open_attempts == 0, GONE_SECONDS)
        recording.script.check_used(recording.attempts)
        topics = {event.topic for event in recording.events if event.kind == Kind.SEND}
        return as_history(recording, self._logs(recording, topics), self._settings, self.topics.short)

    def log(self, topic: str, partition: int = 0) -> tuple[LogCell, ...]:
        """One partition's log as it lies on the broker: markers, producer ids, sequences. LessonError where there is no such topic."""
        found = self._logs(self.proxy.recording, {topic}).get((topic, partition))
        if found is None:
            raise LessonError(f"The broker has no partition {partition} of a topic {topic!r}; lab.topic(...) makes one and returns its name.")
        return found

    def _logs(self, recording: Recording, topics: set[str]) -> dict[tuple[str, int], tuple[LogCell, ...]]:
        self.check()
        return {(topic, partition): cells for topic in sorted(topics)
                for partition, cells in read_topic(self.choice.text, topic, recording.book.number_of, recording.producer_id).items()}

    # clients

    def producer(self, **options: Any) -> LabProducer:
        """A KafkaProducer through the fault proxy; `options` are kafka-python's own. The lab closes it."""
        if options.get("transactional_id"):
            options["transactional_id"] = self.topics.private(options["transactional_id"])
        options = {"client_id": self._client_id("producer"), **self._bootstrap, **options}
        producer = self._open(lambda: LabProducer(lambda: self.proxy.recording, self.check, **options))
        self._producers[producer.client_id] = producer
        return producer

    def consumer(self, *topics: str, **options: Any) -> LabConsumer:
        """A KafkaConsumer through the fault proxy, from the first record on; stops iterating after a second without records."""
        if options.get("group_id"):
            options["group_id"] = self.topics.private(options["group_id"])
        return self._keep(lambda: LabConsumer(self.check, *topics, **{**self._bootstrap, "client_id": self._client_id("consumer"), **options}))

    def admin(self, **options: Any) -> LabAdmin:
        """A KafkaAdminClient through the fault proxy."""
        return self._keep(lambda: LabAdmin(**{**self._bootstrap, "client_id": self._client_id("admin"), **options}))

    def client_log(self) -> str:
        """What kafka-python's clients have logged, oldest first."""
        return "\n".join(self._log.lines)

    @property
    def _bootstrap(self) -> dict[str, str]:
        return {"bootstrap_servers": self.address}

    def _client_id(self, what: str) -> str:
        return f"lab-{what}-{next(_numbers)}"

    def _keep(self, make: Callable[[], Client]) -> Client:
        client = self._open(make)
        self._others.append(client)
        return client

    def _open(self, make: Callable[[], Client]) -> Client:
        self.check()
        try:
            return make()
        except KafkaConfigurationError as error:
            raise LessonError(f"kafka-python refuses these settings: {error.args[0] if error.args else error}.") from None
        except KafkaError as error:
            self.check()
            raise LessonError(f"The client got no answer from the broker at {self.choice.text} ({error}); look whether it still runs.") from None

    def _kill(self, client_id: str) -> None:
        if producer := self._producers.get(client_id):
            producer.kill()

    # life

    def check(self) -> None:
        """LessonError when the lab was stopped or its broker is gone."""
        if not self.proxy.running:
            raise LessonError("This lab was stopped; run the cell with start_lab() again.")
        if self.proxy.gone_seconds > GONE_SECONDS:
            raise LessonError(f"The broker at {self.choice.text} does not answer any more; start it again, "
                              "or run start_lab() again for another one, then run this cell again.")

    def stop(self) -> None:
        """Close every client, delete the topics, stop proxy and embedded broker. A second call does nothing."""
        global _current
        atexit.unregister(self.stop)
        if not self.proxy.running:
            return
        for client in (*self._producers.values(), *self._others):
            _close(client)
        if self.choice.embedded is None:
            self.topics.delete_all()
        self.proxy.stop()
        self._stop_broker()
        self._log.close()
        _current = None if _current is self else _current

    def _stop_broker(self) -> None:
        if self.choice.embedded is not None:
            self.choice.embedded.stop()


def _close(client: Any) -> None:
    try:
        client.close(CLOSE_SECONDS) if isinstance(client, LabProducer) else client.close()
    except (KafkaError, OSError, RuntimeError):
        pass


def _window(in_flight: int, idempotence: bool, partitions: int) -> int:
    """How many batches the client leaves unanswered: kafka-python with idempotence only one of each partition."""
    return min(in_flight, partitions) if idempotence else in_flight


def _values(values_or_count: int | Sequence[str]) -> list[str]:
    if isinstance(values_or_count, int):
        return [f"m{i}" for i in range(values_or_count)]
    return [str(value) for value in values_or_count]
