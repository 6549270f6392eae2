"""One client's connection: frames in, one request at a time, answers out in the same order.

Source: `SocketServer`, `NetworkReceive`, `RequestChannel`. Differs from Kafka in: nothing is said about why a connection was
closed, as there is no broker log.
"""

from __future__ import annotations

import asyncio
import inspect

from lesson_lib.broker.cluster import Cluster
from lesson_lib.broker.handlers import HANDLERS
from lesson_lib.broker.handlers.metadata import handle_api_versions
from lesson_lib.broker.versions import is_served
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire import messages as wire

FIRST_BYTES = 8  # API key, API version and correlation id


async def serve(cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client hangs up or sends something that is none; never raises for what a client does."""
    try:
        while frame := await _read_frame(reader):
            if answer := await _answer(cluster, frame):
                writer.write(answer)
                await writer.drain()  # a client that does not read gets no further answer, and no memory
    except (OSError, asyncio.IncompleteReadError, wire.ProtocolError):
        pass
    except Exception as error:  # a mistake of ours costs this client its connection, and no cell a traceback
        cluster.failures.append(error)
    finally:
        writer.transport.abort()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(4), "big", signed=True)
    if not FIRST_BYTES <= size <= wire.MAX_FRAME_BYTES:
        raise wire.ProtocolError(f"a frame of {size} bytes")
    start = await reader.readexactly(FIRST_BYTES)
    key, _, _ = wire.first_fields(start)
    if size > wire.MAX_OTHER_FRAME_BYTES and key != wire.PRODUCE:
        raise wire.ProtocolError(f"a frame of {size} bytes for API {key}")
    return start + await reader.readexactly(size - FIRST_BYTES)


async def _answer(cluster: Cluster, frame: bytes) -> bytes | None:
    key, version, correlation_id = wire.first_fields(frame)
    if not is_served(cluster.version, key, version):
        return _unsupported(cluster, key, version, correlation_id)
    request = wire.decode_request(frame)
    response = HANDLERS[key](cluster, request)
    if inspect.isawaitable(response):
        response = await response
    return None if response is None else wire.encode_response(response, version, correlation_id)


def _unsupported(cluster: Cluster, key: int, version: int, correlation_id: int) -> bytes:
    """ApiVersions of an unknown version is answered with error 35 in version 0 (KIP-511); anything else hangs up."""
    if key != wire.API_VERSIONS:
        raise wire.ProtocolError(f"API {key} version {version} is not served")
    request = wire.Request(key, 0, correlation_id, "", None)
    return wire.encode_response(handle_api_versions(cluster, request, ErrorCode.UNSUPPORTED_VERSION), 0, correlation_id)
