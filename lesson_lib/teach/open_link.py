"""`open_link`: show what an address holds, which `run.link()` and the buttons under pictures make.

The address was written by somebody else, so nothing in it is run as Python: its syntax tree is walked here,
and a name means what `VOCABULARY` says, a method what `METHODS` allows, within `LIMITS`. The one thing that
has to be run is a rule of somebody's own. It is shown as text, and runs once somebody has said so.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import signature
from typing import Any

import ipywidgets as w

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.draw import Picture, compare, show
from lesson_lib.errors import LessonError, version_of
from lesson_lib.explorer.explore import Exploration, explore
from lesson_lib.history import History
from lesson_lib.history.link import BROKEN, call_text, tree_of, unpacked
from lesson_lib.lab.forge import Forge, forge
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.sim import Transactions, simulate, simulate_pipeline
from lesson_lib.sim.consumer import Consumer
from lesson_lib.sim.transactions import IdempotentSession
from lesson_lib.teach.message import SelfShowing, box, has_kernel, show_now
from lesson_lib.teach.playground import playground
from lesson_lib.teach.tasks.learner_rule import as_rule
from lesson_lib.teach.tasks.task import Exercise, exercise

THEIRS = "the rule of the link"  # what captions call the broker that decides by it
ASKS = "This code is somebody else's: it came with the link. Read it first. Run it?"
# What a text may hide behind: control characters, and those that turn the direction of reading.
HIDES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# The largest number that a link may give an argument of that name, where the general one is too large.
LIMITS = {"values_or_count": 40, "batches": 8, "partitions": 8, "in_flight": 40, "records_per_batch": 40,
          "count": 40, "faults": 4, "max_states": 100_000,
          "delivery_timeout_ms": 120_000, "request_timeout_ms": 120_000}
METHODS: dict[type, tuple[str, ...]] = {
    Transactions: ("producer", "consumer", "wait", "history"), Consumer: ("poll",),
    IdempotentSession: ("begin", "send", "send_offsets", "commit", "abort", "kill"),
    Forge: ("send", "history"), Exploration: ("history",), Lab: ("run",)}


def open_link(address: str) -> Opened:
    """Show the run, the exploration or the puzzle of an address, a run with a playground on it. `result` is
    what it makes. Of one with somebody's own rule: its text, and `run()` runs it. LessonError if broken.
    """
    opened = Opened(unpacked(address))
    if opened.rules:
        return opened.shown()
    opened.run()
    return opened


class Opened(SelfShowing):
    """What a link holds: `call` is its text, `rules` are the sources of somebody's own rules in it, `result`
    is what comes of it, None before it was run.
    """

    def __init__(self, call: str) -> None:
        self.lines = tree_of(call)
        self.call = "\n".join(map(ast.unparse, self.lines))
        self.rules = list(_rules_in(self.lines))
        self.result: Any = None
        self.picture: Picture | None = None

    def run(self) -> None:
        """Run it, and show what came of it."""
        reading = LinkReader()
        with reading.stack:
            self.result = reading.value_of(self.lines)
        self.picture = _drawn(self.result)
        if isinstance(self.result, Exercise):
            return
        if self._handle is None:
            self.show()
        else:
            self.refresh()
        if reading.playable and not self.rules:
            with suppress(LessonError):  # it has room for a few requests on one partition
                playground(**reading.playable)

    def show(self) -> None:
        """Show it, and a button where there is somebody's code to run."""
        super().show()
        if self._waits and has_kernel():
            button = w.Button(description="Run it")
            button.on_click(lambda _: (button.close(), self.run()))
            show_now(button)

    @property
    def _waits(self) -> bool:
        return bool(self.rules) and self.result is None

    @property
    def _short(self) -> str:
        """The call, without the rules that stand beside it."""
        short = self.call
        for rule in self.rules:
            short = short.replace(repr(rule), "…")
        return short

    def plain(self) -> str:
        """The call, and what came of it as text."""
        if self._waits:
            return "\n\n".join([ASKS, *self.rules, self._short])
        return f"{self._short}\n\n{self.picture or self.result}"

    def rich(self) -> str:
        """The same as HTML; what came from the address as text and nothing else."""
        code = "".join(f"<pre>{html.escape(text)}</pre>" for text in (*self.rules, self._short))
        if self._waits:
            return box(f"<p>{ASKS}</p>{code}", "#E69F00")
        text = f"<pre>{html.escape(str(self.result))}</pre>" if isinstance(self.result, Exploration) else ""
        return box(code, "#56B4E9") + text + (self.picture.html() if self.picture else "")


@dataclass
class LinkReader:
    """Works out a tree. `names` are what its lines have named, `playable` the arguments of its first run;
    what was started for it ends with `stack`.
    """

    names: dict[str, Any] = field(default_factory=dict)
    playable: dict[str, Any] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def value_of(self, lines: list[ast.stmt]) -> Any:
        """What the last line makes. LessonError where anything can't be."""
        value = None
        try:
            for line in lines:
                value = self._line(line)
        except LessonError:
            raise
        except Exception:  # noqa: BLE001 - made up by anybody, it may raise anything
            raise LessonError(BROKEN) from None
        return value

    def _line(self, line: ast.stmt) -> Any:
        if isinstance(line, ast.Assign):
            (target,), value = line.targets, self._value(line.value)
            if not isinstance(target, ast.Name):
                raise LessonError(BROKEN)
            self.names[target.id] = value
            return value
        assert isinstance(line, ast.Expr)
        try:
            return self._value(line.value)
        except LessonError:
            match line.value:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if isinstance(
                        self.names.get(name), IdempotentSession):
                    return None  # as where a fenced producer commits: it was refused, and the story goes on
            raise

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
        return ast.literal_eval(node)  # numbers, texts, lists and dicts of them; ValueError for any other

    def _call(self, node: ast.Call) -> Any:
        function = self._function(node.func)
        arguments = [self._value(one) for one in node.args]
        named = {str(one.arg): self._value(one.value) for one in node.keywords}
        given = signature(function).bind(*arguments, **named).arguments
        for name, most in LIMITS.items():
            value = given.get(name)
            size = len(value) if isinstance(value, list | tuple) else value
            if isinstance(size, int) and size > most:
                raise LessonError(f"This link asks for {name}={value!r:.20}. A link may ask for {most:,} at "
                                  "most; run it in a cell of your own.")
        if getattr(function, "__name__", "") in ("simulate", "run") and not self.playable:
            self.playable = {"values": 3, **given}
            self.playable["values"] = self.playable.pop("values_or_count", 3)
        return function(*arguments, **named)

    def _function(self, node: ast.expr) -> Callable[..., Any]:
        if isinstance(node, ast.Name):
            return self._lab if node.id == "start_lab" else VOCABULARY[node.id]
        assert isinstance(node, ast.Attribute)
        is_lab = isinstance(node.value, ast.Name) and node.value.id == "lab"
        owner = self._lab() if is_lab else self._value(node.value)
        if not any(isinstance(owner, kind) and node.attr in methods for kind, methods in METHODS.items()):
            raise LessonError(BROKEN)
        return getattr(owner, node.attr)  # type: ignore[no-any-return]

    def _lab(self, version: str = "4.4") -> Lab:
        """In virtual time, and gone when all is worked out."""
        lab = start_lab("embedded", version, world="virtual")
        self.stack.callback(lab.stop)
        return lab


def _rules_in(lines: list[ast.stmt]) -> Iterator[str]:
    """The sources of all rules that would be run."""
    for node in (node for line in lines for node in ast.walk(line)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "as_rule":
            source = node.args[0] if node.args else None
            if not (isinstance(source, ast.Constant) and isinstance(source.value, str)):
                raise LessonError(BROKEN)
            if HIDES.search(source.value):
                raise LessonError("The rule in this link has characters that change how its text looks, so "
                                  "you couldn't read what it does. It isn't run.")
            yield source.value


def _drawn(result: Any) -> Picture | None:
    """As a picture, of an exploration an end with an anomaly. LessonError for what nobody would look at."""
    match result:
        case Picture():
            return result
        case History():
            return show(result)
        case Exploration():
            names = result.anomaly_names
            return show(run) if names and (run := result.find(names[0])) else None
        case Exercise():
            return None
    raise LessonError(BROKEN)


@wraps(explore)
def _explore(*arguments: Any, **named: Any) -> Exploration:
    """With fewer states than a cell may have."""
    found = explore(*arguments, **{"max_states": LIMITS["max_states"], **named})
    return replace(found, call=call_text("explore", arguments, named))


VOCABULARY: dict[str, Callable[..., Any]] = {
    "simulate": simulate, "simulate_pipeline": simulate_pipeline, "Transactions": Transactions,
    "explore": _explore, "compare": compare, "show": show,
    "exercise": exercise,
    "as_rule": lambda source, refuse=False: replace(as_rule(source, refuse), called=THEIRS),
    "forge": lambda release: forge(PartitionLog(version_of(release)))}
