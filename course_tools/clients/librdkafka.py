"""librdkafka, by way of confluent-kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import confluent_kafka

from course_tools.clients.driver import KEY, NEVER_TOLD, REFUSED, ClientDriver, SendPlan, ok

NAMES = {"idempotence": "enable.idempotence", "in_flight": "max.in.flight.requests.per.connection",
         "delivery_timeout_ms": "message.timeout.ms", "request_timeout_ms": "request.timeout.ms"}
# A back-off of 1 ms without a part of chance, which is what librdkafka makes of a `retry.backoff.ms` above
# its limit; with 1 ms as both it would also ask for metadata every millisecond once an error says that the
# leader has moved, and those requests take the in-flight slots of batches that must go again. No start from
# the bootstrap servers when the only broker was gone for a moment: that sometimes closes the new connection
# too, and all on it is sent a third time.
QUICK = {"linger.ms": 0, "batch.num.messages": 1, "retry.backoff.ms": 1_000, "retry.backoff.max.ms": 1,
         "topic.metadata.refresh.fast.interval.ms": 60_000, "reconnect.backoff.ms": 20,
         "reconnect.backoff.max.ms": 20, "metadata.recovery.strategy": "none"}
TICK = 0.05


class Librdkafka(ClientDriver):
    """In this process; the version is librdkafka's."""

    name, version = "librdkafka", confluent_kafka.libversion()[0]

    def send(self, plan: SendPlan) -> list[str]:
        settings = {**QUICK, **plan.settings(NAMES), "bootstrap.servers": plan.address,
                    "socket.timeout.ms": plan.request_timeout_ms, "error_cb": lambda error: None,
                    "logger": quiet()}
        try:
            producer = confluent_kafka.Producer(settings)
        except confluent_kafka.KafkaException as refusal:
            return [f"{REFUSED} {refusal.args[0].name()}"]
        producer.list_topics(plan.topic)
        told: dict[int, str] = {}
        for burst in plan.numbers():
            for n in burst:
                try:
                    producer.produce(plan.topic, f"m{n}", KEY, 0, reporter(told, n))
                except confluent_kafka.KafkaException as error:
                    told[n] = error.args[0].name()
            end = time.monotonic() + plan.patience
            while not told.keys() >= {*burst} and time.monotonic() < end:
                # A fatal error comes up here, once; each record has its own report.
                with suppress(confluent_kafka.KafkaException):
                    producer.poll(TICK)
        producer.purge()
        return [told.get(n, NEVER_TOLD) for n in range(sum(plan.bursts))]


def reporter(told: dict[int, str], n: int) -> Callable[[Any, Any], None]:
    """A delivery callback for record n."""
    def report(error: Any, message: Any) -> None:
        told[n] = error.name() if error else ok(message.offset())
    return report


def quiet() -> Any:
    """A logger that keeps quiet, for librdkafka else writes to standard error."""
    logger = logging.getLogger("lesson.librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
