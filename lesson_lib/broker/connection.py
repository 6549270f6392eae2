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


async def serve(cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the client hangs up or sends something that is none; never raises for what a client does."""
    try:
        while frame := await wire.read_request_frame(reader):
            if answer := await _answer(cluster, frame):
                writer.write(answer)
                await writer.drain()  # a client that does not read gets no further answer, and no memory
    except (OSError, asyncio.IncompleteReadError, wire.ProtocolError):
        pass
    except Exception as error:  # a mistake of ours costs this client its connection, and no cell a traceback
        cluster.failures.append(error)
    finally:
        writer.transport.abort()





async def _answer(cluster: Cluster, frame: bytes) -> bytes | None:
    request = wire.first_fields(frame)
    key, version, correlation_id = request.api_key, request.api_version, request.correlation_id
    if not is_served(cluster.version, key, version):
        return _unsupported(cluster, key, version, correlation_id)
    response = HANDLERS[key](cluster, wire.decode_request(frame))
    if inspect.isawaitable(response):
        response = await response
    return None if response is None else wire.encode_response(response, version, correlation_id)


def _unsupported(cluster: Cluster, key: int, version: int, correlation_id: int) -> bytes:
    """ApiVersions of an unknown version is answered with error 35 in version 0 (KIP-511); anything else hangs up."""
    if key != wire.API_VERSIONS:
        raise wire.ProtocolError(f"API {key} version {version} is not served")
    request = wire.Request(key, 0, correlation_id, b"")
    return wire.encode_response(handle_api_versions(cluster, request, ErrorCode.UNSUPPORTED_VERSION), 0, correlation_id)
