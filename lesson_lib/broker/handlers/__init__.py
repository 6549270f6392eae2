"""One function for each request of Kafka's protocol, named after it, in a module for each group of APIs.

A handler takes the cluster and the request and returns the response message, or None where Kafka sends none. It is a
coroutine only where the answer has to wait for something (Fetch, JoinGroup, SyncGroup).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.handlers import (
    configs,
    describe,
    fetch,
    groups,
    metadata,
    offsets,
    produce,
    records,
    topics,
    transactions,
)
from lesson_lib.wire.messages import Request

Handler = Callable[[Cluster, Request], Any | Awaitable[Any]]

HANDLERS: dict[int, Handler] = {
    **produce.HANDLERS,
    **fetch.HANDLERS,
    **records.HANDLERS,
    **metadata.HANDLERS,
    **topics.HANDLERS,
    **configs.HANDLERS,
    **transactions.HANDLERS,
    **groups.HANDLERS,
    **offsets.HANDLERS,
    **describe.HANDLERS,
}
