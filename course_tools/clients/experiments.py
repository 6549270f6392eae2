"""The experiments: each asks one question of a client and answers it in the words of a table's cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from course_tools.clients.bench import MOST, ClientBench
from course_tools.clients.driver import NEVER_TOLD, REFUSED
from lesson_lib.history import Attempt, History

SHORT = {"delivery_timeout_ms": 2_500, "request_timeout_ms": 2_500}
# The end comes during the second try, however late that began.
EXPIRES = {"delivery_timeout_ms": 2_300, "request_timeout_ms": 1_200}
# Time enough for a second request after the first has got no answer.
PATIENT = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 600}
BURST = 5
NO_SETTING = "no such setting"


class Experiment(NamedTuple):
    """A row of the table."""

    question: str
    answer: Callable[[ClientBench], str]


def default(bench: ClientBench) -> str:
    """No setting at all."""
    first = bench.play("", [1]).history.attempts[0].send
    return "on" if first.producer_id >= 0 and first.base_sequence >= 0 else "off"


def in_flight(bench: ClientBench) -> str:
    """Counted before the first answer."""
    return str(bench.in_flight_on) if bench.in_flight_on < MOST else f"{MOST} or more"


def copies(idempotence: bool) -> Callable[[ClientBench], str]:
    """One record, one lost ack."""
    return lambda bench: str(len(bench.play("1: lose ack", [1], idempotence=idempotence).history.values()))


def burst_with_a_lost_ack(bench: ClientBench) -> str:
    """All are on their way when the connection drops."""
    return log(bench.play("1: lose ack", [BURST], hold=[min(BURST, bench.in_flight_off)],
                          idempotence=False).history)


def burst_with_a_refusal(bench: ClientBench) -> str:
    """The broker refuses what comes behind the gap."""
    return log(bench.play("2: refuse 6", [BURST], hold=[min(BURST, bench.in_flight_on)],
                          idempotence=True).history)


def answer_45(bench: ClientBench) -> str:
    """The second of three single sends is refused."""
    told, run = bench.play("2: refuse 45", [1, 1, 1], idempotence=True, **SHORT)
    return f"{words(told[1])}; {identity(run.attempts[0], run.attempts[2:])}"


def after_45(bench: ClientBench) -> str:
    """The third of three single sends, of which the second is refused."""
    return words(bench.play("2: refuse 45", [1, 1, 1], idempotence=True, **SHORT).told[2])


def answer_46(bench: ClientBench) -> str:
    """Stored, and answered with 46."""
    return words(bench.play("1: store and answer 46", [1], idempotence=True).told[0])


def delivery_timeout(bench: ClientBench) -> str:
    """Stored, and never acknowledged."""
    return words(bench.play("1+: lose ack silently", [1, 1], then_all_is_well=True, idempotence=True,
                            **EXPIRES).told[0])


def after_the_timeout(bench: ClientBench) -> str:
    """One more send, when the application was told of the first."""
    told, run = bench.play("1+: lose ack silently", [1, 1], then_all_is_well=True, idempotence=True,
                           **EXPIRES)
    return f"{words(told[1])}; {identity(run.attempts[0], [a for a in run.attempts if a.batch == 1])}"


def hole(bench: ClientBench) -> str:
    """Three at once to an empty partition, the first is refused with 6."""
    told, run = bench.play("1: refuse 6", [3], hold=[min(3, bench.in_flight_on)], idempotence=True, **SHORT)
    return f"log {log(run)}; told " + ", ".join(f"m{n} {words(what)}" for n, what in enumerate(told))


def no_producer_id(bench: ClientBench) -> str:
    """The first answer is lost while the connection stays open; then all is well."""
    told = bench.play("InitProducerId 1: lose ack silently", [1, 1], idempotence=True, **PATIENT).told
    return ", ".join(map(words, told))


def six_in_flight(bench: ClientBench) -> str:
    """Asked for in words, with idempotence on."""
    told = bench.play("", [1], idempotence=True, in_flight=6).told
    reason = told[0].removeprefix(REFUSED).strip()
    return f"refused: `{reason}`" if told[0].startswith(REFUSED) else "accepted"


def where_there_is(setting: str, answer: Callable[[ClientBench], str]) -> Callable[[ClientBench], str]:
    """The answer of the clients that have that setting."""
    return lambda bench: NO_SETTING if setting in bench.client.lacks else answer(bench)


EXPERIMENTS = (
    Experiment("Idempotence, when nothing is set", default),
    Experiment("Batches of one partition in flight while it is on", in_flight),
    Experiment("One ack lost, idempotence off: copies in the log", copies(False)),
    Experiment("One ack lost, idempotence on: copies in the log", copies(True)),
    Experiment("Five at once, the first ack lost, idempotence off: the log", burst_with_a_lost_ack),
    Experiment("Five at once, the second refused with 6, idempotence on: the log", burst_with_a_refusal),
    Experiment("A batch is answered with 45: the application is told, and the producer goes on with",
               answer_45),
    Experiment("The next send after that 45", after_45),
    Experiment("A batch is stored and answered with 46: the application is told", answer_46),
    Experiment("The delivery timeout ends while no ack comes: the application is told",
               where_there_is("delivery_timeout_ms", delivery_timeout)),
    Experiment("The next send after that timeout, and what it goes with",
               where_there_is("delivery_timeout_ms", after_the_timeout)),
    Experiment("The first of three at once to a new partition is refused with 6", hole),
    Experiment("The first request for a producer id gets no answer, each later one does: two sends are told",
               no_producer_id),
    Experiment("Six in flight asked for, idempotence on", where_there_is("in_flight", six_in_flight)),
)


def log(run: History) -> str:
    """The values in the log."""
    return " ".join(run.values())


def words(told: str) -> str:
    """What the application was told, without offsets, which depend on the log alone."""
    if told == "ok -1":
        return "ok without an offset"
    return "ok" if told.startswith("ok ") else told if told == NEVER_TOLD else f"`{told}`"


def identity(before: Attempt, after: Sequence[Attempt]) -> str:
    """With what id and epoch the producer goes on."""
    if not after:
        return "it sends nothing any more"
    old, new = before.send, after[0].send
    return f"{'the same' if new.producer_id == old.producer_id else 'a new'} id, epoch {new.producer_epoch}"
