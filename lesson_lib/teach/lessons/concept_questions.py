"""Twelve beliefs about idempotent producers that many people hold, each with two questions that tell who
holds it: one for before the course, one for afterwards.

The two ask about the same belief on another surface: another story, other numbers, the options in another
order. Their words are those of somebody who has used Kafka and not yet read lesson 1. Which option is right
is decided by a run, as everywhere; where a client decides, by what lesson 4 measured of it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from lesson_lib.history import History
from lesson_lib.teach.content import Option, Question, ask, scenario
from lesson_lib.teach.lessons.lesson_04 import decision
from lesson_lib.teach.readings import all_ok, copies, read, results, verdicts
from lesson_lib.teach.scenarios import forged, pipeline, story

FORMS = ("before", "after")


class Concept(NamedTuple):
    """A belief that is wrong, what is so, and the question of each form."""

    id: str
    belief: str
    so: str
    before: Question
    after: Question


def concept(name: str, belief: str, so: str, before: Question, after: Question) -> Concept:
    """Name both questions after their concept."""
    forms = zip(FORMS, (before, after), strict=True)
    named = (replace(one, id=f"{form}.{name}", explanation=so) for form, one in forms)
    return Concept(name, belief, so, *named)


# Id and explanation come from its concept.
asked = partial(ask, "choice", "", because="")


def last(run: History) -> str:
    """What the broker did with the last batch."""
    return verdicts(run)[-1]


def stored(run: History) -> list[int]:
    """The numbers of the batches in the log, in its order."""
    return [attempt.send.base_sequence for attempt in run.attempts if attempt.verdict == "stored"]


NEVER_A_COPY = "a retry never makes a copy"
NUMBERS_BELOW = "every number at or below the highest is taken for a repeat"
BY_CONTENT = "the broker recognises a copy by its content"
KEEPS_ITS_ID = "a restarted process is still the same producer"
CLOSE_FENCES = "`close()` shuts the old producer out"
CLEAN_READING = "a record that is stored once is handled once"
NOT_STORED = "a timeout means that the record isn't stored"
TOGETHER = "what an idempotent producer sends to several partitions counts together"
ABORT_DELETES = "an abort takes its records out of the log"
ON_EVERYWHERE = "idempotence is on by default everywhere"
SORTS = "the broker keeps early batches back and sorts them"
END_TO_END = "idempotence means exactly once from end to end"
NO_ACK = "without an answer nothing is stored"
IS_AN_ERROR = "a duplicate is an error"
LEFT_OUT = "every consumer leaves out what was aborted"

NUMBERED = "An idempotent producer numbers its records. It sends each of them in a batch of its own."
TRANSACTION = "In a *transaction* several records count together, or none of them does."
SHORT = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 1_000}

CONCEPTS = (
    concept(
        "retry", NEVER_A_COPY,
        "Without idempotence nothing in a request says that it's a second try. If only the answer was lost, "
        "the broker stores the record again.",
        before=asked(
            "A producer without idempotence sends the record `pay`. The broker stores it, but its answer "
            "gets lost on the way back. So the client library sends `pay` again. How often is `pay` in the "
            "log?",
            Option("Once.", lambda run: copies(run, "pay") == 1, NEVER_A_COPY),
            Option("Not at all.", lambda run: copies(run, "pay") == 0, NO_ACK),
            Option("Twice.", lambda run: copies(run, "pay") == 2),
            run=scenario(("pay",), faults={1: "lose ack"}, idempotence=False)),
        after=asked(
            "Idempotence is off. A gateway sends the readings `t1`, `t2` and `t3`, one after the other. The "
            "broker's answer to `t2` gets lost, the client library tries again, and that answer gets lost "
            "too. The third try is answered. What does the log hold?",
            Option("`t1 t2 t2 t2 t3`", lambda run: copies(run, "t2") == 3),
            Option("`t1 t2 t3`", lambda run: copies(run, "t2") == 1, NEVER_A_COPY),
            Option("`t1 t3`", lambda run: copies(run, "t2") == 0, NO_ACK),
            run=scenario(("t1", "t2", "t3"), faults={2: "lose ack", 3: "lose ack"}, idempotence=False))),
    concept(
        "highest", NUMBERS_BELOW,
        "For each producer and partition, the broker remembers the last five batches. It answers a repeat "
        "of those with an ok. A repeat of anything older gets an error.",
        before=asked(
            f"{NUMBERED} The broker has stored the numbers 0 to 7. Now the batch with number 0 reaches it "
            "once more. What does the broker do with it?",
            Option("It stores it again.", lambda run: last(run) == "stored", "what is forgotten is new"),
            Option("It stores nothing and answers with an error.", lambda run: last(run) == "refused"),
            Option("It stores nothing and answers ok.", lambda run: last(run) == "duplicate", NUMBERS_BELOW),
            run=forged(*((7, 0, number) for number in range(8)), (7, 0, 0))),
        after=asked(
            f"{NUMBERED} A warehouse's numbers 0 to 19 are in the log. A proxy had held up a second copy of "
            "the batch with number 3, and delivers it only now. What happens?",
            Option("The broker answers ok, and the log stays as it is.",
                   lambda run: last(run) == "duplicate", NUMBERS_BELOW),
            Option("The record is in the log a second time.", lambda run: last(run) == "stored",
                   "what is forgotten is new"),
            Option("The broker answers with an error, and the log stays as it is.",
                   lambda run: last(run) == "refused"),
            run=forged(*((7, 0, number) for number in range(20)), (7, 0, 3)))),
    concept(
        "content", BY_CONTENT,
        "The broker never compares content. Every call of `send` makes a record of its own.",
        before=asked(
            "Two guests order the same, so the application calls `send(\"latte\")` twice. Its producer is "
            "idempotent, and nothing goes wrong. What comes of it?",
            Option("`latte` is in the log twice.", lambda run: copies(run, "latte") == 2),
            Option("`latte` is in the log once, and both calls get an ok.",
                   lambda run: copies(run, "latte") == 1 and all_ok(run), BY_CONTENT),
            Option("`latte` is in the log once, and the second call gets an error.",
                   lambda run: copies(run, "latte") == 1 and not all_ok(run), IS_AN_ERROR),
            run=scenario(("latte", "latte"))),
        after=asked(
            "A thermometer reports `21.5` three times in a row, each time with a call of `send`. Its "
            "producer is idempotent, and the network is fine. What comes of it?",
            Option("One `21.5` in the log, and an error for each of the other two calls.",
                   lambda run: copies(run, "21.5") == 1 and not all_ok(run), IS_AN_ERROR),
            Option("Three times `21.5` in the log.", lambda run: copies(run, "21.5") == 3),
            Option("One `21.5` in the log, and three oks.",
                   lambda run: copies(run, "21.5") == 1 and all_ok(run), BY_CONTENT),
            run=scenario(("21.5", "21.5", "21.5")))),
    concept(
        "process", KEEPS_ITS_ID,
        "Without a `transactional_id`, every start of a producer gets a new producer id. To the broker, a "
        "restarted process is a stranger.",
        before=asked(
            "A producer is idempotent. Its process dies right after it sent `order`, and the broker stores "
            "`order`. The application starts again, doesn't know that, and sends `order` once more. What "
            "does the log hold?",
            Option("`order` once, and nobody gets an error.",
                   lambda run: run.values() == ["order"] and all_ok(run), KEEPS_ITS_ID),
            Option("`order` once, and the restarted application gets an error.",
                   lambda run: run.values() == ["order"] and not all_ok(run), IS_AN_ERROR),
            Option("`order` twice.", lambda run: copies(run, "order") == 2),
            run=scenario(("order",), faults={1: "kill producer"}, resend=True)),
        after=asked(
            "A pod sends the invoices `i1`, `i2` and `i3`, one after the other, with an idempotent producer. "
            "Kubernetes kills the pod right after the request with `i2` has left, which the broker stores. "
            "The new pod has no answer for `i2`, so it goes on with `i2`. What does the log hold?",
            Option("`i1 i2 i3`", lambda run: run.values() == ["i1", "i2", "i3"], KEEPS_ITS_ID),
            Option("`i1 i2 i2 i3`", lambda run: run.values() == ["i1", "i2", "i2", "i3"]),
            Option("`i1 i2`, because the broker refuses the new pod.",
                   lambda run: run.values() == ["i1", "i2"], IS_AN_ERROR),
            run=scenario(("i1", "i2", "i3"), faults={2: "kill producer"}, resend=True))),
    concept(  # `close()` sends nothing about the producer (lesson 5), so no run has anything in its place
        "close", CLOSE_FENCES,
        "`close()` tells the broker nothing about the producer. It only waits for what is still on its way.",
        before=asked(
            "A job with an idempotent producer sends `bill`, and a proxy holds the request up. The job calls "
            "`close()`, which soon gives up waiting, and the job ends. Then the proxy passes the request on "
            "to the broker. What does the broker do with it?",
            Option("It refuses it, because the producer is closed.",
                   lambda run: last(run) == "refused", CLOSE_FENCES),
            Option("It stores it like any other.", lambda run: last(run) == "stored"),
            Option("It refuses it, because the job is no longer connected.",
                   lambda run: last(run) == "refused", "a producer lives as long as its connection"),
            run=forged((7, 0, 0))),
        after=asked(
            "In a deployment, version 1 of a service calls `close()` and ends, and version 2 starts. Both "
            "have an idempotent producer. A record of version 1 that was held up in the network reaches the "
            "broker only now, for the first time. What happens to it?",
            Option("It's stored.", lambda run: last(run) == "stored"),
            Option("It's refused: `close()` was version 1's last word.", lambda run: last(run) == "refused",
                   CLOSE_FENCES),
            Option("It's refused: version 2 has taken over.", lambda run: last(run) == "refused",
                   "a new producer shuts out the one before"),
            run=forged((7, 0, 0), (8, 0, 0), (7, 0, 1)))),
    concept(
        "consumer", CLEAN_READING,
        "A consumer that crashes between handling a record and committing its offset gets the record again. "
        "No setting of the producer changes that.",
        before=asked(
            "An idempotent producer has written `m0` to `m3`, each once. A consumer handles `m1`. Before it "
            "commits its offset, that is, before it notes how far it has read, it crashes. It starts again. "
            "How often does its application handle `m1`?",
            Option("Twice, because it begins again where it last committed.",
                   lambda run: read(run).count("m1") == 2),
            Option("Once, because the producer is idempotent.", lambda run: read(run).count("m1") == 1,
                   CLEAN_READING),
            Option("Once, because reading a record moves the offset on.",
                   lambda run: read(run).count("m1") == 1, "reading moves the committed offset"),
            run=scenario(4, consumer={"commit": "after", "crash_at": 2})),
        after=asked(
            "Each order is in a topic once, from an idempotent producer. A mail service takes an order, "
            "sends a mail, commits its offset and takes the next. Its process dies after the mail for `o3` "
            "and before the commit, and starts again. How many mails go out for `o3`?",
            Option("One: the service has read `o3` already.", lambda run: read(run).count("o3") == 1,
                   "reading moves the committed offset"),
            Option("Two: one before the crash, and one after it.", lambda run: read(run).count("o3") == 2),
            Option("One: every order is in the topic once.", lambda run: read(run).count("o3") == 1,
                   CLEAN_READING),
            run=scenario(("o1", "o2", "o3", "o4"), consumer={"commit": "after", "crash_at": 3}))),
    concept(
        "timeout", NOT_STORED,
        "If the request gets lost, no answer comes. If only the answer gets lost, none comes either. The "
        "timeout is the same.",
        before=asked(
            "A producer has sent a record, and no answer comes from the broker. In the end the application "
            "gets a timeout for it. Is the record in the log?",
            Option("No.", lambda a, b: not a.values() and not b.values(), NOT_STORED),
            Option("Yes.", lambda a, b: bool(a.values() and b.values()), "what was sent is stored"),
            Option("It may be there or not.", lambda a, b: bool(a.values()) != bool(b.values())),
            run=scenario(1, faults={1: "lose ack"}, retries=0, idempotence=False),
            control=scenario(1, faults={1: "lose request"}, retries=0, idempotence=False)),
        after=asked(
            "For two minutes an idempotent producer has sent `debit` again and again, and no answer came. "
            "Then the application gets a timeout. What can it say about the log?",
            Option("Nothing: `debit` may be in it or not.",
                   lambda a, b: bool(a.values()) != bool(b.values())),
            Option("`debit` isn't in it.", lambda a, b: not a.values() and not b.values(), NOT_STORED),
            Option("`debit` is in it, once.", lambda a, b: a.values() == b.values() == ["debit"],
                   "what was sent is stored"),
            run=scenario(("debit",), faults={"1+": "lose ack"}, **SHORT),
            control=scenario(("debit",), faults={"1+": "lose request"}, **SHORT))),
    concept(
        "partitions", TOGETHER,
        "Every partition has a log and numbers of its own. Only a transaction makes writes to several "
        "partitions count together.",
        before=asked(
            "An idempotent producer moves money with two records: `debit` to partition 0, then `credit` to "
            "partition 1. The broker answers the first, and the process dies before it sends the second. "
            "What do the two logs hold?",
            Option("Nothing.", lambda run: not run.values(0) and not run.values(1), TOGETHER),
            Option("`debit` and `credit`.", lambda run: bool(run.values(1)),
                   "the broker completes what was begun"),
            Option("`debit` alone.", lambda run: run.values(0) == ["debit"] and not run.values(1)),
            run=story("bank = kafka.producer()", 'bank.send("debit", partition=0)', "bank.kill()",
                      partitions=2)),
        after=asked(
            "A booking is three records on three partitions: `seat`, `meal` and `bill`. An idempotent "
            "producer has sent the first two, and the broker has answered. Then the machine loses power. "
            "What do the three logs hold?",
            Option("`seat` and `meal`.", lambda run: run.values(0) == ["seat"] and run.values(1) == ["meal"]
                   and not run.values(2)),
            Option("None of the three.", lambda run: not any(map(run.values, range(3))), TOGETHER),
            Option("`seat`, `meal` and `bill`.", lambda run: bool(run.values(2)),
                   "the broker completes what was begun"),
            run=story("trip = kafka.producer()", 'trip.send("seat", partition=0)',
                      'trip.send("meal", partition=1)', "trip.kill()", partitions=3))),
    concept(
        "abort", ABORT_DELETES,
        "An abort takes nothing out of the log. The consumer leaves aborted records out, and only if it "
        "reads with `read_committed`, which isn't the default of Java's client.",
        before=asked(
            f"{TRANSACTION} A producer sends `x` in a transaction, and then aborts it. Later a Java consumer "
            "with default settings reads the partition from its beginning. What does it receive?",
            Option("Nothing: `x` is no longer in the log.", lambda run: "x" not in run.values(),
                   ABORT_DELETES),
            Option("`x`", lambda run: read(run) == ["x"]),
            Option("Nothing: `x` is in the log, and the consumer leaves it out.",
                   lambda run: bool(run.values()) and not read(run), LEFT_OUT),
            run=story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("x")', "shop.abort()",
                      "kafka.consumer().poll()")),
        after=asked(
            f"{TRANSACTION} A producer writes `seat-12` and `seat-13` in a transaction, and aborts it. Then "
            "somebody reads the topic from its beginning, with Java's consumer and no settings. What do they "
            "see?",
            Option("`seat-12` and `seat-13`.", lambda run: read(run) == ["seat-12", "seat-13"]),
            Option("Nothing: the consumer skips both.", lambda run: bool(run.values()) and not read(run),
                   LEFT_OUT),
            Option("Nothing: neither is in the log.", lambda run: not run.values(), ABORT_DELETES),
            run=story('hall = kafka.producer("hall")', "hall.begin()", 'hall.send("seat-12")',
                      'hall.send("seat-13")', "hall.abort()", "kafka.consumer().poll()"))),
    concept(
        "default", ON_EVERYWHERE,
        "Where idempotence is on by default, another setting can switch it off without an error. And some "
        "clients have it off by default.",
        before=asked(
            "In kafka-python 3, idempotence is on by default. A program creates its producer with one "
            "setting, `acks=1`. Is that producer idempotent?",
            Option("No, and it raises nothing.", lambda: decision({"acks": 1}) == "off"),
            Option("Yes.", lambda: decision({"acks": 1}) == "on", ON_EVERYWHERE),
            Option("There is no producer: it raises an error when it starts.",
                   lambda: decision({"acks": 1}) == "refused", "a conflict is always an error")),
        after=asked(
            "Somebody wants to retry in their own code, so they create a producer of kafka-python 3 with "
            "`retries=0` and nothing else. Idempotence is on by default in this client. What about this "
            "producer?",
            Option("It's idempotent.", lambda: decision({"retries": 0}) == "on", ON_EVERYWHERE),
            Option("It raises an error when it starts.", lambda: decision({"retries": 0}) == "refused",
                   "a conflict is always an error"),
            Option("It isn't idempotent, and it raises nothing.",
                   lambda: decision({"retries": 0}) == "off"))),
    concept(
        "order", SORTS,
        "The broker keeps nothing back. It refuses a batch that comes too early, and the producer has to "
        "send that batch again.",
        before=asked(
            f"{NUMBERED} The broker has stored 0 and 1. Then 3 arrives, and after it 2. Nothing has been "
            "sent again yet. Which numbers does the log hold?",
            Option("`0 1 2 3`", lambda run: stored(run) == [0, 1, 2, 3], SORTS),
            Option("`0 1 2`", lambda run: stored(run) == [0, 1, 2]),
            Option("`0 1 3 2`", lambda run: stored(run) == [0, 1, 3, 2], "the broker stores what comes"),
            run=forged((7, 0, 0), (7, 0, 1), (7, 0, 3), (7, 0, 2))),
        after=asked(
            f"{NUMBERED} The log holds 0 to 3. On a bad line, 6 arrives next, then 4, then 5. So far the "
            "producer has sent nothing again. Which numbers does the log hold now?",
            Option("`0 1 2 3 6 4 5`", lambda run: stored(run) == [0, 1, 2, 3, 6, 4, 5],
                   "the broker stores what comes"),
            Option("`0 1 2 3 4 5 6`", lambda run: stored(run) == [0, 1, 2, 3, 4, 5, 6], SORTS),
            Option("`0 1 2 3 4 5`", lambda run: stored(run) == [0, 1, 2, 3, 4, 5]),
            run=forged(*((7, 0, number) for number in (0, 1, 2, 3, 6, 4, 5))))),
    concept(
        "end", END_TO_END,
        "An idempotent producer covers its own retries. A program that crashes between writing a result and "
        "committing its offset does that step again.",
        before=asked(
            "A program reads `m`, writes the result `M` with an idempotent producer, and commits its offset. "
            "It crashes after `M` is written and before the commit, and starts again. What does the output "
            "topic hold?",
            Option("`M`", lambda run: results(run) == ["M"], END_TO_END),
            Option("Nothing.", lambda run: not results(run), "the output waits for the commit of the offset"),
            Option("`M M`", lambda run: results(run) == ["M", "M"]),
            run=pipeline("m", transactions=False, crash={1: "send"})),
        after=asked(
            "A converter reads `a`, `b` and `c` from one topic and writes `A`, `B` and `C` to another, with "
            "an idempotent producer. It commits its offset after each record. It crashes once, after writing "
            "`B` and before that commit, and starts again. What does the output topic hold?",
            Option("`A C`", lambda run: results(run) == ["A", "C"],
                   "the output waits for the commit of the offset"),
            Option("`A B B C`", lambda run: results(run) == ["A", "B", "B", "C"]),
            Option("`A B C`", lambda run: results(run) == ["A", "B", "C"], END_TO_END),
            run=pipeline("a", "b", "c", transactions=False, crash={2: "send"}))),
)
