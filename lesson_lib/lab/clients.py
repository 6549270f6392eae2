"""kafka-python's clients as the lab hands them out: quick timeouts, what the application is told, closed
for sure.

Works around kafka-python 3.0.12: consumers and admin clients that are dropped leak a thread; an idempotent
producer whose retried batch expired hangs in `close`; a producer that is dropped closes itself wherever
Python drops it, and takes the log of all producers away with it. Nothing else is changed. Timestamps of a
lab's records are all different, so that two sends of one value are told apart from one that is sent twice.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import BrokerResponseError, KafkaError, KafkaTimeoutError
from kafka.structs import TopicPartition

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.history import Event, Kind
from lesson_lib.history.event import outcome_of
from lesson_lib.proxy.recording import Recording, as_text

PRODUCER_OPTIONS = {"request_timeout_ms": 2_000, "delivery_timeout_ms": 4_500, "max_block_ms": 4_000,
                    "bootstrap_timeout_ms": 3_000, "reconnect_backoff_max_ms": 100}
CONSUMER_OPTIONS = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 1_000, "fetch_max_wait_ms": 100,
                    "request_timeout_ms": 4_000, "bootstrap_timeout_ms": 3_000, "heartbeat_interval_ms": 300,
                    "retry_backoff_ms": 50, "reconnect_backoff_ms": 50}
ADMIN_OPTIONS = {"request_timeout_ms": 4_000, "bootstrap_timeout_ms": 3_000}
CLOSE_SECONDS, LOOK_SECONDS, BREATH_SECONDS, PATIENCE_SECONDS = 1.0, 0.1, 0.001, 300.0
MOST_LOG_LINES = 2_000
open_worlds: list[Any] = []  # virtual ones, of which there is one at most
DROPPED = "closes a producer that was dropped"


def check_outside() -> None:
    """LessonError in the thread of an open virtual world, for what is on sockets."""
    if any(world.is_here() for world in open_worlds):
        raise LessonError("This client uses sockets and the time of the wall, and here a virtual world "
                          "is open, where neither is: stop its lab with lab.stop(), then run the cell again.")


class Stamps:
    """Milliseconds since 1970, never the same twice; one for all producers of a lab."""

    def __init__(self) -> None:
        self._last, self._lock = 0, threading.Lock()

    def next(self) -> int:
        """Now, or one more than the last."""
        with self._lock:
            self._last = max(self._last + 1, int(time.time() * 1000))
            return self._last


class LabFuture:
    """The future of one send. `get` says in one sentence when no answer can come any more, and why."""

    def __init__(self, inner: Any, timestamp: int, check: Callable[[], None], patience: float) -> None:
        self._inner, self.timestamp, self._check, self._patience = inner, timestamp, check, patience

    def __getattr__(self, name: str) -> Any:
        if name == "is_done":
            time.sleep(BREATH_SECONDS)  # who asks again and again leaves time for the answer, in every world
        return getattr(self._inner, name)

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the answer, `timeout` seconds at most; raises what the client raises."""
        end = time.monotonic() + (self._patience if timeout is None else timeout)
        while not self._inner.is_done and time.monotonic() < end:
            self._check()
            with suppress(KafkaError):  # not yet, or for good; told apart below
                return self._inner.get(max(0.0, min(LOOK_SECONDS, end - time.monotonic())))
        if not self._inner.is_done or self._inner.failed():
            self._check()
        if not self._inner.is_done:
            if timeout is None:
                raise LessonError(
                    f"The producer hasn't settled this record {self._patience:.0f} s after its send, far "
                    "beyond delivery_timeout_ms, and never will: it has stopped sending. "
                    "Make a new producer.")
            raise KafkaTimeoutError(f"No answer within {timeout:g} s. The client keeps trying: "
                                    "the record may be stored already, or later.")
        return self._inner.get(0)


class LabProducer(KafkaProducer):
    """A KafkaProducer that notes in the recording of the moment what it tells the application, and where it
    backs off.
    """

    def __init__(self, recording: Callable[[], Recording], check: Callable[[], None],
                 stamps: Stamps | None = None, **options: Any) -> None:
        self.killed = False
        self._recording, self.check_broker, self._stamps = recording, check, stamps or Stamps()
        super().__init__(**{**PRODUCER_OPTIONS, **options})
        self._accumulator.reenqueue = partial(  # without a reference to ourselves: nobody would drop us
            reenqueue_noted, self._accumulator.reenqueue, recording, self.client_id)

    @property
    def client_id(self) -> str:
        """By which the proxy knows it."""
        return self.config["client_id"]

    def send(self, topic: str, value: Any = None, key: Any = None, headers: Any = None,
             partition: int | None = None, timestamp_ms: int | None = None) -> LabFuture:
        """As KafkaProducer.send; LessonError when the producer was killed or the broker is gone."""
        self._check()
        stamp = self._stamps.next() if timestamp_ms is None else timestamp_ms
        recording = self._recording()
        try:
            inner = super().send(topic, value, key, headers, partition, stamp)
        except KafkaTimeoutError:
            self._check()
            raise
        data = value if value is None or isinstance(value, bytes) else str(value).encode()
        sent = recording, stamp, (as_text(data),)
        inner.add_callback(lambda meta: self._tell(*sent, meta.topic_partition, offset=meta.offset))
        inner.add_errback(lambda error: self._tell(*sent, inner._produce_future.topic_partition, error))
        patience = PATIENCE_SECONDS + self.config["delivery_timeout_ms"] / 1000
        return LabFuture(inner, stamp, self._check, patience)

    def _tell(self, recording: Recording, stamp: int, values: tuple[str, ...], where: TopicPartition,
              error: Exception | None = None, offset: int = -1) -> None:
        if self.killed:
            return
        told = Event(0, Kind.REPORT, "ok", values=values, topic=where.topic,
                     partition=where.partition or 0)  # None where the topic's leader was never found
        if error:
            known = isinstance(error, BrokerResponseError) and getattr(error, "errno", -1) > 0
            code = ErrorCode(error.errno) if known else None  # None: the client found it out by itself
            told = replace(told, what=outcome_of(code), error=code or ErrorCode.NONE,
                           note=type(error).__name__)
        elif self.config["acks"] == 0:
            told = replace(told, note="no answer was asked for")
        elif offset >= 0:
            told = replace(told, offset=offset)
        recording.report(self.client_id, stamp, told)

    def _check(self) -> None:
        if self.killed:
            raise LessonError("This producer was killed: it sends nothing more, and nobody was told what "
                              "became of its records.")
        self.check_broker()

    def kill(self) -> None:
        """Stop at once, as if the process had died."""
        self.killed = True
        self._sender.force_close()

    def seal(self, topic: str, partition: int) -> None:
        """Let the batch that is being filled take no further record, and be sent."""
        where = TopicPartition(topic, partition)
        with self._accumulator._tp_lock(where):
            waiting = self._accumulator._batches[where]
            if waiting and not waiting[-1].records._closed:
                waiting[-1].records._batch_size = waiting[-1].records._builder._batch_size = 0
        self._sender.wakeup()

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """Close for sure: an unfinished batch is given up after `timeout` seconds."""
        with suppress(KafkaError):
            super().close(timeout, null_logger)
        sender = getattr(self, "_sender", None)
        if sender is not None and sender.is_alive():
            sender.force_close()
            sender.join(CLOSE_SECONDS)

    def __del__(self) -> None:
        """Close; in a thread where Python drops it in another client's event loop, which must not wait."""
        if getattr(self, "_closed", True):
            return
        if threading.current_thread() is threading.main_thread():
            self.close(CLOSE_SECONDS)
        else:
            with suppress(RuntimeError):  # at the end of the process no thread can begin
                threading.Thread(target=_close_dropped, args=(self,), name=DROPPED, daemon=True).start()


def reenqueue_noted(reenqueue: Callable[..., None], recording: Callable[[], Recording], client_id: str,
                    batch: Any, now: float | None = None) -> None:
    """What kafka-python does with a batch that it will send again, noted."""
    reenqueue(batch, now)
    recording().back_off(client_id, batch.topic_partition.partition)


def _close_dropped(producer: LabProducer) -> None:
    with suppress(KafkaError, OSError, RuntimeError):  # nobody is there to hear of it
        producer.close(CLOSE_SECONDS)


def wait_for_dropped() -> None:
    """Until every producer that was dropped is closed."""
    for thread in threading.enumerate():
        if thread.name == DROPPED:
            thread.join()


class LabConsumer(KafkaConsumer):
    """A KafkaConsumer that says so when the broker is gone."""

    def __init__(self, look: Callable[[], None], *topics: str, **options: Any) -> None:
        self._look = look
        super().__init__(*topics, **{**CONSUMER_OPTIONS, **options})

    def poll(self, *args: Any, **options: Any) -> Any:
        """As KafkaConsumer.poll, which finds nothing where there is no broker."""
        with kept_interrupts():
            found = super().poll(*args, **options)
        if not found:
            self._look()
        return found

    def to_end(self) -> Iterator[Any]:
        """Every record that this consumer may see, up to the end as it is now; markers are passed over.

        LessonError when it has subscribed to no topic that there is, and when the broker is gone.
        """
        places = [TopicPartition(topic, number) for topic in sorted(self.subscription() or ())
                  for number in sorted(self.partitions_for_topic(topic) or ())]
        if not places:
            self._look()
            raise LessonError("This consumer has subscribed to no topic that exists. "
                              "lab.topic('orders') makes one and returns its name.")
        ends = self.end_offsets(places)  # with read_committed that is the last stable offset
        while any(at not in self.assignment() or self.position(at) < end for at, end in ends.items()):
            for place, records in self.poll(LOOK_SECONDS * 1000).items():
                yield from (record for record in records if record.offset < ends[place])

    def __next__(self) -> Any:
        """As KafkaConsumer's, for which a broker that is gone is one that has no more records."""
        try:
            return super().__next__()
        except StopIteration:
            self._look()
            raise


@contextmanager
def kept_interrupts(at_once: bool = True) -> Iterator[Callable[[], None]]:
    """KeyboardInterrupt at the end of the block, for one that came in it and did not leave it; what the block
    receives is a function that lets it strike earlier.

    With `at_once=False` a first interrupt waits for the end of the block, which should be near; a second one
    does not. kafka-python 3.0.12 runs its event loop on the caller's thread while a client starts and while a
    consumer polls, and takes an interrupt that comes there for one task's failure (`kafka.net.selector`). The
    learner would press ■ and nothing would end; a client that was starting might wait for that task for
    ever. On threads other than the main one nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    came, failure = False, None

    def handle(number: int, frame: Any) -> None:
        nonlocal came
        waits, came = not (came or at_once), True
        if not waits:
            before(number, frame)

    def strike() -> None:
        nonlocal came
        if came:
            came = False
            before(signal.SIGINT, None)

    signal.signal(signal.SIGINT, handle)
    try:
        yield strike
    except Exception as error:
        failure = error
    finally:
        signal.signal(signal.SIGINT, before)
    strike()
    if failure:  # else it is what the library made of the interrupt
        raise failure


class ClientLog(logging.Handler):
    """Collects what the logger `kafka` says at `level` and above, so that it isn't written into the cell."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.lines: deque[str] = deque(maxlen=MOST_LOG_LINES)
        self._logger = logging.getLogger("kafka")
        self._before = (self._logger.propagate, self._logger.level)
        self._logger.propagate = False
        self._logger.setLevel(level)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname:<7} {record.name}: {record.getMessage()}")

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Nothing is logged in the block."""
        self._logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            self._logger.setLevel(self.level)

    def close(self) -> None:
        """Give the logger back as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate, level = self._before
        self._logger.setLevel(level)
        super().close()
