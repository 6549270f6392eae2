"""Delta debugging: from a long script on which something happens to a short one on which it still does.

First each step is left out by itself, and then together what could go by itself; then whole runs of steps,
halves before quarters before single steps; then the numbers are made plain. Candidates are tried many at a
time, because a broker plays forty scripts almost as fast as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from course_tools.conformance.broker_under_test import BrokerUnderTest, compare
from course_tools.conformance.script import Comparison, Script, Step

Happens = Callable[[Sequence[Script]], list[bool]]
FEW, TOGETHER = 8, 40  # most often one of the first will do


def smallest(left: BrokerUnderTest, right: BrokerUnderTest, found: Comparison,
             is_it: Callable[[Comparison], bool], *, ends: bool = True) -> Comparison | None:
    """The shortest script near `found` of which `is_it` holds; None where that does not happen again.
    `ends`: whether `is_it` looks at what is left at the end."""
    def again(scripts: Sequence[Script]) -> list[bool]:
        return [is_it(compared) for compared in compare(left, right, scripts, ends=ends)]
    if not again([found.script])[0]:
        return None
    return next(compare(left, right, [shrink(found.script, again)]))


def shrink(script: Script, happens: Happens) -> Script:
    """The smallest script within reach; `happens` says of candidates whether they still show it."""
    while len(less := _without_what_can_go(script, happens).steps) < len(script.steps):
        script = script.with_steps(less)
    while smaller := _first(_candidates(script), happens):
        script = smaller
    return script


def _without_what_can_go(script: Script, happens: Happens) -> Script:
    """Without all steps that can each be left out, or half of them, or a quarter; as it is where none can."""
    alone = {n: script.with_steps(script.steps[:n] + script.steps[n + 1:]) for n in range(len(script.steps))}
    alone = {n: one for n, one in alone.items() if one.playable}
    can_go = [n for n, yes in zip(alone, happens([*alone.values()]), strict=True) if yes]
    tried = []
    while can_go:
        tried.append(script.with_steps(s for n, s in enumerate(script.steps) if n not in can_go))
        can_go = can_go[(len(can_go) + 1) // 2:]
    return _first([one for one in tried if one.playable], happens) or script


def _first(candidates: list[Script], happens: Happens) -> Script | None:
    start, together = 0, FEW
    while tried := candidates[start:start + together]:
        if found := next((c for c, yes in zip(tried, happens(tried), strict=True) if yes), None):
            return found
        start, together = start + together, TOGETHER
    return None


def _candidates(script: Script) -> list[Script]:
    """Every simpler script one move away, the simplest kind of move first, each once."""
    return [c for c in dict.fromkeys(_simpler(script)) if c.playable and size(c) < size(script)]


def size(script: Script) -> tuple[int, ...]:
    """How much there is to read: steps first, then places and names, then oddities, then the numbers."""
    steps = script.steps
    oddities = sum(bool(s.flaw) + s.transactional for s in steps)
    return (len(steps), sum(s.partition for s in steps), len({s.producer for s in steps}), oddities,
            abs(script.produce_version - 9), sum(s.count for s in steps), sum(abs(s.epoch) for s in steps),
            sum(abs(s.base_sequence) for s in steps), sum(abs(s.offset) for s in steps),
            sum(map(ord, "".join(s.producer for s in steps))))


def _simpler(script: Script) -> Iterator[Script]:
    steps, length = script.steps, len(script.steps) // 2
    while length:
        for start in range(0, len(steps), length):
            yield script.with_steps(steps[:start] + steps[start + length:])
        length //= 2
    yield replace(script, produce_version=9)
    yield script.with_steps(replace(s, partition=0) for s in steps)
    letters = sorted({s.producer for s in steps} - {""})
    for old in letters:
        for new in (x for x in (*letters, "a", "X") if x < old and x.isupper() == old.isupper()):
            yield script.with_steps(replace(s, producer=new) if s.producer == old else s for s in steps)
        yield from _lowered(script, old)
    for step in dict.fromkeys(steps):
        for plainer in _plainer(step):  # a replay stays a replay: equal steps change together
            yield script.with_steps(plainer if s == step else s for s in steps)


def _lowered(script: Script, letter: str) -> Iterator[Script]:
    """All sequences of one producer lowered together; all its epochs; and the sends of a transactional
    producer as those of an idempotent one."""
    mine = [s for s in script.steps if s.producer == letter and s.kind == "send"]
    lowest, oldest = (min((getattr(s, what) for s in mine), default=0) for what in ("base_sequence", "epoch"))
    if lowest > 0:
        yield script.with_steps(replace(s, base_sequence=s.base_sequence - lowest) if s in mine else s
                                for s in script.steps)
    if oldest > 0 and letter.islower():
        yield script.with_steps(replace(s, epoch=s.epoch - oldest) if s in mine else s for s in script.steps)
    if letter.isupper():
        yield script.with_steps(
            replace(s, producer=letter.lower(), epoch=s.epoch - oldest, transactional=False)
            if s in mine else s for s in script.steps if s in mine or s.producer != letter)


def _plainer(step: Step) -> Iterator[Step]:
    for less in ({"flaw": "", "transactional": False}, {"flaw": ""}, {"transactional": False}, {"epoch": 0}):
        yield replace(step, **less)
    numbers = {"count": (1, *_nearer(step.count)),
               "epoch": () if step.of_transactional_id else _nearer(step.epoch),
               "base_sequence": (0, 1, 2, 3, *_nearer(step.base_sequence)), "offset": (0, step.offset - 1)}
    for name, smaller in numbers.items():
        yield from (replace(step, **{name: number}) for number in smaller)


def _nearer(number: int) -> Iterator[int]:
    """Smaller numbers, each nearer to it: from a large one to the least that will do in few steps."""
    distance = number // 2
    while distance > 0:
        yield number - distance
        distance //= 2
