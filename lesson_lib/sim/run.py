"""`simulate`: an application, a producer, a network, a broker and perhaps a consumer, in virtual time.

The same arguments give the same run. Kafka removes the copies that its client makes; a value that the
application sends again is a new batch, and is stored again.

Differs from Kafka in: times are chosen for a clean picture (10 ms each way, 2 ms between requests of a burst,
10 ms to reconnect, 20 ms for the first back-off); only timeouts are as long as they are set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.core.producer_state import Appended, Duplicate, Refused, Verdict, judge
from lesson_lib.errors import LessonError, acks_of, count_of, explains_arguments, values_of, version_of
from lesson_lib.faults import FaultScriptLike, parse_script
from lesson_lib.history import History, Settings
from lesson_lib.history.link import noted
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.java_producer import IdempotentJavaProducer, JavaProducer
from lesson_lib.sim.librdkafka_producer import IdempotentLibrdkafkaProducer, LibrdkafkaProducer
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.producer import IdempotentKafkaPythonProducer, KafkaPythonProducer, Producer
from lesson_lib.sim.sender import Application
from lesson_lib.sim.toy_broker import ToyBroker
from lesson_lib.sim.world import ToyWorld

OTHER_RULE = "a broker with another rule"  # in captions, where the rule is not Kafka's
CLIENTS: dict[str, tuple[type[Producer], type[Producer]]] = {  # without idempotence, and with it
    "kafka-python": (KafkaPythonProducer, IdempotentKafkaPythonProducer),
    "java": (JavaProducer, IdempotentJavaProducer),
    "librdkafka": (LibrdkafkaProducer, IdempotentLibrdkafkaProducer)}


@explains_arguments
@noted
def simulate(values_or_count: int | Sequence[str] = 3, *, idempotence: bool = True, acks: str | int = "all",
             retries: int | None = None, in_flight: int = 1, records_per_batch: int = 1,
             faults: FaultScriptLike = None, broker: str | KafkaVersion = "4.4", client: str = "kafka-python",
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
    script, version = parse_script(faults), version_of(broker)
    reader = None if consumer is None else ConsumerSettings.of(consumer)
    settings = ProducerSettings(idempotence, acks_of(acks), retries, in_flight, delivery_timeout_ms,
                                request_timeout_ms)
    check_settings(settings)
    values, size = values_of(values_or_count), count_of("records_per_batch", records_per_batch)
    count_of("partitions", partitions)
    batches = [(values[i:i + size], (i // size) % partitions) for i in range(0, len(values), size)]
    world = ToyWorld(script)
    toy = ToyBroker(world, {partition: log_of(version, rule) for partition in range(partitions)})
    application = Application(world, toy, settings, client_of(client, idempotence), batches, resend)
    world.run()
    application.close()
    if reader:
        Consumer(world, toy, reader).read_all()
    script.check_used(world.attempts)
    return History(tuple(world.events), toy.cells(), Settings(
        "simulated", idempotence, "all" if settings.acks == -1 else str(settings.acks), in_flight, retries,
        name_of(log_of(version, rule), rule), client, str(script), reader.words if reader else ""))


def client_of(client: str, idempotence: bool) -> type[Producer]:
    if client not in CLIENTS:
        raise LessonError(f"There is no simulated client {client!r}; choose one of: {', '.join(CLIENTS)}.")
    return CLIENTS[client][bool(idempotence)]


def log_of(version: KafkaVersion, rule: Rule | PartitionLog) -> PartitionLog:
    """An empty log that decides by a rule, or as another log does, which has a memory of its own."""
    if isinstance(rule, PartitionLog):
        return replace(rule)
    return PartitionLog(version, rule if rule is judge else partial(checked, rule))


def name_of(log: PartitionLog, rule: Rule | PartitionLog) -> str:
    """Whose rule decides, for captions: Kafka's release, what a broker is `called`, or the name of the rule
    or the broker in words. What we call a rule in our code says nothing to a reader.
    """
    if called := getattr(log, "called", ""):
        return str(called)
    decides: Any = rule.rule if isinstance(rule, PartitionLog) else rule
    if type(log) is PartitionLog and decides is judge:
        return str(log.version)
    named = decides if type(log) is PartitionLog else type(log)
    name, room = getattr(named, "__name__", ""), str(getattr(named, "__module__", ""))
    if room.partition(".")[0] == __name__.partition(".")[0] or not name.isidentifier():
        return OTHER_RULE
    return re.sub("(?<!^)(?=[A-Z])", " ", name).replace("_", " ").lower()


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
