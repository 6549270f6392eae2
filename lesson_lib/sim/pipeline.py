"""Consume, transform, produce: read a record, work on it, write its result, commit the position, with a crash
after any step.

With transactions the result and the position are committed together, so that after a crash either both are
there or neither is. Without, they are two steps: a crash between them makes the result twice, or never where
the position is committed first. Idempotence does not help, for the new process has a new producer id. Nothing
outside Kafka is covered by either: an e-mail sent between two steps is sent again.

Differs from Kafka in: one input partition, one record a transaction, no group that could rebalance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lesson_lib.errors import LessonError, explains_arguments, values_of
from lesson_lib.history import History, Kind, LogCell
from lesson_lib.history.link import noted
from lesson_lib.sim.transactions import INPUT_TOPIC, IdempotentSession, Transactions
from lesson_lib.sim.world import THINK_MS

TRANSACTION = ("read", "begin", "work", "send", "offsets", "commit")
STEPS = {"after": ("read", "work", "send", "position"), "before": ("read", "position", "work", "send")}


class PipelineProcess:
    """A process that is started again after each crash, and asks for the group's position when it starts."""

    def __init__(self, kafka: Transactions, values: Sequence[str], steps: Sequence[str],
                 crash: Mapping[int, str]) -> None:
        self.kafka, self.world, self.values, self.steps = kafka, kafka.world, values, steps
        self.crash = dict(crash)

    def run(self) -> None:
        """Until every input record is dealt with."""
        session = None
        while (offset := self.kafka.position) < len(self.values):
            session = session or self.kafka.producer("pipeline" if self.steps == TRANSACTION else None)
            if not self._deal_with(session, offset):
                session = None

    def _deal_with(self, session: IdempotentSession, offset: int) -> bool:
        """False where it crashed."""
        for step in self.steps:
            crashes = self.crash.get(offset + 1) == step
            self._do(session, step, offset, crashes)
            if crashes:
                del self.crash[offset + 1]
                if not session.sender.killed:
                    session.kill()
                self.world.record(Kind.CONSUMER, "crashed", lane="consumer")
                self.world.clock.now += 2 * THINK_MS
                self.world.record(Kind.CONSUMER, "started", lane="consumer")
                return False
        return True

    def _do(self, session: IdempotentSession, step: str, offset: int, crashes: bool) -> None:
        self.world.clock.now += THINK_MS
        match step:
            case "read" | "work":
                self.world.record(Kind(step), lane="consumer", topic=INPUT_TOPIC, offset=offset,
                                  values=(self.values[offset],))
            case "send":
                session.send(self.values[offset].upper())
            case "commit":
                session.commit(killed=crashes)
            case "begin":
                session.begin()
            case _:
                session.send_offsets(offset + 1)


@explains_arguments
@noted
def simulate_pipeline(values_or_count: int | Sequence[str] = 3, *, transactions: bool = True,
                      crash: Mapping[int, str] | None = None, isolation: str = "read_committed",
                      transaction_version: int = 1, commit: str = "after") -> History:
    """Read each record of `in`, write it in capitals to `out`, and let a consumer read `out` with that
    isolation level.

    `crash`: {2: "send"} lets the process crash once, right after that step with the second input record.
    Steps are read, begin, work, send, offsets, commit (the commit is decided, its answer never arrives);
    without transactions read, work, send, position, or with `commit="before"` read, position, work, send.
    """
    values = values_of(values_or_count)
    if commit not in STEPS:
        raise LessonError(f"The offset is committed \"after\" the send or \"before\" it, not {commit!r}.")
    steps = TRANSACTION if transactions else STEPS[commit]
    if not isinstance(crash, Mapping | None):
        raise LessonError(f"crash is a dict such as {{1: 'send'}}, not {crash!r}.")
    for record, step in (crash or {}).items():
        if record not in range(1, len(values) + 1):
            raise LessonError(f"There is no input record {record!r} to crash at; "
                              f"records count from 1 to {len(values)}.")
        if step not in steps:
            raise LessonError(f"It cannot crash after {step!r} here. The steps are {', '.join(steps)}.")
    kafka = Transactions(transaction_version=transaction_version, topic="out")
    reader = kafka.consumer(isolation)
    reader.lane = "reader"
    PipelineProcess(kafka, values, steps, crash or {}).run()
    reader.poll()
    run = kafka.history()
    cells = tuple(LogCell(i, value, base_offset=i) for i, value in enumerate(values))
    return History(run.events, {(INPUT_TOPIC, 0): cells, **run.logs}, run.settings)
