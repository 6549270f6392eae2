"""`explore`: not one outcome but every outcome, for every schedule of so many faults, each with a shortest history.

"Never a duplicate" is then a sentence with a bound that was checked, not a hope. The producer is `explore_producer`, the
broker `explore_broker`, the walk `explore_search`; what it found is an `Exploration`, and a path in it becomes a History in
`explore_history`. Without idempotence `explore_plain` has the same ends from fewer states.

Differs from Kafka in: what these modules say. A restart of the broker, a new leader and a delivery timeout happen only
where `kinds` names them. With idempotence a duplicate needs the epoch bump of the Java client, which numbers again what
may be stored already; what leads to it is a narrowed window (a clean restart, six in flight) or, before 4.5, a new
partition whose first batch was refused and whose second one lost its ack.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError, count_of, values_of, version_of
from lesson_lib.explorer.bounds import too_large
from lesson_lib.explorer.exploration import Exploration
from lesson_lib.explorer.producer import KafkaPythonProducer, Producer
from lesson_lib.explorer.protocol import KINDS, USUAL_KINDS, Protocol
from lesson_lib.explorer.search import MAX_STATES, TooManyStates, search
from lesson_lib.explorer.without_idempotence import OneForMany, PlainExploration, PlainProtocol, can_be_reduced
from lesson_lib.history import Settings
from lesson_lib.sim.broker_with_memory import Broker, Rule

CLIENTS = {"java": Producer, "kafka-python": KafkaPythonProducer}


def explore(batches: int | Sequence[str] = 3, in_flight: int = 1, faults: int = 1, *, idempotence: bool = True,
            broker: str | KafkaVersion = "4.4", rule: Rule | Broker = judge, client: str = "java",
            kinds: Collection[str] = USUAL_KINDS, max_states: int = MAX_STATES, whole: bool = False) -> Exploration:
    """Walk every schedule of at most `faults` faults and return all ends.

    `batches` is a number or the values; `kinds` names the faults that may happen (`KINDS`). kafka-python has one batch in
    flight when idempotence is on, whatever `in_flight` says. LessonError for more than `max_states` states, with the largest
    bounds that have fewer. `whole` merges only states that are equal in everything, with the same ends in the end.
    """
    values = values_of(batches)
    _check(faults, kinds, client)
    window = 1 if client == "kafka-python" and idempotence else count_of("in_flight", in_flight)
    version = version_of(broker)
    toy = rule if isinstance(rule, Broker) else Broker(rule, version)
    producer = CLIENTS[client](len(values), window, idempotence)
    plain = not whole and can_be_reduced(producer, toy)

    def protocol(number: int) -> Protocol:
        these = replace(producer, batches=number), OneForMany(judge, toy.version) if plain else toy, values[:number], tuple(kinds)
        return PlainProtocol(*these) if plain else Protocol(*these)

    try:
        graph = search(protocol(len(values)), faults, max_states)
    except TooManyStates:
        raise too_large(protocol, len(values), faults, max_states) from None
    settings = Settings("simulated", idempotence, "all", window, None, toy.name, client)
    return (PlainExploration if plain else Exploration)(graph, faults, settings)


def _check(faults: int, kinds: Collection[str], client: str) -> None:
    if client not in CLIENTS:
        raise LessonError(f"The explorer knows no client {client!r}; choose one of: {', '.join(CLIENTS)}.")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise LessonError(f"The explorer knows no fault {unknown[0]!r}; choose from: {', '.join(KINDS)}.")
    if not isinstance(faults, int) or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")
