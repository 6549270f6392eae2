"""Lesson 7, "Transactions": several writes that count together or not at all, and what even they don't cover.

`kafka` in the stories is a `Transactions(...)`, as in the notebook.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.history import History, Kind
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.lessons.crash_table import PLAIN, TRANSACTIONS, can_lose
from lesson_lib.teach.readings import cells_words, ids, log_is, read, results, told_words
from lesson_lib.teach.scenarios import pipeline, story
from lesson_lib.teach.tasks.function import PlayTask, ValueTask
from lesson_lib.teach.tasks.task import given

ABORTED = story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("a")', "shop.commit()",
                "shop.begin()", 'shop.send("x")', "shop.abort()", "kafka.consumer().poll()",
                'kafka.consumer("read_committed").poll()')
MIXED = story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("a", "b")', "shop.commit()",
              "shop.begin()", 'shop.send("x")', "shop.abort()", "shop.begin()", 'shop.send("c")',
              "shop.commit()", 'kafka.consumer("read_committed").poll()')


def logs_are(run: History) -> str:
    """What each partition holds, markers in capitals, as a contradiction."""
    return ", ".join(f"partition {n} holds {cells_words(run, n)}" for _, n in run.partitions) + "."


def read_is(run: History, lane: str = "consumer") -> str:
    """What contradicts a wrong idea of what a consumer receives."""
    return f"it receives {f'`{chr(32).join(read(run, lane))}`' if read(run, lane) else 'nothing'}."


def results_are(run: History) -> str:
    """What the reader of a pipeline's output received, as code."""
    return f"`{' '.join(results(run))}`"


def fate(run: History, value: str) -> str:
    """What became of the transaction that a value belongs to; "" for a value that is in no log."""
    return next((c.txn for cells in run.logs.values() for c in cells if c.value == value), "")


def missing(run: History) -> str:
    """What a run lacks of the log `a ABORT b COMMIT` without a call of abort."""
    if any(e.kind == Kind.TXN and e.what == "abort" for e in run.events):
        return "Your function called abort(). Let somebody else end the first transaction."
    if cells_words(run) == "`a ABORT b COMMIT`":
        return ""
    return f"The log holds {cells_words(run)}, and the application was told {told_words(run) or 'nothing'}."


def _against_lag(run: History, answer: list[object]) -> str:
    """What contradicts a wrong offset, else a wrong number of records."""
    if answer[:1] != [len(run.log())]:
        return "The offset isn't right. Three transactions leave three markers, and what is aborted stays."
    return "The offset is right. But which of the four records does a `read_committed` consumer leave out?"


def play(kafka: Any) -> None:
    """A successor ends what its predecessor left open."""
    old = kafka.producer("shop")
    old.begin()
    old.send("a")
    new = kafka.producer("shop")
    new.begin()
    new.send("b")
    new.commit()


def waits(kafka: Any) -> None:
    """The coordinator ends what is open for too long."""
    slow = kafka.producer("slow", timeout_ms=1000)
    slow.begin()
    slow.send("a")
    kafka.wait(2000)
    other = kafka.producer("other")
    other.begin()
    other.send("b")
    other.commit()


ITEMS = (
    ask("recall", "7.recall-restart",
        "An idempotent producer died right after a send, and its application sent that record again from a "
        "new process. Why didn't the broker recognise it?",
        Option("It came too late: the broker had forgotten the first.", False,
               "a broker forgets within seconds",
               "the broker still remembered the first producer. The copy came from another one."),
        Option("It came under a new producer id.", lambda run: len(ids(run)) == 2),
        Option("Its sequence number was lower.", False, "sequences are compared across producers",
               "sequences are compared within one producer id only."),
        because="Without a `transactional_id`, a producer id belongs to one life of a producer. In this "
                "lesson you'll meet producers with a `transactional_id`. They keep their producer id when "
                "they restart.",
        run=scenario(3, faults={2: "kill producer"}, resend=True)),
    ask("recall", "7.recall-unknown",
        "After `delivery.timeout.ms` the future of a send raises a timeout. What's in the log?",
        Option("The record may be there or not.", True),
        Option("Nothing, so you can send it again.", False, "no ack means not stored",
               "in one of the two worlds the broker had stored it."),
        Option("The record, since the producer tried often enough.", False, "sent means done",
               "in one of the two worlds no try arrived."),
        because="It's unknown, and sending again doesn't tell you either."),
    ask("recall", "7.recall-epoch",
        "A batch arrives under a known producer id with a lower epoch than the broker remembers. What does "
        "the broker do?",
        Option("It stores it.", False, "epochs are independent",
               "a lower epoch belongs to a predecessor, which mustn't write any more."),
        Option("It drops it and says ok.", False, "the broker drops what is old",
               "it drops nothing silently."),
        Option("It refuses it: error 47.", True),
        because="Once the broker has seen a newer epoch, it refuses every older one."),
    ask("choice", "7.alone",
        "Can idempotent producers alone guarantee full end-to-end exactly-once processing?",
        Option("Yes, if every producer has idempotence on.", False, "exactly once means the whole system",
               "each of them only covers its own batches, one partition at a time."),
        Option("Yes, if the consumers commit their offsets as well.", False,
               "a committed offset makes reading exact",
               "the result and the committed offset are two writes, and a crash can come between them."),
        Option("No, not even then.", True),
        because="The interesting part is what exactly is missing. The next runs show it piece by piece."),
    ask("prediction", "7.two-partitions",
        "An order is two records: `order` to partition 0, then `stock` to partition 1. The producer is "
        "idempotent. The process dies after the first. What do the two logs hold?",
        Option("Nothing: the broker takes half an order back.", lambda run: not run.values(0),
               "idempotence is all or nothing", logs_are),
        Option("`order`, and no `stock`.", lambda run: run.values(0) == ["order"] and not run.values(1)),
        Option("Both: the broker completes what was begun.", lambda run: bool(run.values(1)),
               "the broker completes what was begun", logs_are),
        because="To the broker there was one batch, and it's stored. Only the process knew that another was "
                "to follow. The sentence about \"atomic\" delivery is wrong, then, and the article itself "
                "calls it a myth. Each log by itself is fine, so no anomaly is reported, although half of "
                "the order is missing.",
        run=story("shop = kafka.producer()", 'shop.send("order", partition=0)', "shop.kill()", partitions=2)),
    ask("prediction", "7.commit",
        "The same two records, in a transaction that commits. Both partitions were empty before. Which "
        "offset will the next record on partition 0 get?",
        Option("1", lambda run: len(run.log(0)) == 1, "a commit leaves no trace", logs_are),
        Option("2", lambda run: len(run.log(0)) == 2),
        Option("3", lambda run: len(run.log(0)) == 3, "begin is written too",
               lambda run: f"only the end is written down: {logs_are(run)}"),
        because="The coordinator writes \"committed\" into a log of its own. From then on the outcome is "
                "settled, and the coordinator tells the producer. Then it asks the leader of each partition "
                "in the transaction to write a marker into that partition's log. A marker takes an offset, "
                "as a record does. No consumer receives a marker, so expect gaps in the offsets.",
        run=story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("order", partition=0)',
                  'shop.send("stock", partition=1)', "shop.commit()", partitions=2)),
    ask("prediction", "7.abort",
        "`a` is committed, `x` is aborted. Then a Java consumer with default settings reads from offset 0. "
        "What does it receive?",
        Option("`a`", lambda run: read(run) == ["a"], "consumers leave out what was aborted", read_is),
        Option("`a x`", lambda run: read(run) == ["a", "x"]),
        Option("Nothing before the next commit.", lambda run: not read(run), "an abort blocks the reader",
               read_is),
        because="Java's default is `read_uncommitted`: the consumer receives what's in the log. The second "
                "consumer in the picture had asked for `read_committed`. (The picture also says `LSO`. The "
                "next section explains it.)",
        run=ABORTED),
    ask("observation", "7.saw-abort",
        "What became of `x` when its transaction was aborted?",
        Option("It was taken out of the log.", lambda run: "x" not in run.values(), "an abort deletes",
               log_is),
        Option("It stays, with an abort marker behind it, and the `read_committed` consumer left it out.",
               lambda run: fate(run, "x") == "aborted" and "x" not in read(run, "consumer 2")),
        Option("It stays, and both consumers received it.", lambda run: "x" in read(run, "consumer 2"),
               "isolation changes nothing",
               lambda run: read_is(run, "consumer 2").replace("it", "the second one", 1)),
        because="Aborting removes nothing. The record still crosses the network, and the consumer's library "
                "skips it if you asked for `read_committed`. In Java and kafka-python that isn't the "
                "default. In librdkafka it is.",
        run=ABORTED),
    ask("prediction", "7.open",
        "A slow process has begun a transaction and sent `s0`. Then another producer, without any "
        "transaction, stores `o0` behind it. What does a `read_committed` consumer receive now?",
        Option("`o0`: it belongs to no transaction.", lambda run: read(run) == ["o0"],
               "a transaction hides only its own records", read_is),
        Option("`s0 o0`: both are in the log.", lambda run: read(run) == ["s0", "o0"],
               "isolation changes nothing", read_is),
        Option("Nothing.", lambda run: not read(run)),
        because="A `read_committed` consumer stops just before the first record of the oldest open "
                "transaction. That place is the *last stable offset*, `LSO` in the pictures. Everything "
                "behind it waits, no matter who sent it. The wait ends when the coordinator gives up on the "
                "slow producer after `transaction.timeout.ms`, one minute by default. With Apache Kafka that "
                "takes up to 10 seconds more, because its coordinator looks only every 10 seconds. The "
                "simulated one ends the transaction as soon as the time is over.",
        run=story('slow = kafka.producer("slow")', "slow.begin()", 'slow.send("s0")',
                  "other = kafka.producer()", 'other.send("o0")', 'kafka.consumer("read_committed").poll()')),
    ask("prediction", "7.zombie",
        "A process hangs in the middle of a transaction. You start another one in its place, with the same "
        "`transactional_id`. The first wakes up and sends `a1`. What becomes of its two records?",
        Option("`a0` is aborted, `a1` is refused.",
               lambda run: fate(run, "a0") == "aborted" and "a1" not in run.values()),
        Option("Both are in its transaction, which is still open.",
               lambda run: fate(run, "a0") == fate(run, "a1") == "open",
               "an open transaction stays its producer's", log_is),
        Option("Both are stored; the second process begins a transaction of its own.",
               lambda run: "a1" in run.values() and fate(run, "a0") != "open",
               "a transactional id is only a name", log_is),
        because="The coordinator first aborted what the old process had left open. Then it gave the new "
                "process the same producer id with a higher epoch. So the old one is *fenced*: the broker "
                "refuses its older epoch. The epoch rose by two, once to end the open transaction and once "
                "for the new process.",
        run=story('old = kafka.producer("shop")', "old.begin()", 'old.send("a0")',
                  'new = kafka.producer("shop")', 'old.send("a1")')),
    ask("choice", "7.id",
        "Three instances of one service run side by side, and Kubernetes restarts them now and then. Which "
        "`transactional_id` do you give them?",
        Option("The same to all three, as they do the same work.", False,
               "a transactional id names a service",
               "each of them would fence the one that started before it."),
        Option("A random one at each start, so that none ever clashes.", False, "an id only has to be unique",
               "the new process wouldn't fence the old one. And if the old one left a transaction open, "
               "consumers would have to wait for its timeout."),
        Option("One for each instance, which it keeps when it restarts.", True),
        because="The `transactional_id` has to outlive a restart, and no two running processes may share it. "
                "In a Kubernetes StatefulSet, the pod's name will do."),
    ask("prediction", "7.crash",
        "A process reads `m` from `in`, writes `M` to `out`, and then commits the offset. Idempotence is on. "
        "The process crashes once, after `M` is sent and before the offset is committed, and starts again. "
        "What does a `read_committed` consumer of `out` receive without transactions, and what with them?",
        Option("`M` in both: idempotence covers the restart.",
               lambda run, txn: results(run) == results(txn) == ["M"], "the promise outlives the producer",
               lambda run, txn: f"without transactions it receives {results_are(run)}."),
        Option("`M M` in both: the work is done twice.",
               lambda run, txn: results(run) == results(txn) == ["M", "M"], "done twice means visible twice",
               lambda run, txn: f"with transactions it receives {results_are(txn)}."),
        Option("`M M` without, `M` with.",
               lambda run, txn: results(run) == ["M", "M"] and results(txn) == ["M"]),
        because="The committed offset is a record too, in a topic of Kafka's own. So it can be part of the "
                "transaction: result and offset become one step, and a crash leaves both or neither. Here "
                "the crash left the first transaction open. The restarted process has the same "
                "`transactional_id`, so the coordinator aborted that transaction, and with it the first `M`.",
        run=pipeline("m", transactions=False, crash={1: "send"}), control=pipeline("m", crash={1: "send"})),
    ask("choice", "7.every-crash",
        "Now there are three records, `a`, `b` and `c`. In each run the process crashes once, right after "
        "one of the steps for `b`. Which of these processes can *lose* a record?",
        Option("Idempotence, with the offset committed last.", lambda: can_lose(PLAIN["after"]),
               "what is committed last can be lost",
               "after a crash the consumer reads again from the offset committed before, so the work is done "
               "twice and nothing is missing."),
        Option("Idempotence, with the offset committed first.", lambda: can_lose(PLAIN["before"])),
        Option("Transactions.", lambda: can_lose(TRANSACTIONS), "an aborted transaction loses its records",
               "the offset is in the transaction too: if it aborts, the record is read again."),
        Option("None of them.", lambda: not any(map(can_lose, (*PLAIN.values(), TRANSACTIONS))),
               "idempotence or transactions rule out a loss",
               "in one of them a crash can come after the offset is committed and before the send."),
        because="With the offset first, a crash before the send leaves a record that nobody reads again: at "
                "most once. With the offset last, the record is read again: at least once. Only transactions "
                "move the offset and the output together."),
    ask("prediction", "7.unread-future",
        "With kafka-python: in one transaction `order` is stored, and every request with `stock` gets lost. "
        "The application doesn't look at that future and calls `commit_transaction()`. What does the log "
        "hold afterwards?",
        Option("`order`, but not committed: the commit fails.", lambda run: fate(run, "order") != "committed",
               "kafka-python checks every send at commit",
               lambda run: f"`order` is {fate(run, 'order')}: the log holds {cells_words(run)}."),
        Option("`order` and `stock`: the commit sends what is missing.",
               lambda run: fate(run, "stock") == "committed", "the broker completes what was begun", log_is),
        Option("`order` alone, committed.",
               lambda run: fate(run, "order") == "committed" and not fate(run, "stock")),
        because="\"All or nothing\" is about the records that reached the transaction, and `stock` never "
                "did. Java's `commitTransaction` throws here, and kafka-python 3.0.12 doesn't. So look at "
                "every future before you commit.",
        run=story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("order")', "shop.commit()"),
        live=True),
    ask("choice", "7.commit-raises",
        "Now the commit itself: `commit_transaction()` raises, because its answer didn't come in time. Is "
        "the transaction committed?",
        Option("No, or it wouldn't have raised.", False, "an exception means nothing happened",
               "the coordinator may have committed it, and only its answer got lost."),
        Option("Yes: the coordinator always finishes what it was asked.", False, "sent means done",
               "the request itself may have got lost."),
        Option("It may be committed or not.", True),
        because="Lesson 2's two worlds again. With Java, after a timeout, call `commitTransaction()` again, "
                "and don't abort. With kafka-python 3.0.12 you can't do that: after such a timeout, its "
                "producer can neither commit nor abort. So close it and start a new one with the same "
                "`transactional_id`. Its `init_transactions()` waits until the old transaction is either "
                "committed or aborted. In a program that reads, works and writes, the committed offset then "
                "tells you which. (For Java: `KafkaProducer` javadoc.)"),
    PlayTask(
        id="7.make-log", name="play", missing=missing,
        text="Make the log `a ABORT b COMMIT` without calling `abort()`. Your function gets a `kafka`, as in "
             "the cells above. `task.check(play)`",
        hints=("Who else ends a transaction that was left open?",
               "Two things can end it: the passing of time (`kafka.wait`), or a successor.",
               "A successor is a second producer with the same `transactional_id`."),
        right=(given(play), given(waits)),
        explanation="When a successor starts, the coordinator aborts what its predecessor left open. It "
                    "also does that by itself once `transaction.timeout.ms` is over."),
    ValueTask(
        id="7.lag", scenario=MIXED, expects="two numbers, as a list",
        text="On an empty partition, a transaction with `a` and `b` is committed, one with `x` aborted, one "
             "with `c` committed. Which offset does the next record get, and how many records does a "
             "`read_committed` consumer receive? `task.check([offset, records])`",
        truth=lambda run: [len(run.log()), len(read(run))],
        against=_against_lag,
        hints=("Write the log down, cell by cell.", "Four records and three markers."),
        right=(given([7, 3]), given((7, 3))),
        explanation="Four records and three markers. So the end of the log minus the committed offset isn't "
                    "the number of records that are left to read. If a consumer commits \"last record + 1\", "
                    "a monitor that subtracts offsets shows a lag that never reaches 0."),
)
