"""`explore`: not one outcome but every outcome, for every schedule of so many faults, each with a shortest
history.

"Never a duplicate" is then a sentence with a bound that was checked, not a hope. The producer is that of the
simulation (`client`), the broker's log is `core`'s, what may happen next is `protocol`, the walk is `search`;
what it found is an `Exploration`, and `replay` plays a path in it.

Differs from Kafka in: what these modules say. A restart of the broker, a new leader and a delivery timeout
happen only where `kinds` names them. With idempotence and one partition a duplicate needs the epoch bump of
the Java client, which numbers again what may be stored already; what leads to it is a narrowed window (a
clean restart, six in flight) or, before 4.5, a new partition whose first batch was refused and whose second
one lost its ack.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog, Rule
from lesson_lib.core.producer_state import judge
from lesson_lib.errors import LessonError, count_of, explains_arguments, values_of, version_of
from lesson_lib.explorer.client import Client
from lesson_lib.explorer.exploration import Exploration
from lesson_lib.explorer.protocol import KINDS, USUAL_KINDS, Protocol
from lesson_lib.explorer.search import MAX_STATES, TooManyStates, search, too_large
from lesson_lib.history import Settings
from lesson_lib.sim.run import client_of, log_of, name_of


@explains_arguments
def explore(batches: int | Sequence[str] = 3, in_flight: int = 1, faults: int = 1, *,
            partitions: int = 1, idempotence: bool = True, broker: str | KafkaVersion = "4.4",
            rule: Rule | PartitionLog = judge, client: str = "java", kinds: Collection[str] = USUAL_KINDS,
            max_states: int = MAX_STATES) -> Exploration:
    """Walk every schedule of at most `faults` faults and return all ends.

    `batches` is a number or the values, to one partition after the other; `kinds` names the faults that may
    happen (`KINDS`). kafka-python has one batch of a partition in flight when idempotence is on, whatever
    `in_flight` says. LessonError for more than `max_states` states, with the largest bounds that have fewer.
    """
    values, window = values_of(batches), count_of("in_flight", in_flight)
    in_turn = count_of("partitions", partitions)
    if client == "kafka-python" and idempotence:
        window = min(window, in_turn)
    log = log_of(version_of(broker), rule)
    producer = Client(client_of(client), len(values), window, idempotence, in_turn)
    _check(faults, kinds)

    def protocol(number: int) -> Protocol:
        return Protocol(replace(producer, batches=number), log, values[:number], tuple(kinds))

    try:
        graph = search(protocol(len(values)), faults, max_states)
    except TooManyStates:
        raise too_large(protocol, len(values), faults, max_states) from None
    settings = Settings("simulated", idempotence, "all", window, None, name_of(log, rule), client)
    return Exploration(graph, faults, settings)


def _check(faults: int, kinds: Collection[str]) -> None:
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise LessonError(f"The explorer has no fault {unknown[0]!r}; choose from: {', '.join(KINDS)}.")
    if not isinstance(faults, int) or faults < 0:
        raise LessonError(f"faults must be a whole number from 0, not {faults!r}.")
