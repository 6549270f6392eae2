"""`simulate`: an application, a producer, a network, a broker and perhaps a consumer, in virtual time.

The same arguments give the same run. Kafka removes the copies that its client makes; a value that the
application sends again is a new batch, and is stored again.

Differs from Kafka in: times are chosen for a clean picture (10 ms each way, 2 ms between requests of a burst,
20 ms to reconnect and for the first back-off); only timeouts are as long as they are set.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.core.producer_state import Appended, Duplicate, Refused, Verdict, judge
from lesson_lib.errors import LessonError, acks_of, count_of, explains_arguments, values_of, version_of
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Kind, Settings
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.java_producer import JavaProducer
from lesson_lib.sim.librdkafka_producer import LibrdkafkaProducer
from lesson_lib.sim.messages import ProducerBatch, ProducerSettings
from lesson_lib.sim.producer import KafkaPythonProducer, Producer
from lesson_lib.sim.sender import Sender
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import BURST_MS, THINK_MS, ToyWorld

OTHER_RULE = "a wrong broker"  # in captions, where the rule is not Kafka's
RESENDS_LIMIT = 50
CLIENTS: dict[str, type[Producer]] = {"kafka-python": KafkaPythonProducer, "java": JavaProducer,
                                      "librdkafka": LibrdkafkaProducer}


@explains_arguments
def simulate(values_or_count: int | Sequence[str] = 3, *, idempotence: bool = True, acks: str | int = "all",
             retries: int | None = None, in_flight: int = 1, records_per_batch: int = 1,
             faults: Script = None, broker: str | KafkaVersion = "4.4", client: str = "kafka-python",
             rule: Rule | PartitionLog = judge, delivery_timeout_ms: int = 120_000,
             request_timeout_ms: int = 30_000, partitions: int = 1, resend: bool = False,
             consumer: Mapping[str, Any] | bool | None = None) -> History:
    """Send some values through a simulated Kafka and return everything that happened.

    `in_flight=1`: the application waits for each answer before its next send; more: it sends all at once, and
    at most so many requests are unanswered. `client` is "kafka-python", "java" or "librdkafka". `rule`
    decides at the broker. `resend`: the application sends again, as a new batch, what it was not told ok of;
    a killed producer is started again and goes on with the rest. `consumer` reads the log at the end: True,
    or {"commit": "after", "crash_at": 2, "isolation": "read_committed"}. LessonError says which argument is
    wrong and how to put it right.
    """
    script, reader = parse_script(faults), None if consumer is None else ConsumerSettings.of(consumer)
    version = version_of(broker)
    settings = ProducerSettings(idempotence, acks_of(acks), retries, in_flight, delivery_timeout_ms,
                                request_timeout_ms)
    check_settings(settings)
    values, size = values_of(values_or_count), count_of("records_per_batch", records_per_batch)
    count_of("partitions", partitions)
    batches = [(values[i:i + size], (i // size) % partitions) for i in range(0, len(values), size)]
    world = ToyWorld(script)
    toy = ToyBroker(world, {partition: log_of(version, rule) for partition in range(partitions)})
    application = Application(world, toy, settings, client_of(client), batches, resend)
    world.clock.run()
    world.settle()
    application.close()
    if reader:
        Consumer(world, toy, reader).read_all()
    script.check_used(world.attempts)
    return History(tuple(world.events), toy.all_cells(), Settings(
        "simulated", idempotence, "all" if settings.acks == -1 else str(settings.acks), in_flight, retries,
        str(version) if rule is judge else OTHER_RULE, client, str(script), reader.words if reader else ""))


def client_of(client: str) -> type[Producer]:
    """The producer that behaves as that client."""
    if client not in CLIENTS:
        raise LessonError(f"There is no simulated client {client!r}; choose one of: {', '.join(CLIENTS)}.")
    return CLIENTS[client]


def log_of(version: KafkaVersion, rule: Rule | PartitionLog) -> PartitionLog:
    """An empty log that decides by a rule, or as another log does, which has a memory of its own."""
    if isinstance(rule, PartitionLog):
        return replace(rule)
    return PartitionLog(version, rule if rule is judge else partial(checked, rule))


def name_of(log: PartitionLog, rule: Rule | PartitionLog) -> str:
    """Whose rule decides, for captions: Kafka's release, or the name of the rule in words."""
    if type(log) is not PartitionLog:
        return re.sub("(?<!^)(?=[A-Z])", " ", type(log).__name__).lower()
    decides = rule.rule if isinstance(rule, PartitionLog) else rule
    name = getattr(decides, "__name__", "another rule").replace("_", " ")
    return str(log.version) if decides is judge else name


def checked(rule: Callable[..., Any], *arguments: Any) -> Verdict:
    """The rule's verdict. LessonError when it raises, or returns something that is no verdict."""
    name = getattr(rule, "__name__", "the rule")
    try:
        verdict = rule(*arguments)
    except LessonError:
        raise
    except Exception as error:
        given = f"when it was given {arguments[1]}"
        raise LessonError(f"{name} raised {type(error).__name__} ({error}) {given}.") from error
    if not isinstance(verdict, Appended | Duplicate | Refused):
        raise LessonError(f"{name} must return Appended(offset), Duplicate(offset) or Refused(error), "
                          f"and returned {verdict!r}.")
    return verdict


def check_settings(settings: ProducerSettings) -> None:
    """LessonError for what a real client refuses, and for what is no number."""
    for name in ("in_flight", "delivery_timeout_ms", "request_timeout_ms"):
        count_of(name, getattr(settings, name))
    retries, delivery, request = settings.retries, settings.delivery_timeout_ms, settings.request_timeout_ms
    if retries is not None and (not isinstance(retries, int) or retries < 0):
        raise LessonError(f"retries must be a whole number from 0, or None for no limit, not {retries!r}.")
    if delivery < request:
        raise LessonError(f"delivery_timeout_ms ({delivery}) must be at least request_timeout_ms "
                          f"({request}), as in the real client; lower request_timeout_ms too.")
    if settings.idempotence and (settings.acks != -1 or retries == 0):
        wrong = f"acks={settings.acks}" if settings.acks != -1 else "retries=0"
        raise LessonError(f"Idempotence cannot work with {wrong}: the real client refuses it; "
                          "add idempotence=False.")


class Application:
    """Sends the values; with one in flight it waits to be told about a batch before it sends the next."""

    def __init__(self, world: ToyWorld, broker: ToyBroker, settings: ProducerSettings, client: type[Producer],
                 batches: Sequence[tuple[tuple[str, ...], int]], resend: bool = False) -> None:
        self.world, self.broker, self.settings = world, broker, settings
        self.client, self.resend = client, resend
        self.todo = deque(batches)
        self.untold: dict[ProducerBatch, None] = {}
        self.started = self.resends = 0
        self.start()

    def start(self) -> None:
        """Start a producer, the first or one more after the last was killed."""
        self.started += 1
        self.lane = "producer" if self.started == 1 else f"producer {self.started}"
        if self.started > 1:
            self.world.record(Kind.PRODUCER, "started", lane=self.lane)
        self.sender = Sender(self.world, self.broker, self.settings, self.client, self.lane, self)
        self.world.clock.after(THINK_MS, self.go_on)

    def go_on(self) -> None:
        """Send the next batch, or with several in flight all that are left."""
        while self.todo and not self.sender.killed:
            batch = self.sender.send(*self.todo.popleft())
            if not batch.done:
                self.untold[batch] = None
            if self.settings.in_flight == 1:
                return

    def on_told(self, batch: ProducerBatch, what: str) -> None:
        """The producer tells how a batch ended."""
        self.untold.pop(batch, None)
        if self.resend and what != "ok":
            self.resends += 1
            if self.resends > RESENDS_LIMIT:
                raise LessonError(f"The application sent {' '.join(batch.values)} again and again, because "
                                  "the fault never ends. Give it an end, such as '1-3: lose ack'.")
            self.todo.appendleft((batch.values, batch.partition))
        if self.settings.in_flight == 1 or self.resend:
            self.world.clock.after(THINK_MS if self.settings.acks else BURST_MS, self.go_on)

    def on_killed(self) -> None:
        """A new process starts; it knows what is still to be sent and, with `resend`, what was untold."""
        if self.resend:
            self.todo.extendleft((b.values, b.partition) for b in reversed(self.untold))
        self.world.clock.after(3 * THINK_MS, self.start)

    def close(self) -> None:
        """The run is over; of what is left nobody will be told."""
        for batch in self.untold:
            self.world.record(Kind.REPORT, "unknown", lane=self.lane, batch=batch.number, values=batch.values,
                              partition=batch.partition, note="never told")
