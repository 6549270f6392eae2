"""Lesson 2, "One lost ack, two copies": what a retry does when the request was lost, and what it does when the ack was.

Where the notebook uses what, in this order:

| id | where |
|---|---|
| 2.recall-batch, 2.recall-acks-0, 2.recall-ack | opening: three questions on lesson 1 |
| 2.lost-request | before `simulate(3, faults={2: "lose request"}, idempotence=False)` |
| 2.lost-ack | before `simulate(3, faults={2: "lose ack"}, idempotence=False)`; its control is the run above |
| 2.copies | after that run, `observe("2.copies", run)`: what the application knows of the copy |
| 2.two-worlds | before two runs with `retries=0`: `reveal(lost_ack, predict, control=lost_request)` |
| 2.reorder | before `simulate(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False)` |
| 2.saw-order | after that run |
| 2.two-copies, 2.make-log, 2.skip-one, 2.own-rule | exercises: two puzzles, an impossible one, the learner's own rule |
"""

from __future__ import annotations

from typing import Any

from lesson_lib.history import History, Kind
from lesson_lib.teach.content import Option, Question, scenario
from lesson_lib.teach.lessons import rules_02 as rules
from lesson_lib.teach.readings import acks, all_ok, copies, log_words, offsets_told, requests, told_words
from lesson_lib.teach.tasks.own_rule import RuleTask
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.task import given

PLAIN = scenario(3, idempotence=False)
LOST_REQUEST = scenario(3, faults={2: "lose request"}, idempotence=False)
LOST_ACK = scenario(3, faults={2: "lose ack"}, idempotence=False)
ONE_LOST_REQUEST = scenario(1, faults={1: "lose request"}, retries=0, idempotence=False)
ONE_LOST_ACK = scenario(1, faults={1: "lose ack"}, retries=0, idempotence=False)
REFUSED_FIRST = scenario(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False)


def holds(*values: str) -> Any:
    """The claim that the log holds exactly these values, in this order."""
    return lambda run: run.values() == list(values)


def log_is(run: History) -> str:
    """What contradicts a wrong idea of the log."""
    return f"the log holds {log_words(run)}."


RECALL = (
    Question(
        id="2.recall-batch", kind="recall", scenario=scenario(6, records_per_batch=3),
        text="Six records are sent to an empty partition in batches of three. Which offset does the second ack carry?",
        options=(
            Option("1.", lambda run: offsets_told(run)[1] == 1, "an offset numbers batches",
                   lambda run: f"the second batch begins at offset {offsets_told(run)[1]}."),
            Option("3.", lambda run: offsets_told(run)[1] == 3),
            Option("5.", lambda run: offsets_told(run)[1] == 5, "an ack names the last record",
                   lambda run: f"the second batch fills the offsets {offsets_told(run)[1]} to {run.log()[-1].offset}, "
                               "and the ack carries the first of them."),
        ),
        explanation="The ack of a batch carries the offset of its first record.",
    ),
    Question(
        id="2.recall-acks-0", kind="recall", scenario=scenario(1, acks=0, faults={1: "lose request"}, idempotence=False),
        text="`acks=0`, and the only request is lost. What is the application told?",
        options=(
            Option("ok", lambda run: run.told[0] == "ok"),
            Option("failed", lambda run: run.told[0] == "failed", "acks=0 still notices a loss",
                   lambda run: f"it is told {told_words(run)}."),
            Option("Nothing.", lambda run: run.told[0] == "unknown", "acks=0 waits", lambda run: f"it is told {told_words(run)}."),
        ),
        explanation="Nobody waits for an answer, so nobody misses it.",
    ),
    Question(
        id="2.recall-ack", kind="recall", scenario=scenario(8),
        text="An ack with offset 7 comes back. What does the producer know now?",
        options=(
            Option("The log holds the record at offset 7.",
                   lambda run: offsets_told(run)[-1] == 7 and run.values()[7] == "m7"),
            Option("A consumer has read the record.", lambda run: any(e.offset == 7 for e in run.of(Kind.READ)),
                   "an ack comes from the consumer", lambda run: f"{acks(run)} acks came back, and no consumer was there."),
            Option("The log holds seven records.", lambda run: len(run.values()) == 7, "offsets count from one",
                   "offsets count from 0, so at least eight are there."),
        ),
        explanation="An ack is a place in a log, and nothing about who reads it.",
    ),
)

LOST_REQUEST_QUESTION = Question(
    id="2.lost-request", kind="prediction", scenario=LOST_REQUEST,
    text="The request with `m1` is lost on its way to the broker. The producer sends it again. What does the log hold in the end?",
    options=(
        Option("`m0 m2`", holds("m0", "m2"), "what is lost stays lost", log_is),
        Option("`m0 m1 m1 m2`", holds("m0", "m1", "m1", "m2"), "every retry makes a copy",
               lambda run: f"the broker saw `m1` once: the log holds {log_words(run)}."),
        Option("`m0 m1 m2`", holds("m0", "m1", "m2")),
    ),
    explanation="The broker never saw the first try, so the second one is the only one. Here a retry repairs everything.",
)

LOST_ACK_QUESTION = Question(
    id="2.lost-ack", kind="prediction", scenario=LOST_ACK,
    text="This time the request with `m1` arrives, and its ack is lost. The producer sends it again. What does the log hold?",
    options=(
        Option("`m0 m1 m2`", holds("m0", "m1", "m2"), "a broker knows a retry when it sees one",
               lambda run: f"without idempotence nothing in a request says that it is a second try: the log holds {log_words(run)}."),
        Option("`m0 m1 m1 m2`", holds("m0", "m1", "m1", "m2")),
        Option("`m0 m2`", holds("m0", "m2"), "no ack means not stored",
               lambda run: f"attempt 2 was stored before its ack was lost: the log holds {log_words(run)}."),
    ),
    explanation="Seen from the producer, nothing differs from the lost request: no answer, so it sends again. "
                "The broker stored both tries.",
)

COPIES_QUESTION = Question(
    id="2.copies", kind="observation", scenario=LOST_ACK,
    text="What does the application know about the two copies of `m1`?",
    options=(
        Option("It is told ok, with the offset of the second copy.",
               lambda run: all_ok(run) and copies(run, "m1") == 2 and offsets_told(run)[1] == 2),
        Option("It is told ok, with the offset of the first copy.",
               lambda run: all_ok(run) and offsets_told(run)[1] == 1, "an ack names the first copy",
               lambda run: f"the application was told offset {offsets_told(run)[1]} for `m1`; offset 1 holds a copy too."),
        Option("It is told that `m1` failed.", lambda run: run.told[1] == "failed", "a lost ack is a failure",
               lambda run: f"the application was told {told_words(run)}."),
        Option("It is told ok twice.", lambda run: len(run.reports) > len(run.told), "every try is reported",
               lambda run: f"there were {requests(run)} requests and {len(run.reports)} reports: a batch is reported once."),
    ),
    explanation="Of the first copy it never learns. The quiet tell is the offset: 2, where 1 was to be expected. No exception, no warning.",
)

TWO_WORLDS_QUESTION = Question(
    id="2.two-worlds", kind="prediction", scenario=ONE_LOST_ACK, control=ONE_LOST_REQUEST,
    text="Now without retries, twice: once the ack is lost, once the request. Can the application tell which of the two happened?",
    options=(
        Option("Yes: it is told something else in each run.", lambda a, b: _told(a) != _told(b), "the exception says what happened",
               lambda a, b: f"in both runs it was told the same: {_told(a)[0][0]} ({_told(a)[0][1]})."),
        Option("No: it is told the same, and the log is the same too.",
               lambda a, b: _told(a) == _told(b) and a.values() == b.values(), "no ack means not stored",
               lambda a, b: f"one log holds {log_words(a)}, the other {log_words(b)}."),
        Option("No: it is told the same, while the logs differ.", lambda a, b: _told(a) == _told(b) and a.values() != b.values()),
    ),
    explanation="Two worlds, one exception. 'Failed' would be a lie in one of them; the honest word is unknown.",
)

REORDER_QUESTION = Question(
    id="2.reorder", kind="prediction", scenario=REFUSED_FIRST,
    text="Four requests go out without waiting. The broker refuses the first one for now (error 19: try again). "
         "What does the log hold in the end?",
    options=(
        Option("`m1 m2 m3 m0`", holds("m1", "m2", "m3", "m0")),
        Option("`m0 m1 m2 m3`", holds("m0", "m1", "m2", "m3"), "one connection keeps the order",
               lambda run: f"the connection did keep it, the retry came last: the log holds {log_words(run)}."),
        Option("`m1 m2 m3`", holds("m1", "m2", "m3"), "what is refused stays refused",
               lambda run: f"error 19 invites a retry: the log holds {log_words(run)}."),
    ),
    explanation="A retry goes to the end of what is on the way already. With one request in flight this cannot happen; with more it can.",
)

def _places(run: History) -> list[int]:
    """Which of the requests, from 1, carried the first batch."""
    return [a.number for a in run.attempts if a.batch == 0]


SAW_ORDER_QUESTION = Question(
    id="2.saw-order", kind="observation", scenario=REFUSED_FIRST,
    text="Look at the second try of `m0`. When did the producer send it?",
    options=(
        Option("Never: the broker stored the first try later.", lambda run: len(_places(run)) == 1, "what is refused is kept",
               lambda run: f"`m0` was sent as request {_places(run)[0]} and then as request {_places(run)[-1]}."),
        Option("Right after the first, ahead of the others.", lambda run: _places(run)[-1] == 2, "one connection keeps the order",
               lambda run: f"it was request {_places(run)[-1]} of {requests(run)}."),
        Option("Last, behind all the others.", lambda run: _places(run)[-1] == requests(run) > 4),
        Option("It kept its place: the others were held back.", lambda run: run.values()[0] == "m0", "a retry keeps its place",
               lambda run: f"the others were on the way already, and the log holds {log_words(run)}."),
    ),
    explanation="When the refusal came, the other three were gone. One fault, no copy, no loss, four times ok, and `m0` stands "
                "last: *reordered*.",
)


def _told(run: History) -> list[tuple[str, str]]:
    """What the application was told: word and exception."""
    return [(e.what, e.note) for e in run.reports]


EXERCISES = (
    PuzzleTask(
        id="2.two-copies", scenario=PLAIN, budget=1,
        goal="the log holds `m0 m1 m2 m2`.", reached=holds("m0", "m1", "m2", "m2"),
        text="Make this log with one fault: `m0 m1 m2 m2`. `task.check({...: \"...\"})`",
        hints=("A copy needs a try that was stored and that the producer believes it must repeat.",
               "Which attempt carries `m2` when nothing goes wrong before it?"),
        right=(given({3: "lose ack"}), given("3: lose ack"), given({3: "repeat"}), given({3: "store and answer 20"})),
        wrong=(given({2: "lose ack"}), given({3: "lose request"}), given({3: "refuse 19"}), given({}), given("impossible"),
               given({3: "loose ack"}), given({7: "lose ack"}), given({2: "lose ack", 3: "lose ack"}), given(3)),
        explanation="Attempt 3 was stored, and then the batch arrived once more: after a lost ack or an error the producer sends it again, "
                    "and `repeat` brings it twice by itself.",
    ),
    PuzzleTask(
        id="2.make-log", scenario=scenario(4, in_flight=5, idempotence=False), budget=1,
        goal="the log holds `m0 m1 m3 m2 m1`.", reached=holds("m0", "m1", "m3", "m2", "m1"),
        text="Four records, up to five requests in flight. When a connection tears, everything unanswered on it is sent again, and "
             "this client puts each retry at the head of its queue. Make this log with one fault: `m0 m1 m3 m2 m1`. "
             "`task.check({...: \"...\"})`",
        hints=("Everything after `m0` was sent again, the newest first.",
               "`m1` was stored before the connection tore, `m2` and `m3` were not.",
               "Which ack was the first to be lost?"),
        right=(given({2: "lose ack"}), given({1: "cut 2 1"})),
        wrong=(given({1: "lose ack"}), given({2: "lose request"}), given({1: "cut 3 1"}), given({1: "refuse 19"}), given("impossible")),
        explanation="One fault: a copy of `m1`, and everything that was on the way comes back in reverse, as the head of the "
                    "queue is where each retry is put.",
    ),
    PuzzleTask(
        id="2.skip-one", scenario=PLAIN, budget=2, free={"acks": (1, "all")},
        world={"batches": 3, "client": "kafka-python", "idempotence": False},
        goal="the log holds `m0 m2`, and the application was told ok three times.",
        reached=lambda run: run.values() == ["m0", "m2"] and all_ok(run),
        text="With up to two faults and `acks=1` or `\"all\"`: make the log `m0 m2`, while the application is told ok for all three. "
             "`task.check({...: \"...\"}, acks=...)`",
        hints=("What must come back before this producer says ok?", "Who writes that answer, and when?"),
        right=(given("impossible"),),
        wrong=(given({2: "lose request"}), given({2: "lose ack"}, acks=1), given({2: "refuse 19", 3: "refuse 19"}),
               given({2: "lose request"}, acks=0)),
        explanation="Told ok, it was stored: with an ack, retries can cost a copy and never a record. "
                    "(As long as the broker keeps its disk; that, no lesson takes away.)",
    ),
    RuleTask(
        id="2.own-rule", faults=2, second_producer=True,
        worlds=({"batches": ("a", "b")}, {"batches": ("a", "a")}, {"batches": ("a", "b", "a")}),
        text="Be the broker: write `accept(batch, memory)`. It returns True to store the batch, False to drop it (the producer "
             "is told ok either way). Three labels are on each batch: `batch.value`, `batch.producer`, and `batch.number`, which counts "
             "the batches of one producer. A retry carries the same three. Two producers send, and values may repeat. "
             "`memory` is a dict of yours. Nothing may be stored twice, nothing may be lost. `task.check(accept)`",
        hints=("Somebody may well order the same coffee twice: is the second order a copy?",
               "A retry is the same in all three: value, producer and number. Which of them tell it from a second order?",
               "Remember `(batch.producer, batch.number)`."),
        right=(given(rules.accept), given(rules.last_number)),
        wrong=tuple(given(rule) for rule in (rules.by_content, rules.last_value, rules.takes_everything, rules.takes_nothing,
                                             rules.by_number, rules.number_alone, rules.divides, rules.never_ends,
                                             rules.one_argument, True, "accept")),
        explanation="Lesson 3 compares it with Kafka's, and lesson 6 shows how little Kafka needs to remember.",
    ),
)

ITEMS = (*RECALL, LOST_REQUEST_QUESTION, LOST_ACK_QUESTION, COPIES_QUESTION, TWO_WORLDS_QUESTION, REORDER_QUESTION,
         SAW_ORDER_QUESTION, *EXERCISES)
