"""The judge's end of a worker process: asks it for a learner's values, and calls a learner's function in it.

What comes back is only ever read as a literal, so a worker that lies can do no more than give another answer. What a function
remembers (the dicts after its first argument) stays with the judge as bytes that it never opens.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import pickle
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from course_tools.report import sandbox
from course_tools.report.answers import Given, literal, read
from course_tools.report.held import Held, Packed
from course_tools.report.sandbox import Bounds
from course_tools.report.slices import Statement, slice_for

_LONGEST = 2**20  # bytes of a reply
_KEPT = "kept by the worker"


class NoAnswer(Exception):
    """The answer cannot be worked out; the text says why."""


class Failed(BaseException):
    """The learner's function failed, and the text says how. Not an Exception: no check puts words of its own around it."""


class Worker:
    """The values of one answer. A process is only started where one of them is no literal."""

    def __init__(self, cells: list[str], given: Given, order: dict[str, Any]) -> None:
        self._cells, self._given, self._order = cells, given, order
        self._process: subprocess.Popen[bytes] | None = None
        self._slice: list[Statement] = []

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._replies.close()

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What the check is called with. NoAnswer when it cannot be worked out."""
        given = self._given
        expressions = [*given.arguments, *(value for _, value in given.named)]
        try:
            values = [literal(one) for one in expressions]
        except ValueError:
            values = self._worked_out([ast.unparse(one) for one in expressions])
        number = len(given.arguments)
        return values[:number], dict(zip((name for name, _ in given.named), values[number:], strict=True))

    def code(self) -> dict[str, str]:
        """The statements that the answer is made of; nothing where it is a literal."""
        return {"code": "\n\n".join(s.source for s in self._slice)} if self._slice else {}

    def _worked_out(self, expressions: list[str]) -> list[Any]:
        self._slice = slice_for(self._cells, self._given)
        self._start()
        program = [(s.cell, self._cells[s.cell], s.index) for s in self._slice]
        reply = self.ask({"program": program, "expressions": expressions})
        if "failed" in reply:
            raise NoAnswer(f"{expressions[0]} cannot be worked out from the cells above it. {reply['failed']}")
        return [self._value(value, number) for number, value in enumerate(reply["values"])]

    def _start(self) -> None:
        library, home = Path(self._order["learners"]), Path(self._order["home"])
        bounds = Bounds(memory=self._order["memory"])
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [*sandbox.command(library, "worker", sandbox.limits(bounds, self._order["item"])), str(writing)], cwd=home,
            env=sandbox.environment(home, library), pass_fds=(writing,), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(writing)
        self._replies = os.fdopen(reading, "rb")

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send an order and wait for its reply. NoAnswer when the worker is gone or sends something else."""
        assert self._process is not None and self._process.stdin is not None
        data = pickle.dumps(order)
        try:
            self._process.stdin.write(len(data).to_bytes(4, "big") + data)
            self._process.stdin.flush()
            reply = json.loads(self._replies.readline(_LONGEST))
        except (OSError, ValueError, RecursionError):
            raise Failed("The process that runs this answer ended on the way: too much memory, time or output, or a crash.") from None
        if not isinstance(reply, dict):
            raise Failed("The process that runs this answer sent something that is no reply.")
        return reply

    def _value(self, reply: Any, number: int) -> Any:
        return Remote(self, str(reply["function"]), number) if "function" in reply else read(reply)


class Remote:
    """A learner's function, called in its worker."""

    def __init__(self, worker: Worker, name: str, number: int) -> None:
        self._worker, self.__name__, self._number = worker, name, number
        self._held = Held()

    def __call__(self, *arguments: Any) -> Any:
        reply = self._worker.ask({"function": self._number, "arguments": [self._packed(a) for a in arguments]})
        while "asks" in reply:
            reply = self._worker.ask(self._held.done(reply["asks"]))
        if "failed" in reply:
            raise Failed(str(reply["failed"])[:2000])
        for place, held in reply.get("kept", {}).items():
            arguments[int(place)][_KEPT] = base64.b64decode(held)
        return read(reply)

    def __repr__(self) -> str:
        return self.__name__

    def _packed(self, argument: Any) -> Packed:
        remembered = isinstance(argument, dict) and _KEPT in argument
        return ("value", argument[_KEPT]) if remembered else self._held.packed(argument)
