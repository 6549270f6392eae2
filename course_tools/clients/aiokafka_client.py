"""aiokafka."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version

import aiokafka
from aiokafka.errors import KafkaError

from course_tools.clients.driver import KEY, NEVER_TOLD, REFUSED, ClientDriver, SendPlan, ok

NAMES = {"idempotence": "enable_idempotence", "request_timeout_ms": "request_timeout_ms"}
QUICK = {"linger_ms": 0, "max_batch_size": 1, "retry_backoff_ms": 50}
STOP_SECONDS = 1.0


class Aiokafka(ClientDriver):
    """In this process, an event loop for each plan."""

    name, version = "aiokafka", version("aiokafka")
    lacks = frozenset({"in_flight", "delivery_timeout_ms"})

    def send(self, plan: SendPlan) -> list[str]:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        return asyncio.run(self._send(plan))

    async def _send(self, plan: SendPlan) -> list[str]:
        try:
            producer = aiokafka.AIOKafkaProducer(bootstrap_servers=plan.address, **QUICK,
                                                 **plan.settings(NAMES))
        except ValueError as refusal:
            return [f"{REFUSED} {type(refusal).__name__}"]
        await producer.start()
        told = []
        try:
            for burst in plan.numbers():
                futures = [await producer.send(plan.topic, f"m{n}".encode(), KEY.encode(), partition=0)
                           for n in burst]
                await asyncio.wait(futures, timeout=plan.patience)
                told += map(told_by, futures)
            return told
        finally:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)


def told_by(future: asyncio.Future) -> str:
    """What the future says now."""
    if not future.done():
        return NEVER_TOLD
    error = future.exception()
    return type(error).__name__ if error else ok(future.result().offset)
