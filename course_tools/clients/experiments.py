"""The experiments: each asks one question of a client and answers it in the words of a table's cell.

A client stands on a bench in front of the lab: it plays a fault script, and the bench says what was told and
what was on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from course_tools.clients.driver import NEVER_TOLD, REFUSED, ClientDriver, SendPlan
from lesson_lib.faults import parse_script
from lesson_lib.history import Attempt, History, Kind
from lesson_lib.lab.lab import Lab
from lesson_lib.proxy.recording import Recording

SHORT = {"delivery_timeout_ms": 2_500, "request_timeout_ms": 2_500}
# The end comes during the second try, however late that began.
EXPIRES = {"delivery_timeout_ms": 2_300, "request_timeout_ms": 1_200}
# Time enough for a second request after the first has got no answer.
PATIENT = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 600}
UNTIL_IT_IS_TOLD = {"script": "1+: lose ack silently", "bursts": [1, 1], "then_all_is_well": True, **EXPIRES}
BURST = 5
MOST, LATE_MS = 8, 300  # a client that keeps more than that many in flight keeps any number


class ClientRun(NamedTuple):
    """What the application was told about m0, m1 ..., and everything that happened."""

    told: list[str]
    history: History


class HoldingRecording(Recording):
    """Nothing is handled before so many attempts, then so many: what a fault meets is not up to luck."""

    hold: Sequence[int] = ()

    def window_full(self, others: int = 0) -> bool:
        """Whether they were."""
        settled = self.attempts - len(self.batches_in_flight)
        wanted = min((count for count in self.hold if count > settled), default=0)
        return self.killed or self.closed or self.attempts >= wanted


class ClientBench:
    """`play` is one run on a new topic; `hold`: see `HoldingRecording`."""

    def __init__(self, lab: Lab, client: ClientDriver) -> None:
        self.lab, self.client = lab, client
        self.play("", [1])  # a client that has just been loaded is slow, and might run into short timeouts

    def play(self, script: str, bursts: Sequence[int], *, hold: Sequence[int] = (),
             then_all_is_well: bool = False, **settings: bool | int | None) -> ClientRun:
        """Send the bursts under the script, or only the first one."""
        recording = HoldingRecording(parse_script(script))
        recording.hold = hold

        def between() -> None:
            if then_all_is_well:
                recording.script = parse_script(None)
        topic = self.lab.topic("toy")
        self.lab.proxy.record(recording)
        told = self.client.send(SendPlan(self.lab.address, topic, tuple(bursts), between=between, **settings))
        return ClientRun(told, self.lab.history())

    @cached_property
    def in_flight(self) -> dict[bool, int]:
        """How many batches of a partition it leaves unanswered, at most `MOST`: with idempotence, without."""
        runs = {on: self.play(f"1: delay {LATE_MS}", [MOST], idempotence=on).history for on in (True, False)}
        return {on: [event.kind for event in run.of(Kind.SEND, Kind.ACK)].index(Kind.ACK)
                for on, run in runs.items()}


class Experiment(NamedTuple):
    """A row of the table; `needs` is the field of a plan without which it can't be asked."""

    question: str
    ask: Callable[[ClientBench], str]
    needs: str = ""

    def answer(self, bench: ClientBench) -> str:
        """The cell of the bench's client."""
        return "no such setting" if self.needs in bench.client.lacks else self.ask(bench)


def default(bench: ClientBench) -> str:
    """Whether batches are numbered without any setting."""
    first = bench.play("", [1]).history.attempts[0].send
    return "on" if first.producer_id >= 0 and first.base_sequence >= 0 else "off"


def log(script: str, count: int, idempotence: bool) -> Callable[[ClientBench], str]:
    """The values in the log of so many at once; nothing happens before all that can be are on their way."""
    return lambda bench: " ".join(bench.play(script, [count], hold=[min(count, bench.in_flight[idempotence])],
                                             idempotence=idempotence).history.values())


def copies(idempotence: bool) -> Callable[[ClientBench], str]:
    """One record, one lost ack."""
    return lambda bench: str(len(bench.play("1: lose ack", [1], idempotence=idempotence).history.values()))


def told(place: int, script: str, bursts: Sequence[int], **settings: int) -> Callable[[ClientBench], str]:
    """What the application was told of one record."""
    return lambda bench: words(bench.play(script, bursts, idempotence=True, **settings).told[place])


def answer_45(bench: ClientBench) -> str:
    """The second of three single sends is refused."""
    run = bench.play("2: refuse 45", [1, 1, 1], idempotence=True, **SHORT)
    return f"{words(run.told[1])}; {identity(run.history.attempts[0], run.history.attempts[2:])}"


after_45 = told(2, "2: refuse 45", [1, 1, 1], **SHORT)


def after_the_timeout(bench: ClientBench) -> str:
    """One more send, when the application was told of the first."""
    run = bench.play(idempotence=True, **UNTIL_IT_IS_TOLD)
    first, *others = run.history.attempts
    return f"{words(run.told[1])}; {identity(first, [one for one in others if one.batch == 1])}"


def hole(bench: ClientBench) -> str:
    """Three at once to an empty partition, the first is refused with 6."""
    run = bench.play("1: refuse 6", [3], hold=[min(3, bench.in_flight[True])], idempotence=True, **SHORT)
    each = ", ".join(f"m{n} {words(what)}" for n, what in enumerate(run.told))
    return f"log {' '.join(run.history.values())}; told {each}"


def no_producer_id(bench: ClientBench) -> str:
    """The first answer is lost while the connection stays open; then all is well."""
    run = bench.play("InitProducerId 1: lose ack silently", [1, 1], idempotence=True, **PATIENT)
    return ", ".join(map(words, run.told))


def six_in_flight(bench: ClientBench) -> str:
    """Asked for in words, with idempotence on."""
    first = bench.play("", [1], idempotence=True, in_flight=6).told[0]
    return f"refused: `{first.removeprefix(REFUSED).strip()}`" if first.startswith(REFUSED) else "accepted"


EXPERIMENTS = (
    Experiment("Idempotence, when nothing is set", default),
    Experiment("Batches of one partition in flight while it is on", lambda bench:
               str(bench.in_flight[True]) if bench.in_flight[True] < MOST else f"{MOST} or more"),
    Experiment("One ack lost, idempotence off: copies in the log", copies(False)),
    Experiment("One ack lost, idempotence on: copies in the log", copies(True)),
    Experiment("Five at once, the first ack lost, idempotence off: the log",
               log("1: lose ack", BURST, False)),
    Experiment("Five at once, the second refused with 6, idempotence on: the log",
               log("2: refuse 6", BURST, True)),
    Experiment("A batch is answered with 45: the application is told, and the producer goes on with",
               answer_45),
    Experiment("The next send after that 45", after_45),
    Experiment("A batch is stored and answered with 46: the application is told",
               told(0, "1: store and answer 46", [1])),
    Experiment("The delivery timeout ends while no ack comes: the application is told",
               told(0, **UNTIL_IT_IS_TOLD), needs="delivery_timeout_ms"),
    Experiment("The next send after that timeout, and what it goes with", after_the_timeout,
               needs="delivery_timeout_ms"),
    Experiment("The first of three at once to a new partition is refused with 6", hole),
    Experiment("The first request for a producer id gets no answer, each later one does: two sends are told",
               no_producer_id),
    Experiment("Six in flight asked for, idempotence on", six_in_flight, needs="in_flight"),
)


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
