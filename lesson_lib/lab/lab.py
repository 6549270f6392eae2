"""The lab: a broker, the fault proxy in front of it, kafka-python's clients in front of that; one a kernel.

`start_lab()` stops the lab that was there before, so a cell can be run again. Everything that a lab starts or
makes is gone after `stop`, which the end of the Python process calls too: threads, sockets, clients, topics.
"""

from __future__ import annotations

import atexit
import itertools
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaConfigurationError, KafkaError

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError, acks_of, count_of, explains_arguments, values_of
from lesson_lib.faults import FaultScriptLike, parse_script
from lesson_lib.history import History, Kind, LogCell, Settings
from lesson_lib.history.event import Logs
from lesson_lib.history.link import noted
from lesson_lib.lab.as_history import as_history, read_logs
from lesson_lib.lab.choose_broker import Choice, find, find_virtual, is_virtual
from lesson_lib.lab.clients import (
    ADMIN_OPTIONS,
    CLOSE_SECONDS,
    ClientLog,
    LabConsumer,
    LabProducer,
    Stamps,
    kept_interrupts,
    wait_for_dropped,
)
from lesson_lib.lab.run import ENDS, LiveApplication, LiveTransaction, NewBatch, in_batches, producer_options
from lesson_lib.lab.topics import Topics
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import Recording
from lesson_lib.text_table import wrap_output

Client = TypeVar("Client", LabProducer, LabConsumer, KafkaAdminClient)
RUN_TOPIC = "toy"  # its name in simulated runs, so that both look the same
GONE_SECONDS, RUN_CLOSE_SECONDS, LONGEST_SLEEP = 1.0, 0.2, 31 * 86_400
MOST_OPEN = 16  # consumers and admin clients; a cell that is run again and again leaves one each time
_current: Lab | None = None


@explains_arguments
def start_lab(broker: str | EmbeddedBroker | None = None, version: str = "4.4", port: int = 0,
              world: str | None = None) -> Lab:
    """Start this kernel's lab and say in one line which broker it talks to; the lab before it is stopped.

    `broker`: None (KAFKA_BOOTSTRAP_SERVERS, else the one of docker-compose.yml if it answers, else embedded),
    "embedded", "compose", host:port, or an EmbeddedBroker. `version` is the release whose rules the embedded
    broker follows; `port` is the fault proxy's, 0 for any. `world` is "sockets" or "virtual" (None:
    LESSON_WORLD, else sockets). LessonError for what is refused, before anything is stopped, and when the
    broker does not answer.
    """
    global _current
    if not (type(port) is int and 0 <= port < 65_536):
        raise LessonError(f"port must be a whole number from 0 to 65535, 0 for any free one, not {port!r}.")
    start = (find_virtual if is_virtual(world) else find)(broker, version)
    with kept_interrupts(at_once=False):  # half a lab would be in the way of all later ones
        if _current is not None:
            _current.stop()
        _current = Lab(start(), port)
    print(wrap_output(_current.choice.sentence))
    return _current


class Lab:
    """What `start_lab` returns. Clients of your own: `KafkaProducer(bootstrap_servers=lab.address)`."""

    def __init__(self, choice: Choice, port: int = 0) -> None:
        self.choice, self.broker = choice, choice.text
        # How the Python behind a link names this lab: as lessons do, or with the release it follows.
        release = choice.name if choice.is_release else "4.4"
        self.name_in_call = "lab" if release == "4.4" else f"start_lab(version={release!r})"
        self.proxy = FaultProxy(choice.address, choice.hooks, port, choice.world)
        self.topics = Topics(choice.text, "virtual" if choice.world else "", choice.embedded is not None)
        self._producers: weakref.WeakValueDictionary[str, LabProducer] = weakref.WeakValueDictionary()
        self._others: list[LabConsumer | KafkaAdminClient] = []
        self._stamps, self._numbers = Stamps(), itertools.count(1)
        try:
            self.proxy.start()
        except BaseException:
            self._stop_broker()
            raise
        self.proxy.on_kill = self._kill
        self._log = ClientLog()
        atexit.register(self.stop)
        if choice.embedded is None:
            self.topics.delete_leftovers()

    @property
    def address(self) -> str:
        """`host:port` of the fault proxy."""
        return self.proxy.address

    # the experiment in one line

    @explains_arguments
    @noted
    def run(self, values_or_count: int | Sequence[str] = 3, *, faults: FaultScriptLike = None,
            idempotence: bool = True, acks: str | int = "all", retries: int | None = None, in_flight: int = 1,
            records_per_batch: int = 1, partitions: int = 1, resend: bool = False,
            transaction: str | None = None, delivery_timeout_ms: int = 5_000,
            request_timeout_ms: int = 1_000) -> History:
        """Send some values with a real producer to a new topic and return everything that happened.

        Arguments as in `simulate`; with `transaction` "commit" or "abort" all of it is one transaction that
        is to end so, and a fault may also name a request to the coordinator. LessonError for settings that
        kafka-python refuses, for a fault at a request that never was, and when the broker is gone.
        """
        if not (retries is None or isinstance(retries, int) and retries >= 0):
            raise LessonError(f"retries must be a whole number from 0, or None: no limit, not {retries!r}.")
        if transaction not in (None, *ENDS):
            raise LessonError(f"transaction is 'commit', 'abort' or None, not {transaction!r}.")
        script = parse_script(faults)
        settings = Settings("real", idempotence, "all" if acks_of(acks) == -1 else str(acks),
                            count_of("in_flight", in_flight), retries, self.choice.name, "kafka-python",
                            str(script))
        parts = in_batches(values_of(values_or_count), count_of("records_per_batch", records_per_batch),
                         count_of("partitions", partitions))
        options = producer_options(settings, records_per_batch, delivery_timeout_ms, request_timeout_ms)
        self.check()
        # kafka-python with idempotence keeps one batch of a partition unanswered, whatever it is told
        recording = self.proxy.record(Recording(script, set(), 1 if resend or transaction else in_flight,
                                                idempotence, settings.acks != "0"))
        start = partial(self._producer_for_run, recording, options)
        try:
            with self._asking():
                topic = self.topics.make(RUN_TOPIC, partitions)
                if transaction:
                    options["transactional_id"] = topic  # which no other run has
                self._run(LiveTransaction(topic, recording, start, transaction) if transaction else
                          LiveApplication(topic, recording, start, delivery_timeout_ms / 1000, resend), parts)
                recording.check_used()
                return as_history(recording, self._logs(recording, {topic}), settings, self.topics.short)
        except KeyboardInterrupt:
            raise LessonError("The run was interrupted, and everything it had started is closed. "
                              "Run the cell again.") from None

    def _producer_for_run(self, recording: Recording, options: dict[str, Any]) -> LabProducer:
        client_id = f"lab-run-{next(self._numbers)}"
        recording.client_ids.add(client_id)
        return self.producer(client_id=client_id, **options)

    def _run(self, application: LiveApplication | LiveTransaction, parts: Sequence[NewBatch]) -> None:
        client_ids = application.recording.client_ids
        try:
            application.run(parts)
        finally:
            self.proxy.dead.update(client_ids)
            application.recording.close()
            self._close_producers(client_ids, RUN_CLOSE_SECONDS)

    # by hand

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a new, empty topic and return its name, which ends in this learner's suffix."""
        self.check()
        with self._asking():
            return self.topics.make(name, partitions)

    def faults(self, script: FaultScriptLike = None) -> None:
        """What goes wrong with the next produce attempts, counted from 1 again; also begins a new history."""
        before = self.proxy.recording
        self.proxy.play(script).adopt_ids(before)

    def history(self) -> History:
        """Everything since the last `faults(...)`. LessonError when one named an attempt that never was."""
        recording = self.proxy.recording
        recording.wait_until_idle(GONE_SECONDS)
        recording.check_used()
        topics = {event.topic for event in recording.events if event.kind == Kind.SEND}
        idempotence = any(event.producer_id > 0 for event in recording.events)
        settings = Settings("real", idempotence, recording.acks_words, broker=self.choice.name,
                            client="kafka-python", faults=str(recording.script))
        return as_history(recording, self._logs(recording, topics), settings, self.topics.short)

    def log(self, topic: str, partition: int = 0) -> tuple[LogCell, ...]:
        """One partition's log as it lies on the broker, markers too. LessonError where there is none."""
        found = self._logs(self.proxy.recording, {topic}).get((topic, partition))
        if found is None:
            raise LessonError(f"The broker has no partition {partition} of a topic {topic!r}; "
                              "lab.topic('orders') makes a topic and returns its name.")
        return found

    def _logs(self, recording: Recording, topics: Iterable[str]) -> Logs:
        self.check()
        with self._asking():
            return read_logs(recording, self.topics.leaders, topics)

    # clients: each goes through the proxy, is known by its name, and gets closed

    def producer(self, **options: Any) -> LabProducer:
        """A KafkaProducer through the fault proxy; `options` are kafka-python's own. The lab closes it."""
        make = partial(LabProducer, lambda: self.proxy.recording, self.check, self._stamps)
        return self._open(make, "producer", options, "transactional_id")

    def starts(self, **options: Any) -> str:
        """Whether a producer starts with these options, in a sentence: idempotence on, off, or why not."""
        try:
            with self.producer(**options) as producer:
                idempotence = "on" if producer.config["enable_idempotence"] else "off"
                return f"It starts, with idempotence {idempotence}."
        except LessonError as refusal:
            return str(refusal)

    def consumer(self, *topics: str, **options: Any) -> LabConsumer:
        """A KafkaConsumer through the fault proxy, from the first record on, until a second brings none."""
        return self._open(partial(LabConsumer, self.look, *topics), "consumer", options, "group_id")

    def admin(self, **options: Any) -> KafkaAdminClient:
        """A KafkaAdminClient through the fault proxy."""
        return self._open(KafkaAdminClient, "admin", ADMIN_OPTIONS | options)

    def client_log(self) -> str:
        """What kafka-python's clients have logged, oldest first."""
        return "\n".join(self._log.lines)

    @contextmanager
    def without_traces(self) -> Iterator[None]:
        """A block that leaves no line in the clients' log, and no topic on the broker."""
        with self._log.silence(), self.topics.for_a_while():
            yield

    def _settings(self, what: str, options: dict[str, Any], private: str) -> dict[str, Any]:
        """kafka-python's options with ours; the name under `private` gets the learner's suffix."""
        settings = {"client_id": f"lab-{what}-{next(self._numbers)}", "bootstrap_servers": self.address,
                    **options}
        acks = settings.get("acks", "all")
        if isinstance(acks, str) and acks != "all":  # kafka-python takes it, and nothing arrives
            raise LessonError(f"acks is a number, 0 or 1, or the text 'all'; you gave the text {acks!r}.")
        if settings.get(private):
            settings[private] = self.topics.private(settings[private])
        return settings

    def _open(self, make: Callable[..., Client], what: str, options: dict[str, Any],
              private: str = "") -> Client:
        self.check()
        try:
            with kept_interrupts(at_once=False):
                return self._keep(make(**self._settings(what, options, private)))
        except KafkaConfigurationError as error:
            raise LessonError(f"kafka-python refuses these settings: {_text(error)}.") from None
        except (ValueError, TypeError, AssertionError) as error:
            raise LessonError(f"kafka-python does not understand these settings: {_text(error)}.") from None
        except KafkaError as error:
            self.check()
            raise LessonError(f"The client got no answer from the broker ({_text(error)}); "
                              "check whether it's still running.") from None

    def _keep(self, client: Client) -> Client:
        if isinstance(client, LabProducer):
            self._producers[client.client_id] = client
        else:
            self._others.append(client)
            if len(self._others) > MOST_OPEN:
                _close(self._others.pop(0))
        return client

    def _kill(self, client_id: str) -> None:
        if producer := self._producers.get(client_id):
            producer.kill()

    def _close_producers(self, client_ids: Iterable[str], seconds: float) -> None:
        """What is unfinished after so many seconds is given up."""
        for client_id in client_ids:
            if producer := self._producers.get(client_id):
                producer.close(seconds)

    # life

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, a month at most: as `time.sleep`, for all in a virtual world at once."""
        if not (isinstance(seconds, (int, float)) and 0 <= seconds <= LONGEST_SLEEP):
            raise LessonError(f"lab.sleep takes how many seconds are to pass, a number from 0 to "
                              f"{LONGEST_SLEEP:,} (a month), not {seconds!r}.")
        self.check()
        time.sleep(seconds)

    def check(self) -> None:
        """LessonError when the lab was stopped or its broker is gone, or for a thread of the other world."""
        if not self.proxy.running:
            raise LessonError("This lab was stopped; run the cell with start_lab() again.")
        self.choice.check_thread()
        if time.monotonic() - self.proxy.gone_since > GONE_SECONDS:
            self.look()

    def look(self) -> None:
        """LessonError when the broker does not answer now."""
        if self.proxy.broker_answers():
            return
        if self.choice.embedded is not None and self.choice.embedded.running:
            raise LessonError("The embedded broker is running, but this machine won't open a connection to "
                              f"it ({self.proxy.trouble}): too many files are open, its ports are used up, "
                              "or its loopback is down. Restart the kernel, then run this cell again.")
        raise LessonError(f"The broker at {self.broker} no longer answers. Start it again, or choose "
                          "another one with start_lab(), then run this cell again.")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """The broker may die between a look at it and a question, or before the answer: the same sentence."""
        try:
            yield
        except (LessonError, OSError, LookupError) as error:  # the last: an answer without what was asked for
            self.look()
            if isinstance(error, LessonError):
                raise
            raise LessonError(f"The connection to the broker at {self.broker} broke ({error}); "
                              "run this cell again.") from None

    def stop(self) -> None:
        """Close every client, delete the topics, stop proxy and embedded broker; once more does nothing."""
        global _current
        atexit.unregister(self.stop)
        if self.proxy.running:
            self.choice.check_thread()
            with kept_interrupts(at_once=False):
                self._stop()
        _current = None if _current is self else _current

    def _stop(self) -> None:
        try:
            self._close_producers(list(self._producers), CLOSE_SECONDS)
            while self._others:
                _close(self._others.pop())
            wait_for_dropped()
            if self.choice.embedded is None:
                self.topics.delete_all()
        finally:  # whatever came in between, such as a second interrupt
            self.proxy.stop()
            self._stop_broker()
            self._log.close()

    def _stop_broker(self) -> None:
        if self.choice.embedded is not None:
            self.choice.embedded.stop()
        if self.choice.world is not None:
            self.choice.world.close()


def _text(error: Exception) -> str:
    return str(error.args[0] if error.args else error).rstrip(".")


def _close(client: LabConsumer | KafkaAdminClient) -> None:
    with suppress(KafkaError, LessonError, OSError, RuntimeError):  # closed by hand, or its broker is gone
        client.close()
