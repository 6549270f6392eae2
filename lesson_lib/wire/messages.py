"""Frames and messages of Kafka's protocol: bytes of a request to an object, an answer to bytes.

The message classes are those of the kafka-python package; they encode and decode in both directions. A request says in its
first eight bytes which class and which version it is, so that is all that is unpacked here by hand.

Source: https://kafka.apache.org/protocol. Differs from Kafka in: no SASL, no TLS, no quotas; only
Produce may be larger than a megabyte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer

PRODUCE, API_VERSIONS = 0, 18
MAX_FRAME_BYTES = 100 * 1024 * 1024  # socket.request.max.bytes
MAX_OTHER_FRAME_BYTES = 1024 * 1024  # only Produce carries records; a megabyte of anything else is nobody's request
_FIRST_FIELDS = struct.Struct(">hhi")


class ProtocolError(Exception):
    """Bytes that are no request of Kafka's protocol; the connection is closed, as Kafka does."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `body` is an instance of the message class of `api_key`, decoded at `api_version`."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str
    body: Any


def _classes(kind: str) -> dict[int, Any]:
    modules: tuple[ModuleType, ...] = (admin, consumer, metadata, producer)
    found = (value for module in modules for name, value in vars(module).items() if name.endswith(kind))
    return {message.API_KEY: message for message in found if getattr(message, "API_KEY", None) is not None}


REQUESTS = _classes("Request")
RESPONSES = _classes("Response")


def first_fields(frame: bytes) -> tuple[int, int, int]:
    """API key, API version and correlation id of a request frame (without its length). Raises ProtocolError."""
    if len(frame) < _FIRST_FIELDS.size:
        raise ProtocolError("shorter than a request header")
    key, version, correlation_id = _FIRST_FIELDS.unpack_from(frame)
    return key, version, correlation_id


def decode_request(frame: bytes) -> Request:
    """A request from its frame (without its length). Raises ProtocolError for whatever cannot be read as one."""
    key, version, correlation_id = first_fields(frame)
    if key not in REQUESTS:
        raise ProtocolError(f"no API {key}")
    try:
        body = REQUESTS[key].decode(frame, version=version, header=True)
    except Exception as error:  # the decoder raises whatever the bytes make it stumble over
        raise ProtocolError(f"API {key} version {version}: {error}") from error
    _refuse_nulls(body, version)
    return Request(key, version, correlation_id, body.header.client_id or "", body)


def _refuse_nulls(message: Any, version: int) -> None:
    """The decoder lets null through everywhere; Kafka only where the protocol says so."""
    for name, field in message.fields.items():
        value = getattr(message, name)
        if value is None and _must_be_there(field, version):
            raise ProtocolError(f"{name} is null")
        for item in value if value and field.is_struct_array() else ():
            _refuse_nulls(item, version)


def _must_be_there(field: Any, version: int) -> bool:
    """A tagged field may be left out; an id of zeros is decoded as None."""
    optional = field.nullable_for_version_q(version) or field.tagged_field_q(version) or field.type_str == "uuid"
    return field.for_version_q(version) and not optional


def encode_response(response: Any, version: int, correlation_id: int) -> bytes:
    """A framed response, length included."""
    response.API_VERSION = version
    response.with_header(correlation_id=correlation_id)
    return bytes(response.encode(header=True, framed=True))
