"""What can happen next: the producer, the connection and the broker of the explorer put together, step by
step.

The steps from one `SearchState` to the next are

    send, handle, answer     what happens without faults, each as early or as late as it likes
    handle late              a request of a dead connection is handled after all; nobody hears the answer
    give up                  trying again would change nothing for ever, so the delivery timeout ends a batch,
                             alone or together with some of those that were handed over after it
    cut, late, refuse ...    the faults of `KINDS`; each costs one

Clients, brokers and requests are numbered as they turn up, and what one of them does is worked out once: a
state is a small tuple of numbers, a step is a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog, StoredBatch
from lesson_lib.core.producer_state import Batch, Refused
from lesson_lib.explorer.client import PENDING, ExploredClient
from lesson_lib.faults import BROKER_WORDS, befall

KINDS = {
    "cut": "a connection that drops, with what was unanswered lost as requests or as acks",
    "late": "a connection that drops, whose unhandled requests the broker handles later, after retries too",
    "refuse": "a retriable error before the batch is stored",
    "store and answer": "a retriable error although the batch is stored",
    "restart broker": "a clean restart of the broker",
    "fail over": "a new leader",
    "crash broker": "a crash of the broker",
    "delivery timeout": "a delivery timeout",
}
USUAL_KINDS = ("cut", "late", "refuse", "store and answer")
REFUSE, STORE_AND_ANSWER = (ErrorCode.NOT_LEADER_OR_FOLLOWER.value,
                            ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND.value)
DROPPING = ("cut", "restart broker", "fail over", "crash broker")
Queue = tuple[int, ...]
Steps = list[tuple[str, "SearchState"]]


class SearchState(NamedTuple):
    """`requests` the broker has not handled, `answers` the producer has not read, `late`: requests of dead
    connections.

    All are numbers, of what `Moves` has worked out. `left` is how many faults may follow. Within the
    search these are plain tuples, which are made four times as fast.
    """

    client: int
    requests: Queue
    answers: Queue
    broker: int
    late: tuple[Queue, ...]
    left: int


@dataclass(frozen=True, slots=True)
class NumberedBatch(Batch):
    """A batch with the number that the application knows it by; a rule on a real broker cannot see it."""

    number: int = -1

    def __hash__(self) -> int:
        """Of what tells the batches of one search apart: all fields cost a tenth of a search."""
        return hash((self.number, self.producer_id, self.producer_epoch, self.base_sequence))


class LogState(NamedTuple):
    """A partition's log between two moves: the batches in it, and what the broker remembers beside them."""

    memory: Any
    batches: tuple[NumberedBatch, ...]


class Memo(dict[Any, Any]):
    """A dict that works out what it is asked for the first time: the search looks up faster than it calls."""

    def __init__(self, work_out: Callable[[Any], Any]) -> None:
        super().__init__()
        self.work_out = work_out

    def __missing__(self, key: Hashable) -> Any:
        value = self[key] = self.work_out(key)
        return value


class Interned(list[Any]):
    """Values by the number that each got when it first turned up."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[Hashable, int] = {}

    def number(self, value: Any, key: Hashable = None) -> int:
        """Its number; where it is known by a `key`, that of the first value with such a one."""
        number = self.numbers.setdefault(key or value, len(self))  # hashed once, which costs most
        if number == len(self):
            self.append(value)
        return number


@dataclass
class Moves:
    """What the client and the broker do, as look-ups; `steps` puts them together. `client` is one that has
    sent nothing yet, `log` an empty one of the broker's.
    """

    client: ExploredClient
    log: PartitionLog
    values: tuple[str, ...]
    kinds: Collection[str] = USUAL_KINDS
    clients: Interned = field(default_factory=Interned)
    brokers: Interned = field(default_factory=Interned)
    requests: Interned = field(default_factory=Interned)

    def __post_init__(self) -> None:
        clients, self.sent, self.handled = self.clients, Memo(self._send), Memo(self._handle)
        self.answered = Memo(lambda key: self._number(clients[key[0]].answered(key[1])))
        self.dropped = Memo(lambda client: self._number(clients[client].disconnected()))
        self.expired = Memo(lambda client: self._number(clients[client].expired()))
        self.given_up, self.stuck = Memo(self._give_up), Memo(self._is_stuck)
        self.broken = {kind: Memo(partial(self._break, kind)) for kind in DROPPING}
        self.dropping = [kind for kind in DROPPING if kind in self.kinds]
        self.late, self.refuse, self.store_and_answer, self.timeout = (
            kind in self.kinds for kind in ("late", "refuse", "store and answer", "delivery timeout"))

    def start(self, faults: int) -> SearchState:
        """Nothing sent, an empty log."""
        logs = (_asleep(self.log),) * self.client.partitions
        return SearchState(self._number(self.client), (), (), self.brokers.number(logs), (), faults)

    def _number(self, client: ExploredClient) -> int:
        return self.clients.number(client, client.state)

    def _send(self, client: int) -> list[tuple[int, int]]:
        return [(self._number(after), self.requests.number(request))
                for after, request in self.clients[client].sends()]

    def _give_up(self, client: int) -> list[int]:
        """The oldest unfinished batch is given up, the oldest two, and so on."""
        found: list[int] = []
        while PENDING in self.clients[client].state.told:
            client = self.expired[client]
            found.append(client)
        return found

    def _handle(self, key: tuple[int, int]) -> tuple[int, int]:
        logs, (number, *numbers, _) = list(self.brokers[key[0]]), self.requests[key[1]]
        partition = number % len(logs)
        log = self._awake(logs[partition])
        verdict = log.append(NumberedBatch(1, *numbers, payload=(self.values[number],), number=number))
        logs[partition] = _asleep(log)
        return self.brokers.number(tuple(logs)), verdict.error.value if isinstance(verdict, Refused) else 0

    def _break(self, kind: str, broker: int) -> int:
        """A connection is gone; with some kinds more happens, to every partition."""
        logs = [self._awake(state) for state in self.brokers[broker]]
        for log in logs:
            log.disconnected()
            if kind in BROKER_WORDS:
                befall(log, kind)
        return self.brokers.number(tuple(map(_asleep, logs)))

    def _awake(self, state: LogState) -> PartitionLog:
        """A log for one move; its batches have one record each."""
        log = replace(self.log)
        log.batches = [StoredBatch(offset, batch) for offset, batch in enumerate(state.batches)]
        log.log_end_offset = len(state.batches)
        log.recall(state.memory)
        return log

    def steps(self, state: SearchState) -> Steps:
        """Every step that can be taken, each with the state it leads to."""
        client, requests, answers, broker, late, left = state
        found: list[Any] = []
        for after, request in self.sent[client]:
            found.append(("send", (after, (*requests, request), answers, broker, late, left)))
        if requests:
            after, error = self.handled[broker, requests[0]]
            found.append(("handle", (client, requests[1:], (*answers, error), after, late, left)))
        if answers:
            after = self.answered[client, answers[0]]
            found.append(("answer", (after, requests, answers[1:], broker, late, left)))
        elif not requests and not late and self.stuck[client, broker]:
            found.extend(("give up", (gone, (), (), broker, (), left)) for gone in self.given_up[client])
        for i, old in enumerate(late):
            after, _ = self.handled[broker, old[0]]
            rest = (*late[:i], old[1:], *late[i + 1:]) if len(old) > 1 else (*late[:i], *late[i + 1:])
            found.append(("handle late", (client, requests, answers, after, rest, left)))
        if left and (requests or answers or self.timeout):
            self._add_faults(found, client, requests, answers, broker, late, left - 1)
        return found

    def _is_stuck(self, key: tuple[int, int]) -> bool:
        """Whether no next try will change either side, however often it is made."""
        client, broker = key
        return all(self.handled[broker, request][0] == broker
                   and self.answered[after, self.handled[broker, request][1]] == client
                   for after, request in self.sent[client])

    def _add_faults(self, found: list[Any], client: int, requests: Queue, answers: Queue, broker: int,
                    late: tuple[Queue, ...], left: int) -> None:
        """A list that is filled, and no generator: this is the innermost loop of the search."""
        if requests or answers:
            dropped = self.dropped[client]
            for kind in self.dropping:
                found.append((kind, (dropped, (), (), self.broken[kind][broker], late, left)))
            if requests and self.late:
                found.append(("late", (dropped, (), (), self.broken["cut"][broker], (*late, requests), left)))
        if requests and self.refuse:
            found.append(("refuse", (client, requests[1:], (*answers, REFUSE), broker, late, left)))
        if requests and self.store_and_answer:
            after, error = self.handled[broker, requests[0]]
            if not error:
                answer = (*answers, STORE_AND_ANSWER)
                found.append(("store and answer", (client, requests[1:], answer, after, late, left)))
        if self.timeout and self.clients[client].state.waiting:
            found.append(("delivery timeout", (self.expired[client], requests, answers, broker, late, left)))


def _asleep(log: PartitionLog) -> LogState:
    return LogState(log.memory(), tuple(one.batch for one in log.batches))
