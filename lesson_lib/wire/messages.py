"""Frames and messages of Kafka's protocol: bytes of a request to an object, an answer to bytes, and back.

A frame is four bytes of length and a message. A request says in its first bytes which API and version it is;
an answer does not, what it is follows from the request. The message classes are those of the kafka-python
package, which encode and decode both ways; `filled` makes one from plain dicts, by the protocol's own names.

Source: https://kafka.apache.org/protocol. Differs from Kafka in: no SASL, no TLS, no quotas; only Produce may
be larger than a megabyte.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer

from lesson_lib.core.error_codes import ErrorCode

PRODUCE, API_VERSIONS = 0, 18
MAX_FRAME_BYTES = 100 * 1024 * 1024  # socket.request.max.bytes
MAX_OTHER_FRAME_BYTES = 1024 * 1024  # only Produce carries records; nobody asks anything else in a megabyte
_FIRST_FIELDS = struct.Struct(">hhi")
Address = tuple[str, int]


class ProtocolError(ConnectionError):
    """Bytes that are no message of Kafka's protocol; their reader hangs up, as Kafka does."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `frame` is all but its length; `body` the decoded message, None where nobody looked."""

    api_key: int
    api_version: int
    correlation_id: int
    frame: bytes
    client_id: str = ""
    body: Any = None


def _classes(kind: str) -> dict[int, Any]:
    modules: tuple[ModuleType, ...] = (admin, consumer, metadata, producer)
    found = (value for module in modules for name, value in vars(module).items() if name.endswith(kind))
    return {message.API_KEY: message for message in found if getattr(message, "API_KEY", None) is not None}


REQUESTS = _classes("Request")
RESPONSES = _classes("Response")
API_KEYS = {message.__name__.removesuffix("Request"): key for key, message in REQUESTS.items()}


async def read_frame(reader: asyncio.StreamReader, least: int = 1) -> bytes:
    """The next frame. ProtocolError for an impossible length, IncompleteReadError at the end."""
    return await reader.readexactly(checked_size(await reader.readexactly(4), least))


async def read_request_frame(reader: asyncio.StreamReader) -> bytes:
    """As `read_frame`; a request that is too large for its API is refused before it is read."""
    size = checked_size(await reader.readexactly(4), _FIRST_FIELDS.size)
    start = await reader.readexactly(_FIRST_FIELDS.size)
    key = first_fields(start).api_key
    if size > MAX_OTHER_FRAME_BYTES and key != PRODUCE:
        raise ProtocolError(f"a frame of {size} bytes for API {key}")
    return start + await reader.readexactly(size - _FIRST_FIELDS.size)


def checked_size(length: bytes, least: int = 1) -> int:
    """The number of bytes that follow these four. ProtocolError where no frame has so many, or so few."""
    size = int.from_bytes(length, "big", signed=True)
    if not least <= size <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {size} bytes")
    return size


def framed(frame: bytes) -> bytes:
    """The frame with its length in front."""
    return struct.pack(">i", len(frame)) + frame


def first_fields(frame: bytes) -> Request:
    """API, version, correlation id, client id; no body. ProtocolError where there are too few bytes."""
    if len(frame) < _FIRST_FIELDS.size:
        raise ProtocolError("shorter than a request header")
    length = max(0, int.from_bytes(frame[8:10], "big", signed=True))
    client_id = frame[10:10 + length].decode("utf-8", "replace")
    return Request(*_FIRST_FIELDS.unpack_from(frame), frame, client_id)


def decode_request(frame: bytes) -> Request:
    """The whole request, of an API that is known. ProtocolError for whatever cannot be read as one."""
    request = first_fields(frame)
    return replace(request, body=_decoded(REQUESTS[request.api_key], frame, request.api_version))


def decode_response(api_key: int, version: int, frame: bytes) -> Any:
    """The answer to a request of this API and version. ProtocolError for whatever cannot be read as one."""
    return _decoded(RESPONSES[api_key], frame, version)


def _decoded(message: Any, frame: bytes, version: int) -> Any:
    try:
        body = message.decode(frame, version=version, header=True)
        _refuse_nulls(body, version)
    except Exception as error:  # the decoder raises whatever the bytes make it stumble over
        raise ProtocolError(f"no {message.__name__} of version {version}: {error}") from error
    return body


def _refuse_nulls(message: Any, version: int) -> None:
    """The decoder lets null through everywhere; Kafka only where the protocol says so."""
    for name, must_be_there, has_items in _looked_at(type(message), version):
        value = getattr(message, name)
        if value is None and must_be_there:
            raise ProtocolError(f"{name} is null")
        for item in value if value and has_items else ():
            _refuse_nulls(item, version)


@cache
def _looked_at(structure: Any, version: int) -> tuple[tuple[str, bool, bool], ...]:
    """The fields in which a null may be: the name, whether it is refused, whether there are items in it.

    A tagged field may be left out; an id of zeros and bits that say nothing are decoded as None.
    """
    there = ((name, field) for name, field in structure.fields.items() if field.for_version_q(version))
    found = ((name, not (field.nullable_for_version_q(version) or field.tagged_field_q(version)
                         or field.type_str in ("uuid", "bitfield")), field.is_struct_array())
             for name, field in there)
    return tuple(row for row in found if any(row[1:]))


def filled(message: Any, fields: Mapping[str, Any]) -> Any:
    """A message of this class, or a structure in one. What is left out has the protocol's default."""
    known = message.fields
    return message(**{
        name: [filled(known[name].data_class, item) for item in value]
        if isinstance(value, list) and value and isinstance(value[0], dict) else value
        for name, value in fields.items()})


def encode_request(request: Any, version: int, correlation_id: int, client_id: str) -> bytes:
    """A framed request, length included."""
    request.API_VERSION = version
    request.with_header(correlation_id, client_id)
    return bytes(request.encode(header=True, framed=True))


def encode_response(response: Any, version: int, correlation_id: int) -> bytes:
    """A framed response, length included; one that was decoded before may be encoded again."""
    response._header = None  # the setter of API_VERSION writes into a request's header, not into an answer's
    response.API_VERSION = version
    response.with_header(correlation_id=correlation_id)
    return bytes(response.encode(header=True, framed=True))


def answer_again(response: bytes, correlation_id: int) -> bytes:
    """A framed response as the answer to another request."""
    return response[:4] + correlation_id.to_bytes(4, "big", signed=True) + response[8:]


def ask_older(request: Request, highest: int) -> bytes:
    """The framed answer to an ApiVersions request that is too new: error 35 in version 0, which every client
    reads, with the version to ask in (KIP-511).
    """
    rows = [{"api_key": API_VERSIONS, "min_version": 0, "max_version": highest}]
    fields = {"error_code": ErrorCode.UNSUPPORTED_VERSION, "api_keys": rows}
    return encode_response(filled(RESPONSES[API_VERSIONS], fields), 0, request.correlation_id)
