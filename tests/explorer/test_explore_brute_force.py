"""The explorer against brute force: every schedule on its own, nothing merged, written a second time and another way.

Here a world is one mutable thing with a real `PartitionLog` in it, a producer is a handful of fields that methods change,
and a step is taken on a deep copy. A schedule ends where it would come to a world that it has been in before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Batch, Refused
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.moves import USUAL_KINDS


class Record:
    """One batch in the producer's hands."""

    def __init__(self, number: int, sequence: int) -> None:
        self.number, self.sequence, self.reset = number, sequence, False

    def key(self) -> tuple:
        return self.number, self.sequence, self.reset


class World:
    """Producer, connection, broker and dead connections of one schedule."""

    def __init__(self, batches: int, in_flight: int, faults: int, idempotence: bool, broker: str, kinds: tuple[str, ...]) -> None:
        self.total, self.window, self.left, self.idempotence, self.kinds = batches, in_flight, faults, idempotence, kinds
        self.broker = PartitionLog(KafkaVersion.of(broker))
        self.told: dict[int, str] = {}
        self.epoch, self.sequence, self.acked = (0, 0, -1) if idempotence else (-1, -1, -1)
        self.fresh = list(range(batches))
        self.wire: list[Record] = []
        self.again: list[Record] = []
        self.unresolved = False
        self.out: list[Batch] = []
        self.back: list[int] = []
        self.old: list[list[Batch]] = []

    def key(self) -> tuple:
        """All that makes a difference, to count different worlds with."""
        return (tuple(sorted(self.told.items())), self.epoch, self.sequence, self.acked, tuple(self.fresh), self.unresolved,
                tuple(r.key() for r in self.wire), tuple(r.key() for r in self.again), tuple(self.out), tuple(self.back),
                tuple(map(tuple, self.old)), tuple((s.base_offset, s.batch) for s in self.broker.batches),
                tuple(sorted(self.broker.producers.items())), self.left)

    def moves(self) -> list[str]:
        """The names of all steps that can be taken now."""
        names = ["send"] * self.may_send() + ["handle"] * bool(self.out) + ["read"] * bool(self.back)
        names += [f"late {i}" for i in range(len(self.old))]
        if self.is_stuck():
            names += [f"expire {n + 1}" for n in range(len(self.again) + len(self.fresh))]
        if self.left:
            names += [f"fault {kind}" for kind in self.kinds if self.may_fail(kind)]
        return names

    def may_send(self) -> bool:
        if len(self.wire) >= self.window:
            return False
        if self.again:
            return not self.idempotence or min(r.sequence for r in self.wire + self.again) == self.again[0].sequence
        return bool(self.fresh) and not self.unresolved

    def may_fail(self, kind: str) -> bool:
        if kind in ("late", "refuse"):
            return bool(self.out)
        if kind == "store and answer":
            return bool(self.out) and not isinstance(copy.deepcopy(self.broker).append(self.out[0]), Refused)
        return bool(self.again) if kind == "delivery timeout" else bool(self.wire)

    def is_stuck(self) -> bool:
        """Try it out: after one more try, is this the same world?"""
        if self.out or self.back or self.old or not self.again or not self.may_send():
            return False
        trial = copy.deepcopy(self)
        for name in ("send", "handle", "read"):
            trial.do(name)
        return trial.key() == self.key()

    def do(self, name: str) -> None:
        """Take one step."""
        first, _, rest = name.partition(" ")
        if first == "fault":
            self.left -= 1
            self.fail(rest)
        elif first == "late":
            self.broker.append(self.old[int(rest)].pop(0))
            self.old = [requests for requests in self.old if requests]
        else:
            for _ in range(int(rest or 1)):
                {"send": self.send, "handle": self.handle, "read": self.read, "expire": self.expire}[first]()

    def fail(self, kind: str) -> None:
        if kind == "refuse":
            self.out.pop(0)
            self.back.append(6)
        elif kind == "store and answer":
            self.handle()
            self.back[-1] = 20
        elif kind == "delivery timeout":
            self.expire()
        else:
            self.drop(kind)

    def drop(self, kind: str) -> None:
        if kind == "late":
            self.old.append(self.out)
        if kind == "restart broker":
            self.broker.restart_clean()
        if kind == "fail over":
            self.broker.rebuild_from_log()
        dropped, self.wire, self.out, self.back = self.wire, [], [], []
        for record in dropped:
            self.retry(record)

    def send(self) -> None:
        if self.again:
            record = self.again.pop(0)
            record.reset = False
        else:
            record = Record(self.fresh.pop(0), self.sequence)
            self.sequence += 1 if self.idempotence else 0
        self.wire.append(record)
        self.out.append(Batch(1, 1 if self.idempotence else -1, self.epoch, record.sequence, payload=record.number))

    def handle(self) -> None:
        verdict = self.broker.append(self.out.pop(0))
        self.back.append(int(verdict.error) if isinstance(verdict, Refused) else 0)

    def read(self) -> None:
        code, record = self.back.pop(0), self.wire.pop(0)
        if code == 0:
            self.told[record.number] = "ok"
            self.acked = max(self.acked, record.sequence)
            self.settle()
        elif code in (45, 59) and self.idempotence:
            self.retry(record)
            waits = record.reset or (code == 45 and record.sequence != self.acked + 1)
            if self.unresolved or not waits:
                self.bump()
        elif code in (6, 20):
            self.retry(record)
        else:
            self.told[record.number] = "failed"
            self.bump()

    def retry(self, record: Record) -> None:
        self.again.insert(0, record)
        if self.idempotence:
            self.again.sort(key=lambda r: r.sequence)

    def expire(self) -> None:
        if not self.again:
            self.told[self.fresh.pop(0)] = "unknown"
            return
        self.told[self.again.pop(0).number] = "unknown"
        self.unresolved = self.idempotence
        self.settle()

    def settle(self) -> None:
        if self.unresolved and not self.wire and not self.again:
            if self.acked == self.sequence - 1:
                self.unresolved = False
            else:
                self.bump()

    def bump(self) -> None:
        if not self.idempotence:
            return
        self.epoch, self.acked, self.unresolved, self.sequence = self.epoch + 1, -1, False, 0
        for record in sorted(self.wire + self.again, key=lambda r: r.sequence):
            record.sequence, record.reset = self.sequence, True
            self.sequence += 1


def schedules(world: World, seen: dict[tuple, int], path: tuple) -> Iterator[World]:
    """The ends of all schedules from here on; `seen` collects every world on the way with its moves, and prunes nothing."""
    key, moves = world.key(), world.moves()
    seen[key] = len(moves)
    if not moves:
        yield world
    for name in moves:
        after = copy.deepcopy(world)
        after.do(name)
        if after.key() not in path:
            yield from schedules(after, seen, (*path, key))


RESTARTS = ("cut", "restart broker", "fail over", "delivery timeout")


@pytest.mark.parametrize(("batches", "in_flight", "faults", "idempotence", "broker", "kinds"), [
    (2, 1, 1, True, "4.4", USUAL_KINDS), (2, 1, 2, True, "4.4", ("cut", "refuse")), (2, 2, 1, True, "4.4", USUAL_KINDS),
    (2, 2, 1, True, "2.4", USUAL_KINDS), (2, 2, 1, True, "4.5", USUAL_KINDS), (3, 2, 1, True, "4.4", ("refuse",)),
    (2, 2, 2, True, "4.4", ("cut", "refuse")), (2, 2, 2, True, "4.4", RESTARTS), (2, 2, 2, True, "4.4", ("late", "refuse")),
    (2, 1, 2, False, "4.4", USUAL_KINDS),
    (2, 2, 1, False, "4.4", USUAL_KINDS), (3, 2, 1, False, "4.4", ("cut",)),
    (3, 2, 1, True, "4.4", USUAL_KINDS), (3, 2, 1, True, "4.5", ("cut", "refuse", "restart broker")),
])
def test_merging_states_loses_nothing(batches: int, in_flight: int, faults: int, idempotence: bool, broker: str,
                                      kinds: tuple[str, ...]) -> None:
    seen: dict[tuple, int] = {}
    ends = {(tuple(s.batch.payload for s in world.broker.batches), tuple(world.told[b] for b in range(batches)))
            for world in schedules(World(batches, in_flight, faults, idempotence, broker, kinds), seen, ())}
    found = explore(batches, in_flight, faults, idempotence=idempotence, broker=broker, kinds=kinds)
    assert (found.states, found.graph.transitions) == (len(seen), sum(seen.values()))
    assert {(tuple(int(v[1:]) for v in o.log), o.told) for o in found.outcomes} == ends
