"""Checks what a learner passes to `simulate`: every mistake is one LessonError that says what to write instead."""

from __future__ import annotations

from lesson_lib.errors import LessonError, count_of
from lesson_lib.sim.java_producer import JavaProducer
from lesson_lib.sim.kafka_python_producer import KafkaPythonProducer
from lesson_lib.sim.librdkafka_producer import LibrdkafkaProducer
from lesson_lib.sim.messages import ProducerSettings
from lesson_lib.sim.producer import Producer

CLIENTS: dict[str, type[Producer]] = {"kafka-python": KafkaPythonProducer, "java": JavaProducer,
                                      "librdkafka": LibrdkafkaProducer}


def client_of(client: str) -> type[Producer]:
    """The producer that behaves as that client."""
    if client not in CLIENTS:
        raise LessonError(f"There is no simulated client {client!r}; choose one of: {', '.join(CLIENTS)}.")
    return CLIENTS[client]


def check_settings(settings: ProducerSettings) -> None:
    """LessonError for what a real client refuses, and for what is no number."""
    count_of("in_flight", settings.in_flight)
    count_of("delivery_timeout_ms", settings.delivery_timeout_ms)
    count_of("request_timeout_ms", settings.request_timeout_ms)
    if settings.retries is not None and (not isinstance(settings.retries, int) or settings.retries < 0):
        raise LessonError(f"retries must be a whole number from 0, or None for no limit, not {settings.retries!r}.")
    if settings.delivery_timeout_ms < settings.request_timeout_ms:
        raise LessonError(f"delivery_timeout_ms ({settings.delivery_timeout_ms}) must be at least request_timeout_ms "
                          f"({settings.request_timeout_ms}), as in the real client; lower request_timeout_ms too.")
    if settings.idempotence and (settings.acks != -1 or settings.retries == 0):
        wrong = f"acks={settings.acks}" if settings.acks != -1 else "retries=0"
        raise LessonError(f"Idempotence cannot work with {wrong}: the real client refuses it; add idempotence=False.")
