"""kafka-python, with the quick closing of the lab's producers: one that is stuck would not end by itself."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any

from kafka.errors import KafkaConfigurationError, KafkaError

from course_tools.clients.driver import KEY, NEVER_TOLD, REFUSED, ClientDriver, SendPlan, ok
from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import LabProducer
from lesson_lib.proxy.recording import Recording

NAMES = {"idempotence": "enable_idempotence", "in_flight": "max_in_flight_requests_per_connection",
         "delivery_timeout_ms": "delivery_timeout_ms", "request_timeout_ms": "request_timeout_ms"}
QUICK = {"batch_size": 1, "retry_backoff_ms": 50, "reconnect_backoff_ms": 20}
CLOSE_SECONDS = 0.2


class KafkaPython(ClientDriver):
    """In this process."""

    name, version = "kafka-python", version("kafka-python")

    def send(self, plan: SendPlan) -> list[str]:
        try:
            producer = LabProducer(Recording, lambda: None, bootstrap_servers=plan.address, **QUICK,
                                   **plan.settings(NAMES))
        except KafkaConfigurationError as refusal:
            return [f"{REFUSED} {type(refusal).__name__}"]
        told = []
        try:
            producer.partitions_for(plan.topic)
            for burst in plan.numbers():
                futures = [producer.send(plan.topic, f"m{n}".encode(), KEY.encode(), partition=0)
                           for n in burst]
                end = time.monotonic() + plan.patience
                told += [told_by(future, end) for future in futures]
            return told
        finally:
            producer.close(CLOSE_SECONDS)


def told_by(future: Any, end: float) -> str:
    """What the future says by then."""
    try:
        return ok(future.get(max(0.0, end - time.monotonic())).offset)
    except (KafkaError, LessonError) as error:
        return type(error).__name__ if future.is_done else NEVER_TOLD
