"""`simulate`: a producer, a network, a broker and perhaps a consumer, in virtual time; the same arguments give the same run.

Differs from Kafka in: times are chosen for a clean picture (10 ms each way, 2 ms between requests of a burst, 20 ms to
reconnect and for the first back-off); only timeouts are as long as they are set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import Rule
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import acks_of, count_of, values_of, version_of
from lesson_lib.faults import Script, parse_script
from lesson_lib.history import History, Settings
from lesson_lib.sim.application import Application
from lesson_lib.sim.arguments import check_settings, client_of
from lesson_lib.sim.broker import Broker
from lesson_lib.sim.broker_log import log_of
from lesson_lib.sim.consumer import Consumer, ConsumerSettings
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.world import World

OTHER_RULE = "a wrong broker"  # in captions, where the rule is not Kafka's


def simulate(values_or_count: int | Sequence[str] = 3, *, idempotence: bool = True, acks: str | int = "all",
             retries: int | None = None, in_flight: int = 1, records_per_batch: int = 1, faults: Script = None,
             broker: str | KafkaVersion = "4.4", client: str = "kafka-python", rule: Rule = judge,
             delivery_timeout_ms: int = 120_000, request_timeout_ms: int = 30_000, partitions: int = 1,
             resend: bool = False, consumer: ConsumerSettings | Mapping[str, Any] | bool | None = None) -> History:
    """Send some values through a simulated Kafka and return everything that happened.

    `in_flight=1`: the application waits for each answer before its next send; more: it sends all at once, and at most so
    many requests are unanswered. `client` is "kafka-python", "java" or "librdkafka". `rule` decides at the broker.
    `resend`: the application sends again, as a new batch, what it was not told ok of; a killed producer is started again and
    goes on with the rest.
    `consumer` reads the log at the end: True, or {"commit": "after", "crash_at": 2, "isolation": "read_committed"}.
    LessonError says which argument is wrong and how to put it right.
    """
    script, reader = parse_script(faults), ConsumerSettings.of(consumer)
    version = version_of(broker)
    settings = ProducerSettings(idempotence, acks_of(acks), retries, in_flight, delivery_timeout_ms, request_timeout_ms)
    check_settings(settings)
    values = values_of(values_or_count)
    size = count_of("records_per_batch", records_per_batch)
    batches = [(values[i:i + size], (i // size) % count_of("partitions", partitions)) for i in range(0, len(values), size)]
    world = World(script)
    toy = Broker(world, {p: log_of(version, rule) for p in range(partitions)})
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
