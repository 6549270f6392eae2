"""A learner's own rule, `accept(batch, memory)`, in place of Kafka's: in the simulation, and in the explorer.

`RuleTask` is the exercise: every schedule is walked with the rule, and its shortest failure is drawn. Later
lessons bring the rule back with `own_rule`, from the answer that was kept. A learner who wrote none still
sees the later run: with a rule that many write, and a sentence that says so.

Differs from Kafka in: the learner's rule sees less than Kafka's (who sent it, which number, what is in it),
keeps whatever it likes in `memory`, one dict per partition, and may drop a batch silently (the producer is
told ok) or store it. A `refusing` one may also refuse it, and its memory is built from the log as Kafka's new
leaders do.
"""

from __future__ import annotations
import __future__

import linecache
import pickle
import textwrap
import zlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, Refused, Verdict
from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.search import TooManyStates
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from lesson_lib.teach import store
from lesson_lib.teach.message import Message, with_progress
from lesson_lib.teach.readings import log_words
from lesson_lib.teach.tasks import bounded
from lesson_lib.teach.tasks.function import TaskWithFunction
from lesson_lib.teach.tasks.task import NotYet, right, source_of, wrong
from lesson_lib.text_table import wrap_output

Accept = Callable[["SeenBatch", dict[Any, Any]], bool | str]
REFUSE = "refuse"
# What captions call the broker that decides by it.
YOURS, OF_MANY = "your rule", "a rule that many people write"
ITEM = "2.own-rule"
MOST_STATES = 20_000  # twice what a rule that holds needs; one that always refuses has no end of them


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A batch as the learner's rule sees it: `number` is what `producer` gave it."""

    value: str
    producer: int
    number: int


def as_seen(batch: Batch) -> SeenBatch:
    """What the learner may see of a batch."""
    return SeenBatch(" ".join(map(str, batch.payload)), batch.producer_id, batch.base_sequence)


def as_rule(accept: Accept | str, refuse: bool = False) -> LearnerBroker:
    """For `simulate(..., rule=...)` and `explore`, from a function that says True (store) or False (drop), or
    from its source. `refuse`: it may also say "refuse". LessonError for a source without a function.
    """
    function = function_in(accept) if isinstance(accept, str) else accept
    if function is None:
        raise LessonError("There is no function in that text that Python could run on its own.")
    return LearnerBroker(accept=function, refusing=refuse)


def function_in(source: str) -> FunctionType | None:
    """The first function that a source defines; None where it defines none, or isn't Python on its own."""
    names: dict[str, Any] = {}
    name = f"<rule {zlib.crc32(source.encode()):x}>"
    try:
        # The learner's own text, in the learner's own kernel; what its types are called doesn't matter.
        exec(compile(source, name, "exec", __future__.annotations.compiler_flag), names)
    except Exception:  # noqa: BLE001 - it may need names of a notebook that isn't open
        return None
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for `source_of`
    return next((value for value in names.values() if isinstance(value, FunctionType)), None)


@dataclass(repr=False)
class LearnerBroker(PartitionLog):
    """A broker with the learner's rule; `remembered` is the rule's memory, `called` its name in captions.

    `refusing`: the rule may also return "refuse" (error 45), and who has the log builds the memory from it.
    """

    accept: Accept = bool  # type: ignore[assignment]
    called: str = YOURS
    refusing: bool = False
    remembered: dict[Any, Any] = field(init=False, default_factory=dict)

    def __repr__(self) -> str:
        source = source_of(self.accept).strip()
        more = ", refuse=True" if self.refusing else ""
        return f"as_rule({source!r}{more})" if source.startswith("def ") else super().__repr__()

    def append(self, batch: Batch) -> Verdict:
        """Ask the rule; what it refuses leaves memory and log as they are."""
        seen, before = as_seen(batch), self.memory()
        answer = self._decision(seen)
        if answer == REFUSE:
            self.recall(before)
            return Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
        if answer:
            self.store(batch)
            return Appended(self.batches[-1].base_offset)
        stored = [as_seen(one.batch) for one in self.batches]
        values = [one.value for one in stored]  # of the same batch, else of the same value, else unknown
        return Duplicate(stored.index(seen) if seen in stored else
                         values.index(seen.value) if seen.value in values else -1)

    def _decision(self, seen: SeenBatch) -> bool | str:
        """True, False or, where it may be, "refuse"."""
        first = not (self.remembered or self.batches)
        answer = bounded.call(self.accept, seen, self.remembered)
        if isinstance(answer, bool) or (self.refusing and answer == REFUSE):
            return answer
        name = getattr(self.accept, "__name__", "accept")
        nothing = answer is None or answer is ...
        if nothing and first:
            raise NotYet(f"{name} returns nothing yet.")
        refusing = f", {REFUSE!r} to refuse it" if self.refusing else ""
        raise LessonError(f"{name} returned {'nothing' if nothing else repr(answer)} for {seen}; return True "
                          f"to store the batch, False to drop it{refusing}.")

    def restart_clean(self, now: int = 0) -> None:
        """What is kept in memory alone is gone; a refusing rule reads the log again."""
        self.remembered = {}
        for one in self.batches if self.refusing else ():
            bounded.call(self.accept, as_seen(one.batch), self.remembered)

    def fail_over(self) -> None:
        """Another broker has the log, and not this memory."""
        self.restart_clean()

    def memory(self) -> Hashable:
        """As bytes, so that equal memories are one state."""
        try:
            return pickle.dumps(self.remembered) if self.remembered else b""
        except Exception as error:  # noqa: BLE001 - pickle may raise anything over what is remembered
            raise LessonError("memory can hold numbers, texts, tuples, lists, sets and dicts, but not this: "
                              f"{error}") from None

    def recall(self, memory: Any) -> None:
        self.remembered = pickle.loads(memory) if memory else {}


@dataclass(frozen=True, kw_only=True)
class RuleTask(TaskWithFunction):
    """`worlds` are arguments of `explore`, each walked with up to `faults` faults; `forbidden` fails it.

    `refusing` is as in `LearnerBroker`. `second_producer`: also try it on a producer that dies and is
    followed by another, whose numbers begin again.
    """

    name: str = "accept"
    worlds: tuple[Mapping[str, Any], ...]
    forbidden: tuple[str, ...] = ("copy", "lost write")
    faults: int = 2
    refusing: bool = False
    second_producer: bool = False

    def judge_function(self, function: Callable[..., Any]) -> Message:
        """No fault first, then one, then two; so that the first failure has as few as possible."""
        states = 0
        walks = [(faults, world) for faults in range(self.faults + 1) for world in self.worlds]
        for faults, world in with_progress(walks, "searches"):
            try:
                found = explore(faults=faults, rule=as_rule(function, self.refusing),
                                max_states=MOST_STATES, **world)
            except TooManyStates:
                return wrong(_no_end(world, faults))
            states += found.states if faults == self.faults else 0
            failure = next((o for o in found.outcomes if set(self.forbidden) & set(o.anomalies)), None)
            if failure is not None:
                return self._failed(world, found.history(failure), function)
            if not faults and any(set(end.told) != {"ok"} for end in found.outcomes):
                return wrong("There was no fault at all, and yet the application didn't get an ok for all of "
                             f"`{_values(world)}`.")
        return self._two_producers(function) or right(
            f"The check visited all {states:,} states with up to {self.faults} faults, and your rule held. "
            f"{self.explanation}")

    def _two_producers(self, accept: Accept) -> Message | None:
        """The explorer has one producer; here a second one counts from 0 too. None when the rule holds."""
        if not self.second_producer:
            return None
        run = simulate(["a", "b"], faults={1: "kill producer"}, rule=as_rule(accept))
        broken = set(self.forbidden) & set(run.anomaly_names)
        return self._failed({"batches": ("a", "b")}, run, accept) if broken else None

    def _failed(self, world: Mapping[str, Any], run: History, accept: Accept) -> Message:
        """The script that breaks the rule, drawn; nothing of Kafka's rule is in it before that is taught."""
        drawn = run if self.refusing else as_the_rule_saw_it(run, accept)
        script = f"the faults '{run.settings.faults}'" if run.settings.faults else "no fault at all"
        found = " ".join(f"{a.name.capitalize()}: {a.sentence}" for a in run.anomalies)
        return wrong(f"Your rule breaks with {script}: `{_values(world)}` was sent, and the log holds "
                     f"{log_words(run)}. {found}", show(drawn))


def as_the_rule_saw_it(run: History, accept: Accept) -> History:
    """The run with the rule's own answers and memory, and without ids, epochs and sequences."""
    memory: dict[Any, Any] = {}
    events = []
    for event in run.events:
        if event.kind in (Kind.INIT, Kind.EPOCH):
            continue
        if event.kind == Kind.BROKER:
            memory.clear()
        if event.kind == Kind.VERDICT:
            seen = SeenBatch(" ".join(event.values), event.producer_id, event.base_sequence)
            bounded.call(accept, seen, memory)
            what = "stored" if event.what == "stored" else "dropped"
            event = replace(event, what=what, memory=_in_lines(memory))
        events.append(replace(event, producer_id=-1, producer_epoch=-1, base_sequence=-1))
    return replace(run, events=tuple(events), settings=replace(run.settings, idempotence=False))


def _in_lines(memory: dict[Any, Any]) -> str:
    """A memory in a few short lines."""
    lines = textwrap.wrap(repr(memory), 22)
    return "\n".join(lines if len(lines) <= 5 else [*lines[:4], "…"])


def _values(world: Mapping[str, Any]) -> str:
    return " ".join(map(str, world["batches"]))


def _no_end(world: Mapping[str, Any], faults: int) -> str:
    script = f"With {faults} fault{'s' * (faults != 1)}" if faults else "With no fault at all,"
    return (f"{script} `{_values(world)}` can go on for ever: your rule refuses the same batch each time, so "
            "the producer sends it again each time and never gets an ok.")


def own_rule() -> LearnerBroker:
    """The rule last handed in for 2.own-rule, for `rule=` of `simulate` and `explore`. Prints which it is."""
    for entry in reversed(store.entries(ITEM)):
        if accept := function_in(str(entry.get("answer", ""))):
            print("The broker decides by the rule that you wrote in lesson 2.")
            return as_rule(accept)
    print(wrap_output("There's no rule of yours from lesson 2, so the broker uses one that many people "
                      "write: it remembers each producer's highest number."))
    return rule_of_many()


def rule_of_many() -> LearnerBroker:
    """What decides for a learner who wrote no rule; no caption calls it theirs."""
    return LearnerBroker(accept=highest_number, called=OF_MANY)


def highest_number(batch: Any, memory: dict[Any, Any]) -> bool:
    """Store what is above the highest number of its producer."""
    new = batch.number > memory.get(batch.producer, -1)
    memory[batch.producer] = max(batch.number, memory.get(batch.producer, -1))
    return new
