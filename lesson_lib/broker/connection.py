"""One client's connection, and which function answers which API: frames in, answers out in the same order.

A handler registers itself with `@serves("Fetch", 4, 18)`. What a broker of a given release serves is that
range, cut down to the row of the release in kafka-python's table; a newer release is served as the table's
newest row. ApiVersions, which tells a client that range, is answered here.

Source: `ApiVersionManager`, `SocketServer`, `RequestChannel`, `ApiMessageType`. Differs from Kafka in:
nothing is said about why a connection was closed, as there is no broker log.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any

from kafka.protocol.broker_version_data import BROKER_API_VERSIONS

from lesson_lib.broker.cluster import ApiException, Cluster
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.wire import messages
from lesson_lib.wire.messages import API_KEYS, API_VERSIONS, PRODUCE, ProtocolError, Request

# By Kafka's names, where a field that is left out has the protocol's default; or encoded already.
Fields = dict[str, Any]
Response = Fields | bytes
Handler = Callable[[Cluster, Request], Response | None | Awaitable[Response]]
IDLE_SECONDS = 600  # connections.max.idle.ms
TRANSACTION_VERSION = {"name": "transaction.version", "max_version": 2}
FINALIZED_VERSION = {"name": "transaction.version", "max_version_level": 2, "min_version_level": 2}
HANDLERS: dict[int, Handler] = {}
VERSIONS: dict[int, tuple[int, int]] = {}


def serves(api: str, lowest: int, highest: int) -> Callable[[Handler], Handler]:
    """The function below answers these versions of the API, with None where Kafka sends no answer."""
    def register(handler: Handler) -> Handler:
        HANDLERS[API_KEYS[api]], VERSIONS[API_KEYS[api]] = handler, (lowest, highest)
        return handler
    return register


def answered(answer: Callable[..., Fields], *arguments: Any) -> Fields:
    """What `answer` says of its part of a request, or the error where it refuses that part."""
    try:
        return answer(*arguments)
    except ApiException as refusal:
        return refusal.fields


def by_partition(topics: Iterable[Any], answer: Callable[[Any, Any], Fields],
                 rows: str = "partitions", index: str = "partition_index", **unset: Any) -> list[Fields]:
    """A row for each partition of a request: its number, and what `answer(topic, partition)` says of it.

    `partition` is what the request has in the last field of the topic: a structure that begins with the
    number, or the number. `rows` and `index` are the response's names for the rows and the number, `unset`
    are fields of a row that is refused.
    """
    answers = []
    for topic in topics:
        *names, last = topic.fields
        found = [{index: _number(part), **unset, **answered(answer, topic, part)}
                 for part in getattr(topic, last)]
        answers.append({**{name: getattr(topic, name) for name in names}, rows: found})
    return answers


def _number(partition: Any) -> int:
    return partition if isinstance(partition, int) else getattr(partition, next(iter(partition.fields)))


@cache
def served_versions(version: KafkaVersion) -> dict[int, tuple[int, int]]:
    """API key -> (lowest, highest version) that requests to a broker of this release may have."""
    release = max(row for row in BROKER_API_VERSIONS if row <= (version.major, version.minor))
    both = {key: (row, VERSIONS[key]) for key, row in BROKER_API_VERSIONS[release].items() if key in VERSIONS}
    return {key: (max(row[0], ours[0]), min(row[1], ours[1])) for key, (row, ours) in both.items()
            if row[1] >= ours[0]}


@serves("ApiVersions", 0, 4)
def handle_api_versions(cluster: Cluster, request: Request) -> bytes:
    """Each connection begins with it, so it is encoded once."""
    return _api_versions(cluster.version, request.api_version)


@cache
def _api_versions(version: KafkaVersion, api_version: int) -> bytes:
    """KIP-35: the versions of each API, and from 4.0 the cluster's features (transaction.version, KIP-584).

    Kafka says that it serves Produce from version 0 on, which it does not since 4.0: librdkafka up to 2.10
    sends compressed batches uncompressed to a broker that names a higher one (KAFKA-18659).
    """
    rows = [{"api_key": key, "min_version": 0 if key == PRODUCE else low, "max_version": high}
            for key, (low, high) in sorted(served_versions(version).items())]
    features = {"supported_features": [TRANSACTION_VERSION], "finalized_features": [FINALIZED_VERSION],
                "finalized_features_epoch": 1} if version.has_transaction_version_2 else {}
    answer = messages.filled(messages.RESPONSES[API_VERSIONS], {"api_keys": rows, **features})
    return messages.encode_response(answer, api_version, correlation_id=0)


async def serve(cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer until the client hangs up, stays silent or sends what is no request; raises nothing for that."""
    idle = _hang_up_later(writer)
    try:
        while frame := await messages.read_request_frame(reader):
            idle.cancel()
            if response := await answer(cluster, frame):
                writer.write(response)
                await writer.drain()  # a client that does not read gets no further answer, and no memory
            idle = _hang_up_later(writer)
    except (OSError, asyncio.IncompleteReadError):
        pass
    except Exception as error:  # a mistake of ours costs this client its connection, and no cell a traceback
        cluster.failures.append(error)
    finally:
        idle.cancel()
        writer.transport.abort()


def _hang_up_later(writer: asyncio.StreamWriter) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(IDLE_SECONDS, writer.transport.abort)


async def answer(cluster: Cluster, frame: bytes) -> bytes | None:
    """The framed answer to a request, None where there is none. ProtocolError for what is no request."""
    request = messages.first_fields(frame)
    low, high = served_versions(cluster.version).get(request.api_key, (0, -1))
    if low <= request.api_version <= high:
        request = messages.decode_request(frame)
    elif request.api_key == API_VERSIONS:
        return messages.ask_older(request, high)
    else:
        raise ProtocolError(f"API {request.api_key} version {request.api_version} is not served")
    try:
        fields = HANDLERS[request.api_key](cluster, request)
        fields = await fields if inspect.isawaitable(fields) else fields
    except ApiException as refusal:
        fields = refusal.fields
    if fields is None:
        return None
    if isinstance(fields, bytes):
        return messages.answer_again(fields, request.correlation_id)
    response = messages.filled(messages.RESPONSES[request.api_key], fields)
    return messages.encode_response(response, request.api_version, request.correlation_id)
