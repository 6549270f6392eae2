"""Call a learner's function so that nothing it does is worse than a sentence.

What is counted is the trace events of Python code: every line, and every jump back, be it to the same line. A
loop that is within one call into C, such as `sum(itertools.count())`, has none and is not stopped. Neither
would be a loop that catches everything, since Python drops a trace function that has raised: a bare `except:`
is refused before the call.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable
from functools import lru_cache
from traceback import walk_tb
from types import CodeType, FrameType
from typing import Any

from lesson_lib.errors import LessonError

STEPS = 200_000


class _TooLong(BaseException):
    """Not an Exception, so that a learner's `except Exception` lets it through."""


def call(function: Callable[..., Any], *args: Any, steps: int = STEPS) -> Any:
    """Call it, for at most so many lines of Python. LessonError says what went wrong, and in which line."""
    name = getattr(function, "__name__", "your function")
    if line := _catches_all(getattr(function, "__code__", None)):
        raise LessonError(f"{name} catches everything in its line {line}, even what stops an endless loop. "
                          "Name the error that you expect, as in `except KeyError:`.")
    before = sys.gettrace()
    sys.settrace(_counter(steps))
    try:
        return function(*args)
    except _TooLong:
        raise LessonError(f"{name} didn't finish within {steps} steps. Is there an endless loop?"
                          ) from None
    except SystemExit:
        raise LessonError(f"{name} ended the program. Return an answer instead.") from None
    except RecursionError:
        raise LessonError(f"{name} calls itself for ever.") from None
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        where = _line(error, function)
        raise LessonError(f"{name} raised {type(error).__name__}: {error} (line {where}).") from None
    finally:
        sys.settrace(before)


def _counter(steps: int) -> Callable[[FrameType, str, Any], Any]:
    left = steps

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLong
        if event == "call" and _spins(frame.f_code):
            frame.f_trace_opcodes = True
        return count
    return count


@lru_cache(maxsize=4096)
def _spins(code: CodeType) -> bool:
    """Whether it has a jump to itself, as `while True: pass` in one line: no event before Python 3.12."""
    back = dis.opmap["JUMP_BACKWARD"]
    return back in code.co_code and any(step.opcode == back and step.argval == step.offset
                                        for step in dis.get_instructions(code))


@lru_cache(maxsize=4096)
def _catches_all(code: CodeType | None) -> int:
    """The line, from 1, of the first `except:` or `except BaseException:`; 0 for none, or for no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code))) if code else ast.Module([], [])
    except (OSError, SyntaxError):
        return 0
    handlers = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    return next((h.lineno for h in handlers if h.type is None or "BaseException" in ast.unparse(h.type)), 0)


def _line(error: Exception, function: Callable[..., Any]) -> int | str:
    """The line of the learner's own file or cell in which it was raised; "1" for a call that did not fit."""
    own = getattr(getattr(function, "__code__", None), "co_filename", "")
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == own]
    return lines[-1] if lines else "of the call"
