"""What can happen next: the producer, the connection and the broker of the explorer put together, step by step.

A state is (client, requests, answers, broker, late, faults left): what the producer knows, the requests on the
connection that the broker has not handled, the answers that the producer has not read, the broker, the requests that
are still to be read from connections that are gone, and how many faults may follow. The steps are

    send · handle · answer          what happens without faults, each as early or as late as it likes
    handle late                     a request of a dead connection is handled after all; nobody hears the answer
    give up                         trying again would change nothing for ever, so the delivery timeout ends it, alone or
                                    together with some of those that were handed over after it
    cut, late, refuse ...           the faults of `KINDS`; each costs one

Clients, brokers and requests are numbered as they turn up, and what one of them does is worked out once: a state is a
small tuple of numbers, a step is a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from lesson_lib.core.batch import Batch
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import Refused
from lesson_lib.explorer.lookups import Known, Numbered
from lesson_lib.explorer.producer import PENDING, Producer, Request
from lesson_lib.sim.broker_with_memory import Broker, State

KINDS = {
    "cut": "a connection that tears, with what was unanswered lost as requests or as acks",
    "late": "a connection that tears, whose unhandled requests the broker handles later, after their retries perhaps",
    "refuse": "a retriable error before the batch is stored",
    "store and answer": "a retriable error although the batch is stored",
    "restart broker": "a clean restart of the broker",
    "fail over": "a new leader",
    "crash broker": "a crash of the broker",
    "delivery timeout": "a delivery timeout",
}
USUAL_KINDS = ("cut", "late", "refuse", "store and answer")
REFUSE, STORE_AND_ANSWER = ErrorCode.NOT_LEADER_OR_FOLLOWER.value, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND.value
Place = tuple[int, tuple[int, ...], tuple[int, ...], int, tuple[tuple[int, ...], ...], int]


@dataclass(frozen=True, slots=True)
class NumberedBatch(Batch):
    """A batch with the number that the application knows it by. No rule can see that number on a real broker."""

    number: int = -1


@dataclass
class Protocol:
    """What the producer and the broker do, as look-ups; `steps` puts them together."""

    producer: Producer
    broker: Broker
    values: tuple[str, ...]
    kinds: Collection[str] = USUAL_KINDS
    clients: Numbered = field(default_factory=Numbered)
    brokers: Numbered = field(default_factory=Numbered)
    requests: Numbered = field(default_factory=Numbered)

    def __post_init__(self) -> None:
        self.sent = Known(self._send)
        self.handled = Known(self._handle)
        self.answered = Known(lambda key: self.clients.number(self.producer.answered(self.clients[key[0]], key[1])))
        self.torn = Known(lambda client: self.clients.number(self.producer.disconnected(self.clients[client])))
        self.expired = Known(lambda client: self.clients.number(self.producer.expired(self.clients[client])))
        self.given_up = Known(self._give_up)
        self.waits = Known(lambda client: bool(self.clients[client].waiting))
        happenings = {"cut": self.broker.disconnected, "restart broker": self.broker.restarted,
                      "fail over": self.broker.failed_over,
                      "crash broker": lambda state: self.broker.restarted(self.broker.failed_over(state))}
        self.broken = {kind: Known(self._numbered(happens)) for kind, happens in happenings.items()}
        self.tears = [kind for kind in happenings if kind in self.kinds]

    def start(self, faults: int) -> Place:
        """Nothing sent, an empty log."""
        client, broker = self.clients.number(self.producer.start()), self.brokers.number(State())
        return client, (), (), broker, (), faults

    def batch(self, request: Request) -> NumberedBatch:
        """The batch in a request, one record long."""
        number, *numbers = request
        return NumberedBatch(1, *numbers, payload=(self.values[number],), number=number)

    def _send(self, client: int) -> tuple[int, int] | None:
        sent = self.producer.send(self.clients[client])
        return sent and (self.clients.number(sent[0]), self.requests.number(sent[1]))

    def _give_up(self, client: int) -> list[int]:
        """The oldest unfinished batch is given up, the oldest two, and so on."""
        found: list[int] = []
        while PENDING in self.clients[client].told:
            client = self.expired[client]
            found.append(client)
        return found

    def _handle(self, key: tuple[int, int]) -> tuple[int, int]:
        state, verdict = self.broker.handle(self.brokers[key[0]], self.batch(self.requests[key[1]]))
        return self.brokers.number(state), verdict.error.value if isinstance(verdict, Refused) else 0

    def _numbered(self, happens: Callable[[State], State]) -> Callable[[int], int]:
        """The same happening, from number to number; the connection is gone with it."""
        return lambda broker: self.brokers.number(self.broker.disconnected(happens(self.brokers[broker])))

    def steps(self, place: Place) -> list[tuple[str, Place]]:
        """Every step that can be taken, each with the state it leads to."""
        client, requests, answers, broker, late, left = place
        found: list[tuple[str, Place]] = []
        if sent := self.sent[client]:
            found.append(("send", (sent[0], (*requests, sent[1]), answers, broker, late, left)))
        if requests:
            after, error = self.handled[broker, requests[0]]
            found.append(("handle", (client, requests[1:], (*answers, error), after, late, left)))
        if answers:
            found.append(("answer", (self.answered[client, answers[0]], requests, answers[1:], broker, late, left)))
        elif not requests and not late and self.waits[client] and self._stuck(client, broker):
            found.extend(("give up", (gone, (), (), broker, (), left)) for gone in self.given_up[client])
        for i, old in enumerate(late):
            after, _ = self.handled[broker, old[0]]
            rest = (*late[:i], old[1:], *late[i + 1:]) if len(old) > 1 else (*late[:i], *late[i + 1:])
            found.append(("handle late", (client, requests, answers, after, rest, left)))
        if left:
            found.extend(self._faults(place))
        return found

    def _stuck(self, client: int, broker: int) -> bool:
        """Whether the next try will change neither side, however often it is made."""
        sent = self.sent[client]
        if not sent:
            return False
        after, error = self.handled[broker, sent[1]]
        return bool(after == broker and self.answered[sent[0], error] == client)

    def _faults(self, place: Place) -> Iterator[tuple[str, Place]]:
        client, requests, answers, broker, late, left = place
        left -= 1
        if requests or answers:
            for kind in self.tears:
                yield kind, (self.torn[client], (), (), self.broken[kind][broker], late, left)
        if requests:
            yield from self._request_faults(client, requests, answers, broker, late, left)
        if "delivery timeout" in self.kinds and self.waits[client]:
            yield "delivery timeout", (self.expired[client], requests, answers, broker, late, left)

    def _request_faults(self, client: int, requests: tuple[int, ...], answers: tuple[int, ...], broker: int,
                        late: tuple[tuple[int, ...], ...], left: int) -> Iterator[tuple[str, Place]]:
        if "late" in self.kinds:
            after = self.broken["cut"][broker]
            yield "late", (self.torn[client], (), (), after, (*late, requests), left)
        if "refuse" in self.kinds:
            yield "refuse", (client, requests[1:], (*answers, REFUSE), broker, late, left)
        after, error = self.handled[broker, requests[0]]
        if "store and answer" in self.kinds and not error:
            yield "store and answer", (client, requests[1:], (*answers, STORE_AND_ANSWER), after, late, left)
