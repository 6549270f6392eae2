"""The small vocabulary of things that go wrong, the script that says when, and what a fault does to a
connection.

A script addresses the n-th produce attempt, counted from 1, never a time: `{2: "lose ack"}` or the same as
text, `"2: lose ack; 4-6: refuse 19; 8+: lose request"`. The simulation and the fault proxy read the same
script. For the proxy it may also name the n-th request of one kind to a transaction coordinator, such as
`"EndTxn 1: lose ack"`: it can be lost, or its answer.

To add a fault: put it into the tables below, and carry it out in both worlds. In the toy that is
`sim/network.py` for a message, `sim/toy_broker.py` for an answer, `sim/sender.py` for a producer; behind the
proxy `proxy/proxy.py`. What happens to a broker is done by `befall` and in
`EmbeddedBroker.hooks`. Its words in a picture's heading are in `draw/heading.py`. To have it explored too:
`KINDS` and `_add_faults` in `explorer/moves.py`, and `explorer/replay.py`. The menus of the playground
(`teach/playground.py`) and the puzzles (`teach/tasks/puzzle.py`) offer a few of them.

Kafka answers in order on one connection, so one answer cannot go missing alone. All faults that break a
connection are one: from attempt n on, the connection lets K more requests through to the broker and J answers
back, then it is gone with everything on it, and the client sends again all that it had not seen answered.
`lose request` is `cut 0 0`, `lose ack` is `cut 1 0`. The silent forms stop at the same place and stay open:
nothing comes through any more, until the client gives up waiting and closes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import starmap

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PRODUCER_ID_EXPIRATION_MS, PartitionLog
from lesson_lib.errors import LessonError

NAMES = {
    "deliver": "nothing goes wrong",
    "lose request": "the request never reaches the broker; the connection drops",
    "lose ack": "the broker handles the request, its answer is lost; the connection drops",
    "lose request silently": "the request never reaches the broker; the connection stays open",
    "lose ack silently": "the broker handles the request, its answer never comes; the connection stays open",
    "refuse": "the broker answers with an error before it stores anything, as in `refuse 19`",
    "store and answer": "the broker stores the batch and answers with an error, as in `store and answer 20`",
    "repeat": "the same request reaches the broker twice",
    "delay": "the answer comes that many milliseconds late, as in `delay 250`",
    "cut": "the connection drops after K requests were handled and J answered, as in `cut 3 1`",
    "kill producer": "the producer's process dies right after it sent this request",
    "restart broker": "before this request arrives, the broker shuts down cleanly and starts again",
    "crash broker": "before this request arrives, the broker crashes and starts again",
    "fail over": "before this request arrives, another replica becomes leader",
    "forget idle ids": "before this request arrives, a day passes: the broker forgets idle ids",
}
_EXAMPLES = {"refuse": "refuse 19", "store and answer": "store and answer 20", "delay": "delay 250",
             "cut": "cut 3 1"}
PRODUCE_ERRORS = (2, 3, 6, 7, 10, 13, 17, 18, 19, 20, 21, 29, 31, 32, 42, 43, 44, 45, 46, 47, 48, 49, 51,
                  53, 56, 59, 74, 76, 87, 100, 120)  # 31 and 46 by older brokers only
BROKER_WORDS = {"restart broker": "restarted", "crash broker": "crashed", "fail over": "failed over",
                "forget idle ids": "forgot ids"}
BROKER_FAULTS = {word: name for name, word in BROKER_WORDS.items()}
COORDINATOR_APIS = ("InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn")
LOSSES = {"lose request": (0, 0), "lose request silently": (0, 0), "lose ack": (1, 0),
          "lose ack silently": (1, 0)}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `numbers`: an error code, milliseconds, or (handled, answered)."""

    name: str
    numbers: tuple[int, ...] = ()

    @property
    def cut(self) -> tuple[int, int] | None:
        """How many more requests and answers the connection lets through, None where it stays whole."""
        return (self.numbers[0], self.numbers[1]) if self.name == "cut" else LOSSES.get(self.name)

    @property
    def error(self) -> ErrorCode:
        """The error code of `refuse` and `store and answer`."""
        return ErrorCode(self.numbers[0])

    def __str__(self) -> str:
        return " ".join((self.name, *map(str, self.numbers)))


DELIVER = Fault("deliver")


class NoSuchFault(LessonError):
    """A text that names no fault: `problem` says so, and the sentence lists what is `offered` instead."""

    def __init__(self, problem: str, offered: Iterable[str] = ()) -> None:
        names = tuple(offered) or tuple(_EXAMPLES.get(name, name) for name in NAMES)
        super().__init__(f"{problem} Choose one of: {', '.join(names)}.")
        self.problem = problem


def befall(log: PartitionLog, name: str, now: int = 0) -> None:
    """Do to a log what the fault of that name does to each log of its broker, at `now` (ms)."""
    if name == "restart broker":
        log.restart_clean(now)
    elif name == "crash broker":
        log.restart_after_crash(now)
    elif name == "fail over":
        log.fail_over()
    elif name == "forget idle ids":
        log.forget_idle_ids(now + PRODUCER_ID_EXPIRATION_MS)
    else:
        raise ValueError(f"{name!r} does not happen to a broker.")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A fault for the attempts `first`..`last` (None: for all that follow), or for those of the requests
    `api` to a transaction coordinator.
    """

    first: int
    last: int | None
    fault: Fault
    api: str = ""

    def __str__(self) -> str:
        end = "+" if self.last is None else f"-{self.last}" if self.last != self.first else ""
        return f"{self.api} {self.first}{end}: {self.fault}".lstrip()


@dataclass(frozen=True)
class FaultScript:
    """Which fault at which attempt; where two lines name one attempt, the later line counts."""

    lines: tuple[ScriptLine, ...] = ()

    def at(self, attempt: int, api: str = "") -> Fault:
        """The fault at the n-th attempt (1-based), or at the n-th request `api` to a coordinator; `deliver`
        where the script says nothing.
        """
        hits = [r.fault for r in self.lines
                if r.api == api and r.first <= attempt and (r.last is None or attempt <= r.last)]
        return hits[-1] if hits else DELIVER

    def unused(self, attempts: int, asked: Mapping[str, int] | None = None) -> list[ScriptLine]:
        """Lines of the script that name only attempts beyond the `attempts` that were made, or requests to a
        coordinator beyond those that were `asked` of it, by their kind.
        """
        return [r for r in self.lines if r.first > ((asked or {}).get(r.api, 0) if r.api else attempts)]

    def check_used(self, attempts: int, asked: Mapping[str, int] | None = None) -> None:
        """LessonError when the run ended before an attempt that the script names, or before a request to a
        coordinator; `asked` counts those of each kind.
        """
        unused = self.unused(attempts, asked)
        if never := [r for r in unused if r.api]:
            raise LessonError(f"The fault '{never[0]}' never happened: nobody sent a coordinator so many "
                              f"{never[0].api} requests.")
        if unused:
            plural = "request was" if attempts == 1 else "requests were"
            sent = f"only {attempts} {plural} sent. Choose a request from 1 to {attempts}"
            raise LessonError(f"The fault '{unused[0]}' never happened: "
                              f"{sent if attempts else 'nothing was sent'}.")

    def __str__(self) -> str:
        return "; ".join(map(str, self.lines))

    def __bool__(self) -> bool:
        return bool(self.lines)


FaultScriptLike = FaultScript | Mapping[int | str, str | Fault] | str | None


def parse_script(script: FaultScriptLike) -> FaultScript:
    """Read a script from a dict, a text or None. LessonError names what is wrong with it."""
    if isinstance(script, FaultScript):
        return script
    if isinstance(script, str):
        lines = [line.partition(":") for line in script.split(";") if line.strip()]
        if wrong := next((text for text, colon, _ in lines if not colon), ""):
            raise LessonError("Write a fault as 'request: fault', such as '2: lose ack'; this has no colon: "
                              f"{wrong.strip()!r}.")
        pairs = [(key.strip(), fault.strip()) for key, _, fault in lines]  # one request may have two lines
        return FaultScript(tuple(starmap(_line, pairs)))
    if script is not None and not isinstance(script, Mapping):
        raise LessonError("A fault script is a dict such as {2: 'lose ack'} or a text such as '2: lose ack', "
                          f"not {script!r}.")
    return FaultScript(tuple(starmap(_line, (script or {}).items())))


def parse_fault(text: str | Fault) -> Fault:
    """Read one fault, such as "lose ack" or "refuse 19". LessonError lists the names when it is not one."""
    if isinstance(text, Fault):
        return text
    found = re.fullmatch(r"([a-z ]+?)((?:\s+\d+)*)\s*", str(text).strip().lower())
    name = found.group(1) if found else ""
    if name in ("late", "delivery timeout"):
        raise NoSuchFault(f"'{name}' happens in explore(...) alone. No script can ask for it.")
    if not found or name not in NAMES:
        raise NoSuchFault(f"There is no fault {text!r}.")
    fault, example = Fault(name, tuple(map(int, found.group(2).split()))), _EXAMPLES.get(name, name)
    wanted = len(re.findall(r"\d+", example))
    if len(fault.numbers) != wanted:
        raise LessonError(f"The fault '{fault}' needs {wanted} number{'s' * (wanted != 1)} after its name, "
                          f"as in '{example}'.")
    if name in ("refuse", "store and answer") and fault.numbers[0] not in PRODUCE_ERRORS:
        raise LessonError(f"{_no_answer(fault.numbers[0])}; "
                          f"choose one of: {', '.join(map(str, PRODUCE_ERRORS))}.")
    if name == "cut" and fault.numbers[1] > fault.numbers[0]:
        raise LessonError(f"In '{fault}' more requests would be answered than handled; "
                          "write handled first, as in 'cut 3 1'.")
    return fault


def _no_answer(code: int) -> str:
    if code and code in set(ErrorCode):
        return f"No broker answers a produce request with error {ErrorCode(code).words}"
    return f"There is no error {code} that a broker answers a produce request with"


def _line(key: int | str, fault: str | Fault) -> ScriptLine:
    found = re.fullmatch(rf"(?:({'|'.join(COORDINATOR_APIS)}) )?(\d+)(\+|-(\d+))?", str(key).strip())
    if not found or int(found.group(2)) < 1:
        raise LessonError(f"{key!r} names no request. Requests are counted from 1, such as 2, '2-4' or '2+'.")
    first = int(found.group(2))
    last = None if found.group(3) == "+" else int(found.group(4) or first)
    if last is not None and last < first:
        raise LessonError(f"The requests '{key}' end before they begin; write the smaller number first.")
    api, what = found.group(1) or "", parse_fault(fault)
    if api and what.name not in LOSSES:
        raise LessonError(f"A request to a coordinator can only meet: {', '.join(LOSSES)}; not '{what}'.")
    return ScriptLine(first, last, what, api)


class Fate:
    """What becomes of the requests on one connection; asked once for each produce request, in order.

    `since` counts the requests from the one on at which the connection breaks.
    """

    def __init__(self) -> None:
        self._cut: tuple[int, int] | None = None
        self._silent = False
        self.since = 0

    def take(self, fault: Fault) -> tuple[bool, bool]:
        """Whether the next request will be handled, and whether its answer will come through."""
        if self._cut is None and fault.cut:
            self._cut, self._silent = fault.cut, fault.name.endswith("silently")
        if self._cut is None:
            return True, True
        handled, answered = self._cut
        self.since += 1
        return self.since <= handled, self.since <= answered

    @property
    def drops_now(self) -> bool:
        """Whether all that the cut lets through is through."""
        return self._cut is not None and self.drops and self.since >= max(self._cut[0], 1)

    @property
    def drops(self) -> bool:
        """Whether the connection will drop: what does not come through is lost then, and not before."""
        return self._cut is not None and not self._silent

    @property
    def is_silent(self) -> bool:
        """Whether an answer is held back, and so all that would come behind it."""
        return self._cut is not None and self.since > self._cut[1]
