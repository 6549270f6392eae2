"""The line between two processes of a report: an order goes there, an answer comes back, both as JSON; and
how values of a learner's go over it.
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
_LONGEST_LINE = 16 * 2**20  # bytes that a process may say at once


class ProcessEnded(Exception):
    """The process is gone or says too much; `late`: it said nothing in time."""

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class JsonLine:
    """One end of the line. What is waited for raises ProcessEnded after so many seconds, where a number is
    given, and where the other end is gone.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket, self._heard = end, bytearray()

    def send(self, told: Any, seconds: float | None = None) -> None:
        """Say it."""
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(json.dumps(told).encode() + b"\n")
        except OSError as error:
            raise ProcessEnded(isinstance(error, TimeoutError)) from None

    def receive(self, seconds: float | None = None) -> Any:
        """What the other side says next, None for what is not JSON."""
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
        else:  # also where it said something all the time, but never all of it
            raise ProcessEnded(late=True)
        told = bytes(self._heard[:length])
        del self._heard[:length + 1]
        with suppress(ValueError, RecursionError):
            return json.loads(told)
        return None

    def ask(self, order: Any, seconds: float | None = None) -> Any:
        """Send an order and wait for what comes of it."""
        self.send(order, seconds)
        return self.receive(seconds)

    def hang_up(self) -> None:
        """Whoever waits at either end finds that nobody is there any more."""
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
    """A value of the learner's that is no literal: it equals nothing, and looks as it looked there."""

    def __init__(self, look: str) -> None:
        self._look = look

    def __repr__(self) -> str:
        return self._look


def as_reply(value: Any) -> dict[str, str]:
    """A value for the process at the other end: a literal where it is one, else how it looks."""
    if value is ...:
        return {"literal": "..."}
    return {"literal": repr(value)} if _is_literal(value) else {"other": repr(value)[:LONGEST]}


def _is_literal(value: Any) -> bool:
    """Whether it is one, and all that it holds."""
    if type(value) in (list, tuple, set):
        return all(map(_is_literal, value))
    if type(value) is dict:
        return all(_is_literal(part) for pair in value.items() for part in pair)
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def read(reply: Any) -> Any:
    """The value that another process sent, as a literal or as something that equals nothing."""
    match reply:
        case {"literal": str(look)}:
            with suppress(TypeError, *UNREADABLE):
                return ast.literal_eval(look)
        case {"other": look}:
            pass
        case _:
            look = "something that is no value"
    return OpaqueValue(str(look)[:200])
