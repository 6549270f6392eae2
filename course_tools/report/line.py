"""The line between two processes of a report: an order goes there, an answer comes back, both as JSON; and
how values of a learner's go over it.
"""

from __future__ import annotations

import ast
import json
import socket
import sys
from contextlib import suppress
from typing import Any

from course_tools.report.asked_calls import UNREADABLE

LONGEST = 2000  # characters of an answer, or of what is said about it
_LONGEST_LINE = 16 * 2**20  # bytes that a process may say at once


class ProcessEnded(Exception):
    """The process is gone or says too much; `late`: it was ended because it said nothing in time."""

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class JsonLine:
    """One end of the line."""

    def __init__(self, end: socket.socket) -> None:
        self._socket, self._file = end, end.makefile("rwb")

    def send(self, told: Any) -> None:
        """Say it. ProcessEnded when nobody listens."""
        try:
            self._file.write(json.dumps(told).encode() + b"\n")
            self._file.flush()
        except OSError:
            raise ProcessEnded from None

    def receive(self) -> Any:
        """What the other side says next, None for what is not JSON. ProcessEnded when nothing comes."""
        try:
            told = self._file.readline(_LONGEST_LINE)
        except OSError:
            raise ProcessEnded from None
        if not told.endswith(b"\n"):
            raise ProcessEnded
        with suppress(ValueError, RecursionError):
            return json.loads(told)
        return None

    def ask(self, order: Any) -> Any:
        """Send an order and wait, for as long as it takes, for what comes of it."""
        self.send(order)
        return self.receive()

    def hang_up(self) -> None:
        """Whoever waits at either end finds that nobody is there any more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the line back to the system."""
        with suppress(OSError):  # what was still to be sent
            self._file.close()
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
