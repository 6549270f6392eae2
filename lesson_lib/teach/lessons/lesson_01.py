"""Lesson 1, "A record, an ack, an offset": what a producer does when nothing goes wrong, and what an ack is worth.

Where the notebook uses what, in this order:

| id | where |
|---|---|
| 1.recall-log, 1.recall-partition, 1.recall-network | opening: what one needs to know before |
| 1.offsets | before the first run, `simulate(3)`; `reveal(run, predict)` shows it |
| 1.saw-messages | after that run, `observe("1.saw-messages", run)` |
| 1.batches | before `simulate(4, records_per_batch=2)` |
| 1.acks-0 | before `simulate(3, acks=0, faults={3: "lose request"}, idempotence=False)` |
| 1.saw-answers | after that run |
| 1.last-offset, 1.header, 1.silent-loss | exercises: a value, a function that reads the header of a batch, a puzzle |
"""

from __future__ import annotations

import struct
from typing import Any

from lesson_lib.history import History
from lesson_lib.teach.content import Option, Question, scenario
from lesson_lib.teach.lessons import wire
from lesson_lib.teach.readings import acks, all_ok, log_words, offsets_told, requests, told_words
from lesson_lib.teach.tasks.function import FunctionTask
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.task import given
from lesson_lib.teach.tasks.value import ValueTask

THREE = scenario(3, idempotence=False)
PAIRS = scenario(4, records_per_batch=2, idempotence=False)
UNASKED = scenario(3, acks=0, faults={3: "lose request"}, idempotence=False)


def told_offsets(run: History) -> str:
    """The offsets that the application was told, as words."""
    return ", ".join("none" if offset is None else str(offset) for offset in offsets_told(run))


RECALL = (
    Question(
        id="1.recall-log", kind="recall", text="What does a broker do with a record once a consumer has read it?",
        options=(
            Option("It removes it, as a queue does.", False, "a topic is a queue",
                   "a second consumer can read the same record tomorrow."),
            Option("It marks it as read.", False, "a topic is a queue",
                   "the broker writes nothing into the record; a consumer keeps its own position."),
            Option("It keeps it where it is, at its offset.", True),
        ),
        explanation="A partition is a log: records are appended, stay at their offset, and are read as often as anybody likes.",
    ),
    Question(
        id="1.recall-partition", kind="recall", text="A topic has three partitions. Where are its records in order?",
        options=(
            Option("In the whole topic.", False, "a topic is one log", "each partition counts its own offsets from 0."),
            Option("In each partition by itself.", True),
            Option("Nowhere.", False, "Kafka keeps no order", "within a partition every record has its place, its offset."),
        ),
        explanation="Each partition is a log of its own. All that this course says about order holds within one partition.",
    ),
    Question(
        id="1.recall-network", kind="recall",
        text="A program sends a request over TCP. The connection breaks before an answer comes. What does the program know?",
        options=(
            Option("The request was not handled.", False, "no answer means not done",
                   "the server may have handled it, and the answer was lost."),
            Option("The request was handled.", False, "sent means done", "it may have been lost on the way."),
            Option("Neither.", True),
        ),
        explanation="Nothing tells the two cases apart from the sender's side. Most of this course follows from that.",
    ),
)

HEADER_OFF = Question(
    id="1.header-off", kind="choice",
    text="Every batch has these three fields. What do they hold when idempotence is off?",
    options=(
        Option("0, 0 and 0.", False, "off is zero", "0 is a number like any other: a producer id, an epoch and a first sequence."),
        Option("-1, -1 and -1.", True),
        Option("Nothing: the header is 14 bytes shorter.", False, "idempotence makes batches longer",
               "the layout is the same for every batch."),
    ),
    explanation="-1 stands for none. The next cell shows it in the log.",
)

PREDICTIONS = (
    Question(
        id="1.offsets", kind="prediction", scenario=THREE,
        text="A producer sends `m0`, `m1`, `m2` to an empty partition. Each gets an ack. Which offsets do the acks carry?",
        options=(
            Option("1, 2, 3.", lambda run: offsets_told(run) == [1, 2, 3], "offsets count from one",
                   lambda run: f"the first record of this log lies at offset {run.log()[0].offset}."),
            Option("0, 1, 2.", lambda run: offsets_told(run) == [0, 1, 2]),
            Option("None: an ack only says that it worked.", lambda run: not any(o is not None for o in offsets_told(run)),
                   "an ack carries no place", lambda run: f"the answers carried the offsets {told_offsets(run)}."),
        ),
        explanation="The broker chooses the offset when it appends, and the ack brings it back. Offsets count from 0.",
    ),
    Question(
        id="1.batches", kind="prediction", scenario=PAIRS,
        text="Four records travel in two batches of two. How many acks does the broker send, and which offset stands in the last one?",
        options=(
            Option("Four acks; in the last one stands 3.", lambda run: acks(run) == 4 and offsets_told(run)[-1] == 3,
                   "every record is acked by itself", lambda run: f"{acks(run)} answers came back, one for each batch."),
            Option("Two acks; in the last one stands 3.", lambda run: acks(run) == 2 and offsets_told(run)[-1] == 3,
                   "an ack names the last record", lambda run: f"the second ack carries {offsets_told(run)[-1]}, the offset of the "
                   "first record in its batch."),
            Option("Two acks; in the last one stands 2.", lambda run: acks(run) == 2 and offsets_told(run)[-1] == 2),
        ),
        explanation="A batch is sent, stored and acked as one. Its ack carries the offset of its first record; "
                    "the client counts on from there.",
    ),
    Question(
        id="1.acks-0", kind="prediction", scenario=UNASKED,
        text="With `acks=0` the producer asks for no answer. The request with `m2` is lost. What is the application told about `m2`?",
        options=(
            Option("ok", lambda run: run.told.get(2) == "ok"),
            Option("failed", lambda run: run.told.get(2) == "failed", "acks=0 still notices a loss",
                   lambda run: f"the application was told {told_words(run)}: without an answer nothing can fail."),
            Option("Nothing: the future never completes.", lambda run: run.told.get(2) == "unknown",
                   "acks=0 waits", lambda run: f"the application was told {told_words(run)}, as soon as the bytes were handed over."),
        ),
        explanation="With `acks=0` ok means that the bytes left the process. That is all it means: no offset comes with it, "
                    "and the 0 that `kafka-python` shows in its place is none.",
    ),
)

OBSERVATIONS = (
    Question(
        id="1.saw-messages", kind="observation", scenario=THREE,
        text="How many messages crossed the network in this run, requests and answers together?",
        options=(
            Option("Three.", lambda run: requests(run) + acks(run) == 3, "an ack is not a message",
                   lambda run: f"{requests(run)} requests went out and {acks(run)} answers came back."),
            Option("Four.", lambda run: requests(run) + acks(run) == 4, "an ack is not a message",
                   lambda run: f"{requests(run)} requests went out and {acks(run)} answers came back."),
            Option("Six.", lambda run: requests(run) + acks(run) == 6),
        ),
        explanation="Every request has its answer. Each of the six can be lost, and the lessons to come lose them one by one.",
    ),
    Question(
        id="1.saw-answers", kind="observation", scenario=UNASKED,
        text="The application was told ok three times. How many answers did the producer get for that?",
        options=(
            Option("None.", lambda run: all_ok(run) and acks(run) == 0),
            Option("Two: the third request never arrived.", lambda run: acks(run) == 2, "the broker answers what it stores",
                   lambda run: f"{requests(run)} requests went out, and {acks(run)} answers came back."),
            Option("Three, one for each ok.", lambda run: acks(run) == 3, "ok means stored",
                   lambda run: f"{acks(run)} answers came back, and the log holds {log_words(run)}."),
        ),
        explanation="With `acks=0` ok is said when the request leaves. `m2` is a *lost write*: told ok, and not there. "
                    "Nobody ever finds out.",
    ),
)


def read_header(batch: bytes) -> tuple[int, int, int, int]:
    """Producer id, producer epoch, base sequence and record count, from bytes 43 to 60."""
    import struct  # here, so that the solution can be pasted as it stands
    return struct.unpack_from(">qhii", batch, 43)


def one_byte_early(batch: bytes) -> tuple[int, int, int, int]:
    """Begins one byte too early."""
    return struct.unpack_from(">qhii", batch, 42)


def little_endian(batch: bytes) -> tuple[int, int, int, int]:
    """Reads the bytes in the wrong order."""
    return struct.unpack_from("<qhii", batch, 43)


def without_count(batch: bytes) -> Any:
    """Leaves the record count out."""
    return struct.unpack_from(">qhi", batch, 43)


EXERCISES = (
    ValueTask(
        id="1.last-offset", scenario=scenario(8, records_per_batch=3, idempotence=False), expects="a whole number",
        text="Eight records are sent to an empty partition in batches of three, three and two. Which offset does the last ack carry? "
             "`task.check(...)`",
        truth=lambda run: offsets_told(run)[-1],
        against=lambda run, answer: f"The log ends at offset {run.log()[-1].offset}, and the last batch holds "
                                    f"{run.attempts[-1].send.record_count} records; an ack names the first of its batch.",
        hints=("Every record takes one offset, whatever batch it came with.", "The first batch fills the offsets 0, 1 and 2."),
        right=(given(6),), wrong=(given(2), given(7), given(8), given("6")),
        explanation="The batches begin at 0, 3 and 6.",
    ),
    FunctionTask(
        id="1.header", name="read_header", truth=read_header, inputs=wire.sample_batches, show=wire.describe,
        text="Write `read_header(batch)`: from the bytes of a record batch it returns producer id (8 bytes, from byte 43), "
             "producer epoch (2 bytes), base sequence (4) and record count (4), as a tuple of four whole numbers. "
             "All are signed, and the most significant byte comes first. `task.check(read_header)`",
        hints=("`int.from_bytes(batch[43:51], \"big\", signed=True)` is the producer id.",
               "The epoch follows at byte 51, the base sequence at 53, the record count at 57.",
               "Or all at once, with `struct.unpack_from` and the format `\">qhii\"`."),
        right=(given(read_header),),
        wrong=(given(one_byte_early), given(little_endian), given(without_count), given((1, 2, 3, 4))),
        explanation="One producer id, one epoch, one base sequence for the whole batch: -1, -1, -1 where idempotence is off. "
                    "With these eighteen bytes the broker's rule begins.",
    ),
    PuzzleTask(
        id="1.silent-loss", scenario=scenario(3, idempotence=False), budget=1, free={"acks": (0, 1, "all")},
        goal="the log holds `m0` alone, and the application was told ok three times.",
        reached=lambda run: run.values() == ["m0"] and all_ok(run),
        text="Make this log: `m0` alone, while the application is told ok for `m0`, `m1` and `m2`. You may lose one thing, "
             "and you choose acks: `task.check({...: \"...\"}, acks=...)`",
        hints=("A request that is lost is sent again, if anybody is waiting for its answer.",
               "With `acks=0` nobody waits, and the next request is under way at once. What is lost with a connection?"),
        right=(given({2: "lose request"}, acks=0), given("2: lose request", acks=0), given({2: "lose request silently"}, acks=0)),
        wrong=(given({2: "lose request"}, acks="all"), given({3: "lose request"}, acks=0), given({3: "lose ack"}, acks=0),
               given({3: "lose request"}), given("impossible"), given({3: "lose everything"}, acks=0), given({9: "lose ack"}, acks=1),
               given({2: "lose request", 3: "lose request"}, acks=0), given({3: "lose request"}, acks=2)),
        explanation="Told ok three times, and one record stored: `m2` was on the same connection. With `acks=1` or `\"all\"` the "
                    "producer would have noticed, and sent both again.",
    ),
)

ITEMS = (*RECALL, PREDICTIONS[0], OBSERVATIONS[0], *PREDICTIONS[1:], OBSERVATIONS[1], HEADER_OFF, *EXERCISES)
