"""aiokafka."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version

import aiokafka
from aiokafka.errors import KafkaError

from course_tools.clients.order import KEY, NEVER_TOLD, REFUSED, Order, ok

NAMES = {"idempotence": "enable_idempotence", "request_timeout_ms": "request_timeout_ms"}
QUICK = {"linger_ms": 0, "max_batch_size": 1, "retry_backoff_ms": 50}
STOP_SECONDS = 1.0


class Aiokafka:
    """In this process, an event loop for each order."""

    name = "aiokafka"
    lacks: frozenset[str] = frozenset({"in_flight", "delivery_timeout_ms"})

    def __init__(self) -> None:
        self.version = version("aiokafka")

    def send(self, order: Order) -> list[str]:
        """See `ClientDriver`."""
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        return asyncio.run(self._send(order))

    async def _send(self, order: Order) -> list[str]:
        try:
            producer = aiokafka.AIOKafkaProducer(bootstrap_servers=order.address, **QUICK,
                                                 **order.settings(NAMES))
        except ValueError as refusal:
            return [f"{REFUSED} {type(refusal).__name__}"]
        await producer.start()
        try:
            return [told for burst in order.numbers() for told in await self._burst(producer, order, burst)]
        finally:
            try:
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)
            except (TimeoutError, KafkaError):
                pass

    async def _burst(self, producer: aiokafka.AIOKafkaProducer, order: Order, burst: range) -> list[str]:
        futures = [await producer.send(order.topic, f"m{n}".encode(), KEY.encode(), partition=0)
                   for n in burst]
        await asyncio.wait(futures, timeout=order.patience)
        return [told_by(future) for future in futures]

    def close(self) -> None:
        """Nothing is open between two orders."""


def told_by(future: asyncio.Future) -> str:
    """What the future says now."""
    if not future.done():
        return NEVER_TOLD
    error = future.exception()
    return type(error).__name__ if error else ok(future.result().offset)
