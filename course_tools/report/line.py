"""How two processes of a report talk: one sends an order, the other an answer, each a line of JSON. Also how
a learner's values are sent.
"""

from __future__ import annotations

import ast
import json
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from course_tools.report.asked_calls import UNREADABLE

LONGEST = 2000  # characters of an answer, or of what is said about it
_LONGEST_LINE = 16 * 2**20  # bytes that a process may send at once


class ProcessEnded(Exception):
    """The process at the other end is gone, or sends too much; `late`: it sent nothing in time."""

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class JsonLine:
    """One end of the line. A wait raises ProcessEnded if the other end is gone, or after `seconds` where they
    are given.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket, self._heard = end, bytearray()

    def send(self, told: Any, seconds: float | None = None) -> None:
        """Send a message, which may wait until there is room for it."""
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(json.dumps(told).encode() + b"\n")
        except OSError as error:
            raise ProcessEnded(isinstance(error, TimeoutError)) from None

    def receive(self, seconds: float | None = None) -> Any:
        """The next message from the other end, None if it isn't JSON."""
        end = None if seconds is None else time.monotonic() + seconds
        while (left := None if end is None else end - time.monotonic()) is None or left > 0:
            if (length := self._heard.find(b"\n")) >= 0:
                break
            try:
                self._socket.settimeout(left)
                part = self._socket.recv(2**20)
            except OSError as error:
                raise ProcessEnded(isinstance(error, TimeoutError)) from None
            if not part or len(self._heard) > _LONGEST_LINE:
                raise ProcessEnded
            self._heard += part
        else:  # also if it sent something all the time, but never a whole line
            raise ProcessEnded(late=True)
        told = bytes(self._heard[:length])
        del self._heard[:length + 1]
        with suppress(ValueError, RecursionError):
            return json.loads(told)
        return None

    def ask(self, order: Any, seconds: float | None = None) -> Any:
        """Send an order and wait for the answer."""
        self.send(order, seconds)
        return self.receive(seconds)

    def hang_up(self) -> None:
        """End the talk: a wait at either end raises ProcessEnded."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the line back to the system."""
        self._socket.close()


def begin() -> JsonLine:
    """The first thing that a process of a report does: limit itself, then take its end of the line."""
    import resource
    limits, number = sys.argv[1:]
    for name, value in json.loads(limits).items():
        with suppress(AttributeError, ValueError, OSError):  # macOS does not know all
            resource.setrlimit(getattr(resource, name), (value, value))
    return JsonLine(socket.socket(fileno=int(number)))


class OpaqueValue:
    """A learner's value that isn't a literal. It equals nothing, and has the repr that it had there."""

    def __init__(self, look: str) -> None:
        self._look = look

    def __repr__(self) -> str:
        return self._look


def as_reply(value: Any) -> dict[str, str]:
    """A value for the process at the other end: its repr, which is to be read as a literal if it is one."""
    return {"value": "..." if value is ... else repr(value)}


def read(reply: Any) -> Any:
    """The value that another process sent; an OpaqueValue if it isn't a literal."""
    look = "something that is no value"
    match reply:
        case {"value": str(look)}:
            with suppress(TypeError, *UNREADABLE):
                return ast.literal_eval(look)
    return OpaqueValue(look[:200])
