"""All the logs that a graph can end with, as one diagram: what many of them have in common is there once.

A node stands for every way to go on from somewhere: which batch may come next in the log, the node behind each, and what
may be the end if none comes. Equal ways have the same node, so the ways on from a state are joined from those of the states
behind it, each pair of nodes once. Half a million logs are then fifty thousand nodes, and can be counted without being listed.
The steps of the graph must not lead in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lesson_lib.explorer.exploration import Names, anomaly_names
from lesson_lib.explorer.lookups import Known, Numbered, worked_out
from lesson_lib.explorer.protocol import Place, Protocol

STORING = ("handle", "handle late", "store and answer")


class End(NamedTuple):
    """What the application was told, and what is wrong."""

    told: tuple[str, ...]
    anomalies: Names


class Node(NamedTuple):
    """`after`: the next batch in the log and the node behind it. `ends`: how it may end here, and with how many faults left."""

    after: frozenset[tuple[int, int]]
    ends: frozenset[tuple[End, int]]


def stored(protocol: Protocol, step: str, after: Place) -> int | None:
    """The batch that a step put into the log, if it did. For a broker that stores whatever it is given."""
    return protocol.brokers[after[3]].log[-1].number if step in STORING else None


@dataclass
class Ends:
    """The diagram of all that can follow `start`."""

    protocol: Protocol
    start: Place
    nodes: Numbered = field(default_factory=Numbered)
    after: list[dict[int, int]] = field(default_factory=list)
    joined: dict[tuple[int, int], int] = field(default_factory=dict)
    nodes_of: dict[Place, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nothing = self._number({}, {})
        self.names = Known(lambda place: anomaly_names(self.protocol, place))
        self.root = worked_out(self.nodes_of, self.start, lambda place: [p for _, p in self.protocol.steps(place)], self._node)

    def _node(self, place: Place) -> int:
        """The node of a state, from those of the states behind it."""
        steps, found = self.protocol.steps(place), self.nothing
        if not steps:
            return self._end(place)
        for step, after in steps:
            node, batch = self.nodes_of[after], stored(self.protocol, step, after)
            found = self._join(found, node if batch is None else self._number({batch: node}, {}))
        return found

    def _end(self, place: Place) -> int:
        client, _, _, broker, _, left = place
        end = End(self.protocol.clients[client].told, self.names[client, (), (), broker, (), 0])
        return self._number({}, {end: left})

    def _join(self, one: int, other: int) -> int:
        """The node for both ways."""
        if one == other or self.nothing in (one, other):
            return max(one, other)  # nothing has number 0
        pair = (one, other) if one < other else (other, one)
        return self.joined.get(pair) or worked_out(self.joined, pair, self._within, self._merge)

    def _within(self, pair: tuple[int, int]) -> list[tuple[int, int]]:
        """What has to be joined before: the nodes behind the batches with which both go on."""
        one, other = self.after[pair[0]], self.after[pair[1]]
        both = [(one[batch], other[batch]) for batch in one.keys() & other.keys()]
        return [(a, b) if a < b else (b, a) for a, b in both if a != b]

    def _merge(self, pair: tuple[int, int]) -> int:
        one, other = pair
        after, ends = self.after[one].copy(), dict(self.nodes[one].ends)
        for batch, node in self.after[other].items():
            after[batch] = self._join(after[batch], node) if batch in after else node
        for end, left in self.nodes[other].ends:
            ends[end] = max(left, ends.get(end, 0))
        return self._number(after, ends)

    def _number(self, after: dict[int, int], ends: dict[End, int]) -> int:
        number = self.nodes.number(Node(frozenset(after.items()), frozenset(ends.items())))
        if number == len(self.after):
            self.after.append(after)
        return number

    def counts(self) -> Counter[Names]:
        """How many different ends there are with each set of anomalies."""
        counted: list[Counter[Names]] = []
        for node, after in zip(self.nodes, self.after, strict=True):  # a node comes after all that it leads to
            counted.append(Counter(end.anomalies for end, _ in node.ends))
            for behind in after.values():
                counted[-1].update(counted[behind])
        return counted[self.root]

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], End, int]]:
        """Every log with an end of it, and how many faults it can do without."""
        open_logs: list[tuple[tuple[int, ...], int]] = [((), self.root)]
        while open_logs:
            log, number = open_logs.pop()
            yield from ((log, end, left) for end, left in self.nodes[number].ends)
            open_logs.extend(((*log, batch), behind) for batch, behind in self.after[number].items())
