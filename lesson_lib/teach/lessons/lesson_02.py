"""Lesson 2, "One lost ack": what a retry does after a lost request, and after a lost ack."""

from __future__ import annotations

from typing import Any

from lesson_lib.history import History, Kind
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import (
    acks,
    all_ok,
    copies,
    holds,
    log_is,
    log_words,
    logs_are,
    offsets_told,
    requests,
    told,
    told_is,
    told_words,
)
from lesson_lib.teach.tasks.learner_rule import RuleTask, highest_number
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.task import given

PLAIN = scenario(3, idempotence=False)
LOST_ACK = scenario(3, faults={2: "lose ack"}, idempotence=False)
REFUSED_FIRST = scenario(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False)


def _places(run: History) -> list[int]:
    """Which of the requests, from 1, carried the first batch."""
    return [a.number for a in run.attempts if a.batch == 0]


def accept(batch: Any, memory: dict[Any, Any]) -> bool:
    """Stores each number of each producer once."""
    key = (batch.producer, batch.number)
    known = key in memory
    memory[key] = True
    return not known


ITEMS = (
    ask("recall", "2.recall-batch",
        "A producer sends six records to an empty partition, in batches of three. Which offset does the "
        "second ack carry?",
        Option("1.", lambda run: offsets_told(run)[1] == 1, "an offset numbers batches",
               lambda run: f"the second batch starts at offset {offsets_told(run)[1]}."),
        Option("3.", lambda run: offsets_told(run)[1] == 3),
        Option("5.", lambda run: offsets_told(run)[1] == 5, "an ack names the last record",
               lambda run: f"the second batch takes the offsets {offsets_told(run)[1]} to "
                           f"{run.log()[-1].offset}, and its ack carries the first of them."),
        because="The ack of a batch carries the offset of its first record.",
        run=scenario(6, records_per_batch=3)),
    ask("recall", "2.recall-acks-0",
        "`acks=0`, and the only request gets lost. What is the application told?",
        Option("ok", lambda run: run.told[0] == "ok"),
        Option("failed", lambda run: run.told[0] == "failed", "acks=0 still notices a loss",
               lambda run: f"it is told {told_words(run)}."),
        Option("Nothing.", lambda run: run.told[0] == "unknown", "acks=0 waits",
               lambda run: f"it is told {told_words(run)}."),
        because="Nobody waits for an answer, so nobody notices that it's missing.",
        run=scenario(1, acks=0, faults={1: "lose request"}, idempotence=False)),
    ask("recall", "2.recall-ack",
        "An ack with offset 7 arrives. What does the producer know now?",
        Option("The log holds the record at offset 7.",
               lambda run: offsets_told(run)[-1] == 7 and run.values()[7] == "m7"),
        Option("A consumer has read the record.", lambda run: any(e.offset == 7 for e in run.of(Kind.READ)),
               "an ack comes from the consumer",
               lambda run: f"{acks(run)} acks came back, and there wasn't even a consumer."),
        Option("The log holds seven records.", lambda run: len(run.values()) == 7, "offsets count from one",
               "offsets count from 0, so in this log there are eight."),
        because="An ack names a place in a log. It says nothing about who reads it.",
        run=scenario(8)),
    ask("prediction", "2.lost-request",
        "The request with `m1` gets lost on its way to the broker, and the producer sends `m1` again. "
        "Compare this with a run in which nothing gets lost. What is different in the end, in the log or in "
        "what the application is told?",
        Option("The order: `m1` comes after `m2`.", holds("m0", "m2", "m1"), "a retry goes to the back",
               log_is),
        Option("The log: it holds `m1` twice.", holds("m0", "m1", "m1", "m2"), "every retry makes a copy",
               lambda run: f"the broker saw `m1` once: the log holds {log_words(run)}."),
        Option("Neither. The log and the oks are the same.",
               lambda run: run.values() == ["m0", "m1", "m2"] and all_ok(run)),
        Option("The log is the same, but the application hears of the retry.", lambda run: not all_ok(run),
               "every try is reported", told_is),
        because="The broker never saw the first try, so it stores the second and nothing is stored twice. "
                "Here the retry repairs everything, and the application doesn't even notice.",
        run=scenario(3, faults={2: "lose request"}, idempotence=False)),
    ask("prediction", "2.lost-ack",
        "This time the request with `m1` arrives, and its ack gets lost. What does the log hold in the end, "
        "and what is the application told?",
        Option("`m0 m1 m2`, and three oks.", lambda run: run.values() == ["m0", "m1", "m2"] and all_ok(run),
               "a broker knows a retry when it sees one",
               lambda run: "without idempotence nothing in a request says that it's a second try, so the log "
                           f"holds {log_words(run)}."),
        Option("`m0 m1 m1 m2`, and three oks.",
               lambda run: run.values() == ["m0", "m1", "m1", "m2"] and all_ok(run)),
        Option("`m0 m1 m1 m2`, and an exception for `m1`.",
               lambda run: run.values() == ["m0", "m1", "m1", "m2"] and not all_ok(run),
               "trouble is always reported", told_is),
        Option("`m0 m2`, and an exception for `m1`.", holds("m0", "m2"), "no ack means not stored",
               lambda run: "the broker stored request 2 before its ack was lost, so the log holds "
                           f"{log_words(run)}."),
        because="No answer came, so the producer sent the batch again, as after the lost request. But this "
                "time the broker stored both tries. After a lost request a retry repairs the loss. After a "
                "lost ack it makes a copy.",
        run=LOST_ACK),
    ask("observation", "2.copies",
        "`m1` is in the log twice. Look at the top row of the picture. What did the application get for "
        "`m1`?",
        Option("One ok, with the offset of the second copy.",
               lambda run: all_ok(run) and copies(run, "m1") == 2 and offsets_told(run)[1] == 2),
        Option("One ok, with the offset of the first copy.",
               lambda run: all_ok(run) and offsets_told(run)[1] == 1, "an ack names the first copy",
               lambda run: f"the application was told offset {offsets_told(run)[1]} for `m1`. The first copy "
                           "is at offset 1."),
        Option("Two oks, with both offsets.", lambda run: len(run.reports) > len(run.told),
               "every try is reported",
               lambda run: f"there were {requests(run)} requests and {len(run.reports)} reports. Each batch "
                           "is reported once."),
        because="It never learns of the first copy: no exception, no warning. The only hint is the offset, 2 "
                "where you would expect 1.",
        run=LOST_ACK),
    ask("prediction", "2.second-lost-ack",
        "The second try of `m1` is request 3. If its ack gets lost as well, how many times is `m1` in the "
        "log?",
        Option("Once.", lambda run: copies(run, "m1") == 1, "a broker knows a retry when it sees one",
               log_is),
        Option("Twice.", lambda run: copies(run, "m1") == 2, "a batch is copied at most once", log_is),
        Option("Three times, once for each try that arrived.", lambda run: copies(run, "m1") == 3),
        because="Each lost ack makes one more copy, until an ack gets through.",
        run=scenario(3, faults={2: "lose ack", 3: "lose ack"}, idempotence=False)),
    ask("prediction", "2.two-worlds",
        "No retries. In one run the ack gets lost, in the other the request. Can the application tell which "
        "of the two happened?",
        Option("Yes. It's told something different in each run.", lambda a, b: told(a) != told(b),
               "the exception says what happened",
               lambda a, b: f"in both runs it was told the same: {told(a)[0][0]} ({told(a)[0][1]})."),
        Option("No. It's told the same, and the logs are the same too.",
               lambda a, b: told(a) == told(b) and a.values() == b.values(), "no ack means not stored",
               logs_are),
        Option("No. It's told the same, but the logs differ.",
               lambda a, b: told(a) == told(b) and a.values() != b.values()),
        because="Two worlds, one exception. If the request may have gone out and no answer came back, **you "
                "can't know** whether the record is stored. An application that reads this as 'not stored' "
                "sends the record again, and in one of the two worlds makes the copy itself.",
        run=scenario(1, faults={1: "lose ack"}, retries=0, idempotence=False),
        control=scenario(1, faults={1: "lose request"}, retries=0, idempotence=False)),
    ask("prediction", "2.refused-first",
        "Four requests go out without waiting, and the broker refuses the first one (error 19). What does "
        "the log hold in the end?",
        Option("`m1 m2 m3 m0`", holds("m1", "m2", "m3", "m0")),
        Option("`m0 m1 m2 m3`", holds("m0", "m1", "m2", "m3"), "one connection keeps the order",
               lambda run: "the connection did keep the order, and the retry came last: the log holds "
                           f"{log_words(run)}."),
        Option("`m1 m2 m3`", holds("m1", "m2", "m3"), "what is refused stays refused",
               lambda run: f"error 19 asks for a retry, so the log holds {log_words(run)}."),
        because="One fault, no copy, no loss and four oks. Yet the log isn't in the order in which the "
                "application sent: it's *reordered*.",
        run=REFUSED_FIRST),
    ask("observation", "2.saw-order",
        "Look at the second try of `m0`. When did the producer send it?",
        Option("Never. The broker stored the first try later.", lambda run: len(_places(run)) == 1,
               "what is refused is kept",
               lambda run: f"`m0` was sent as request {_places(run)[0]}, and again as request "
                           f"{_places(run)[-1]}."),
        Option("Right after the first, ahead of the others.", lambda run: _places(run)[-1] == 2,
               "one connection keeps the order",
               lambda run: f"it was request {_places(run)[-1]} of {requests(run)}."),
        Option("Last, behind all the others.", lambda run: _places(run)[-1] == requests(run) > 4),
        Option("It kept its place, because the others were held back.", lambda run: run.values()[0] == "m0",
               "a retry keeps its place",
               lambda run: f"the others were already on their way, and the log holds {log_words(run)}."),
        because="By the time the refusal came back, the other three had already been sent. So the retry "
                "arrived behind everything that was already on its way.",
        run=REFUSED_FIRST),
    PuzzleTask(
        id="2.two-copies", scenario=PLAIN, budget=1,
        goal="the log holds `m0 m1 m2 m2`.", reached=holds("m0", "m1", "m2", "m2"),
        text="Make this log with one fault: `m0 m1 m2 m2`. `task.check({...: \"...\"})`",
        hints=("You get a copy when the broker stores a try, and the producer believes it has to send it "
               "again.",
               "Which request carries `m2` when nothing goes wrong before it?"),
        right=(given({3: "lose ack"}), given("3: lose ack"), given({3: "repeat"}),
               given({3: "store and answer 20"})),
        explanation="The broker stored request 3, and then the batch arrived once more. After a lost ack or "
                    "an error the producer sends it again, and with `repeat` the network delivers it twice."),
    PuzzleTask(
        id="2.make-log", scenario=scenario(4, in_flight=5, idempotence=False), budget=1,
        goal="the log holds `m0 m1 m3 m2 m1`.", reached=holds("m0", "m1", "m3", "m2", "m1"),
        text="Four records, up to five requests in flight. When a connection drops, the client puts the "
             "unanswered batches back into its send queue. First it puts the oldest at the front, then the "
             "next one in front of that, and so on. So the newest ends up at the very front, and goes out "
             "first. Make this log with one fault: `m0 m1 m3 m2 m1`. `task.check({...: \"...\"})`",
        hints=("Everything after `m0` was sent again, the newest first.",
               "`m1` was stored before the connection dropped, `m2` and `m3` weren't.",
               "How far had the acks got when the connection dropped?"),
        right=(given({2: "lose ack"}), given({1: "cut 2 1"})),
        explanation="One fault makes a copy of `m1`, and everything else that was on its way is sent again, "
                    "newest first: the client puts each retry at the head of its queue, so the last one put "
                    "there goes out first."),
    PuzzleTask(
        id="2.skip-one", scenario=PLAIN, budget=2, free={"acks": (1, "all")},
        world={"batches": 3, "client": "kafka-python", "idempotence": False},
        goal="the log holds `m0 m2`, and the application was told ok three times.",
        reached=lambda run: run.values() == ["m0", "m2"] and all_ok(run),
        text="With up to two faults and `acks=1` or `\"all\"`, make the log `m0 m2` while the application is "
             "told ok for all three. `task.check({...: \"...\"}, acks=...)`",
        hints=("What must come back before this producer says ok?", "Who writes that answer, and when?"),
        right=(given("impossible"),),
        explanation="With these settings an ok comes from the broker, and the broker sends it only after it "
                    "has stored the record. So a retry can leave you with a copy too many, but never with a "
                    "record too few. (A record can still disappear later, together with the log that holds "
                    "it, as lesson 1 said of `acks=1`.)"),
    RuleTask(
        id="2.own-rule", faults=2, second_producer=True,
        worlds=({"batches": ("a", "b")}, {"batches": ("a", "a")}, {"batches": ("a", "b", "a")}),
        text="Be the broker: write `accept(batch, memory)`. Return True to store the batch, False to drop "
             "it. The producer gets an ok either way. Each batch has three labels: `batch.value`, "
             "`batch.producer` and `batch.number`. Each producer numbers its own batches, from 0. A retry "
             "carries the same three labels. Values may repeat. `memory` is a dict that you may use as "
             "you like. Store nothing twice, and lose nothing. `task.check(accept)`",
        hints=("Two customers may pay the same amount. Is the second payment a copy?",
               "A retry has the same value, producer and number. A second payment has the same value too. "
               "Which labels differ?",
               "Remember `(batch.producer, batch.number)`."),
        right=(given(accept), given(highest_number)),
        explanation="Such a rule recognises a retry by its producer and its number, not by its value. Lesson "
                    "3 shows what Kafka does, and lesson 6 how little Kafka needs to remember."),
)
