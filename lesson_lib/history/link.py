"""A run as an address: the line of Python that made it, short enough to be sent to somebody.

What makes runs writes that line down (`noted`); what the line holds goes behind the # of an address, as it
reads or, where that is too long, packed. Nothing in an address is ever run as Python. It is read as a syntax
tree, in which only literals, names and calls may be, of a size that is bounded; what the names mean is
decided where links are opened (`teach/open_link.py`), from a list of its own.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from html import escape
from importlib import import_module
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote_plus, unquote_to_bytes

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.errors import LessonError
from lesson_lib.faults import Fault, FaultScript

P, R = ParamSpec("P"), TypeVar("R")
SITE, PAGE = "LESSON_SITE", "open.html"
MOST, READABLE = 300, 220  # characters of an address; a longer one than the second is packed
MOST_TEXT, MOST_ITEMS, MOST_NUMBER, DEEPEST = 4_000, 60, 1_000_000, 8
HALVES = re.compile("[\ud800-\udfff]")  # no character: nothing that can be drawn or saved
PACKED = "z."  # begins an address that is not in plain text
READS_WELL = "(),;=:'*"  # what may stay as it is behind a #
BETWEEN = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<=[,:]) |( = )|\n""")
# What most texts have in common, the most frequent last; it makes them a third shorter. Never change it: old
# links are read with it.
COMMON = (b"kafka=Transactions(partitions=2);.consumer('read_committed').poll();.producer('shop');.begin();"
          b".send('.commit();.abort();kafka.history(),layout='space-time')arrivals')broker='4.5',kinds=('de"
          b"livery_timeout_ms=300,request_timeout_ms=100,consumer={'commit':'crash_at':resend=True,retries="
          b"0partitions=2,records_per_batch=2,acks=bench=forge('4.4');bench.send(7,0,compare(lab.run(explor"
          b"e(3,in_flight=3,show(simulate(4,in_flight=4,client='java',faults={1:'cut refuse 6 lose request'"
          b"},2:'lose ack'},idempotence=False,control=simulate(rule=as_rule(\"def accept(batch, memory):\\n"
          b"    seen = memory.setdefault(batch.producer, set())\\n    if batch.value in seen:\\n        ret"
          b"urn False\\n    seen.add(batch.number)\\n    last = memory.get(batch.producer, -1)\\n    memory"
          b"[batch.producer] = max(last, batch.number)\\n    return batch.number > last\\n    return True\\"
          b"n\")")


@dataclass(frozen=True)
class Link:
    """An address that opens what `call` makes. Without one, `why` is a sentence and the text is the call."""

    call: str
    address: str = ""
    why: str = ""

    def __str__(self) -> str:
        return self.address or f"{self.why}\n{self.call}"

    __repr__ = __str__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        shown = f'<a href="{escape(self.address)}" target="_blank" rel="noopener">{escape(self.address)}</a>'
        why = f"<p>{escape(self.why)}</p><pre>{escape(self.call)}</pre>"
        return {"text/plain": str(self), "text/html": shown if self.address else why}


def link_to(call: str) -> Link:
    """The address of what that call makes, or why there is none. LessonError where nobody knows the call."""
    if not call:
        raise LessonError("Nobody wrote down how this was made. Only what simulate(...), lab.run(...), "
                          "explore(...), forge(...) or Transactions() made can be a link.")
    if not is_readable(call):
        return Link(call, why="A link holds numbers, texts, lists and dicts, and a rule whose source is "
                              "known. This was given something else:")
    if not (home := site()):
        return Link(call, why=f"There is no address to open it at: set {SITE} to that of a site made with "
                              "`make site`, before the kernel starts. Until then, this makes the same:")
    for text, most in ((plain(call), READABLE), (packed(call), MOST)):
        address = f"{home}/{PAGE}#{text}"
        if len(address) <= most:
            return Link(call, address)
    return Link(call, why=f"This is too long for an address of {MOST} characters. The same as Python:")


def site() -> str:
    """Where links are opened, without a slash at its end; "" where nobody said. In a page: its own site."""
    if sys.platform == "emscripten" and not os.environ.get(SITE):
        return str(import_module("js").location.href).partition("/extensions/")[0]
    return os.environ.get(SITE, "").strip().rstrip("/")


# writing

def noted(function: Callable[P, R]) -> Callable[P, R]:
    """The same function; what it returns says in `call` how it was made.

    The owner of a method has a `name_in_call`.
    """
    @wraps(function)
    def called(*arguments: P.args, **named: P.kwargs) -> R:
        made: Any = function(*arguments, **named)
        owner = getattr(arguments[0], "name_in_call", "") if arguments else ""
        name = f"{owner}.{function.__name__}" if owner else function.__name__
        text = call_text(name, arguments[1:] if owner else arguments, named)
        return replace(made, call=text)  # type: ignore[no-any-return]
    return called


def noted_line(method: Callable[P, R]) -> Callable[P, R]:
    """The same method; its owner's `lines` tell what was called, one after the other."""
    @wraps(method)
    def called(*arguments: P.args, **named: P.kwargs) -> R:
        owner: Any = arguments[0]
        owner.lines.append(call_text(f"{owner.name_in_call}.{method.__name__}", arguments[1:], named))
        return method(*arguments, **named)
    return called


def call_text(name: str, arguments: Iterable[Any], named: Mapping[str, Any]) -> str:
    """A call as Python: `simulate(3, faults={2: 'lose ack'})`."""
    more = (f"{key}={written(value)}" for key, value in named.items())
    return f"{name}({', '.join([*map(written, arguments), *more])})"


def written(value: Any) -> str:
    """A value as Python; what stands for a text as that text."""
    if isinstance(value, FaultScript | Fault | KafkaVersion):
        return repr(str(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {written(one)}' for key, one in value.items())}}}"
    return repr(value)


def around(name: str, calls: Iterable[str], **named: Any) -> str:
    """A call with others in it: `show(simulate(3), layout='lanes')`. What has lines of its own keeps them
    before it; "" where one is unknown, or two have lines.
    """
    parts = [call.rpartition("\n") for call in calls]
    heads = [head for head, _, _ in parts if head]
    if not all(last for *_, last in parts) or len(heads) > 1:
        return ""
    inner = [last for *_, last in parts]
    if name == "show" and len(inner) > 1:
        inner[1] = f"control={inner[1]}"
    more = [f"{key}={value!r}" for key, value in named.items() if value is not None]
    return "\n".join([*heads, f"{name}({', '.join([*inner, *more])})"])


def plain(call: str) -> str:
    """A call as it stands behind the #, without spaces that say nothing."""
    return quote_plus(_dense(call), safe=READS_WELL)


def packed(call: str) -> str:
    """The same in fewer characters, which nobody can read."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=COMMON)
    data = packer.compress(_dense(call).encode()) + packer.flush()
    return PACKED + urlsafe_b64encode(data).decode().rstrip("=")


def _dense(call: str) -> str:
    return BETWEEN.sub(lambda m: m[1] or ("=" if m[2] else ";" if m[0] == "\n" else ""), call)


# reading

BROKEN = "This link is broken. Perhaps a part of it is missing; ask for it again."


def unpacked(address: str) -> str:
    """What stands behind the # of an address. LessonError for what is none."""
    text = str(address).rpartition("#")[2].strip()
    try:
        if len(text) > MOST_TEXT:
            raise ValueError("nobody made one so long")
        if not text.startswith(PACKED):
            return unquote_to_bytes(text.replace("+", " ")).decode()
        unpacker = zlib.decompressobj(-15, zdict=COMMON)
        found = unpacker.decompress(urlsafe_b64decode(text.removeprefix(PACKED) + "=="), MOST_TEXT)
        if not unpacker.eof:
            raise ValueError("a part of it is missing")
        return found.decode()
    except (ValueError, zlib.error):
        raise LessonError(BROKEN) from None


def is_readable(call: str) -> bool:
    """Whether it has nothing in it that a link can't hold."""
    try:
        return bool(tree_of(call))
    except LessonError:
        return False


def tree_of(text: str) -> list[ast.stmt]:
    """The lines of a description, in which are only literals, names, calls and assignments. LessonError for
    anything else, and for more than anybody would draw.
    """
    if not text.strip() or len(text) > MOST_TEXT or not text.replace("\n", "").isprintable():
        raise LessonError(BROKEN)
    try:
        lines = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise LessonError(BROKEN) from None
    if not all(_is_fine(line, DEEPEST) for line in lines):
        raise LessonError("This link holds something that a link may not: only runs, explorations, puzzles "
                          f"and their settings, with numbers up to {MOST_NUMBER:,}.")
    return lines


_MAY_BE = (ast.Expr, ast.Assign, ast.Name, ast.Call, ast.keyword, ast.Attribute, ast.List, ast.Tuple,
           ast.Dict, ast.UnaryOp, ast.USub, ast.Load, ast.Store)


def _is_fine(node: ast.AST, deep: int) -> bool:
    parts = list(ast.iter_child_nodes(node))
    match node:
        case ast.Constant(value=str() as text):
            fine = not HALVES.search(text)
        case ast.Constant(value=int() as number):
            fine = abs(number) <= MOST_NUMBER
        case ast.Constant():
            fine = node.value is None
        case _:
            fine = isinstance(node, _MAY_BE) and len(parts) <= 2 * MOST_ITEMS
    return fine and deep >= 0 and all(_is_fine(part, deep - 1) for part in parts)
