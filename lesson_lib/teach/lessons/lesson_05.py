"""Lesson 5, "What is promised": a producer dies, a wait ends, an application sends again, a consumer crashes.
"""

from __future__ import annotations

from collections import Counter

from lesson_lib.history import History
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import (
    copies,
    holds,
    ids,
    log_is,
    log_words,
    logs_are,
    read,
    sequences,
    told,
    told_is,
    told_words,
)
from lesson_lib.teach.tasks.function import ValueTask
from lesson_lib.teach.tasks.puzzle import FAULTS, PuzzleTask
from lesson_lib.teach.tasks.task import given

SHORT = {"client": "java", "delivery_timeout_ms": 300, "request_timeout_ms": 100}
KILLED = scenario(3, faults={2: "kill producer"}, resend=True)
KINDS = (*FAULTS, "kill producer")
COMMITS_AFTER = scenario(4, consumer={"commit": "after", "crash_at": 2})


def read_is(run: History) -> str:
    """What contradicts a wrong idea of what the consumer's application received."""
    return f"it saw `{' '.join(read(run))}`."

ITEMS = (
    ask("recall", "5.recall-retries-0",
        "You start `kafka-python` with `retries=0` and no other setting. Is idempotence on?",
        Option("Yes, it is the default.", False, "a default stays whatever else is set",
               "`retries=0` conflicts with it, so the default gives way."),
        Option("No, and the client raises nothing.", True),
        Option("The producer refuses to start.", False, "a conflict is always an error",
               "that happens only if you set `enable_idempotence=True` explicitly."),
        because="Three settings switch the default off: acks, retries and the number of requests in flight."),
    ask("recall", "5.recall-content",
        "Idempotence is on, and an application sends `tea` twice. Why are there two in the log?",
        Option("The broker doesn't compare contents, and the two have different numbers.",
               lambda run: sequences(run) == [0, 1]),
        Option("They went out in one batch.", lambda run: len(run.attempts) == 1, "a batch is not checked",
               lambda run: f"there were {len(run.attempts)} requests."),
        Option("One ack got lost.", lambda run: any(a.lost for a in run.attempts),
               "two copies mean a lost ack", lambda run: "nothing was lost in this run."),
        because="Each send gets a number, and the number is what counts.",
        run=scenario(("tea", "tea"))),
    ask("recall", "5.recall-worlds",
        "A send ended with an exception because the connection dropped. What can the application conclude?",
        Option("The record isn't in the log.", False, "no ack means not stored",
               "in one of the two worlds of lesson 2 it was."),
        Option("The record is in the log.", False, "sent means done",
               "in one of the two worlds of lesson 2 it wasn't."),
        Option("Nothing about the log.", True),
        because="It's unknown. This lesson shows what happens when an application can't live with that."),
    ask("choice", "5.scope",
        "Does an idempotent producer guarantee exactly-once delivery across the whole system or only from "
        "producer to broker?",
        Option("Across the whole system.", False, "exactly once means the whole system",
               "no consumer checks sequences."),
        Option("From producer to broker, whatever goes wrong on the way.", False, "the promise has no limits",
               "there are limits, and this lesson finds them."),
        Option("From producer to broker, and only against some of what can go wrong.", True),
        because="The article says: from producer to broker. The runs below let one thing at a time go wrong, "
                "and show what idempotence does about it."),
    ask("prediction", "5.restart",
        "Idempotence is on. The producer's process dies right after it sent `m1`. The application starts "
        "again, doesn't know what became of `m1`, and sends it again. What does the log hold?",
        Option("`m0 m1 m2`", holds("m0", "m1", "m2"), "the promise outlives the producer", log_is),
        Option("`m0 m1 m1 m2`", holds("m0", "m1", "m1", "m2")),
        Option("`m0 m1`, and then errors, because the new producer's numbers don't fit.", holds("m0", "m1"),
               "a restart reuses the producer id", log_is),
        because="The application sent `m1` a second time, and the broker stored it a second time. Compare "
                "the two requests that carry `m1`: what could have told the broker that it's the same "
                "record?",
        run=KILLED),
    ask("observation", "5.saw-ids",
        "What happened to the producer id?",
        Option("The second producer got the same id, and its numbers started again.",
               lambda run: len(ids(run)) == 1, "a restart reuses the producer id",
               lambda run: f"the broker assigned {len(ids(run))} different ids."),
        Option("The second producer got a different id.", lambda run: len(ids(run)) == 2),
        Option("The broker assigned no id.", lambda run: not ids(run), "ids are the client's own",
               lambda run: f"it assigned {len(ids(run))}."),
        because="Without a `transactional_id`, every start gets a new producer id, so to the broker the new "
                "producer is a stranger. The article says that sequence numbers \"reset if the producer "
                "restarts\", which \"can cause message duplication or loss\". They do start again at 0, but "
                "under the new id. So no numbers clash, and nothing that was stored is lost. The promise "
                "holds for one producer id, and such an id lasts for at most one life of a producer.",
        run=KILLED),
    ask("choice", "5.close",
        "The article advises you to call `producer.close()` before restarting, \"to ensure proper producer "
        "ID fencing\". What does `close` tell the broker about the id?",
        Option("That the id may go to another producer.", False, "close releases the producer id",
               "ids are never used again."),
        Option("That it should refuse requests with this id from now on.", False, "close fences the producer",
               "it refuses nothing. Fencing, which shuts out an old producer, comes in lesson 7."),
        Option("Nothing.", True),
        because="Kafka's protocol has no request that gives an id back. Without a `transactional_id` every "
                "producer gets a new producer id, however the last one ended, and no id is ever used again. "
                "`close` is useful for another reason: it waits for whatever is still in flight."),
    ask("prediction", "5.timeout",
        "Idempotence is on, and no answer arrives any more. In one run the acks get lost, in the other the "
        "requests. After `delivery.timeout.ms` the producer gives up. What do you expect?",
        Option("An exception in both, and an empty log in both.",
               lambda a, b: told(a) == told(b) and not a.values() and not b.values(),
               "no ack means not stored", logs_are),
        Option("The same exception in both, and the record in one of the logs.",
               lambda a, b: told(a) == told(b) and a.values() == ["m0"] and not b.values()),
        Option("Different exceptions, so that you can tell.", lambda a, b: told(a) != told(b),
               "the exception says what happened",
               lambda a, b: f"in both runs the application was told {told_words(a)}, with "
                            f"{a.reports[0].note}."),
        Option("Several copies in one of the logs.", lambda a, b: len(a.values()) > 1,
               "every retry makes a copy",
               lambda a, b: f"{len(a.attempts)} tries, and the log holds {log_words(a)}."),
        because="The client tried four times, and neither log holds more than one record: idempotence did "
                "its part. But it can't make a request or an answer arrive, and in the second run `m0` never "
                "gets into the log. The application can notice that something went wrong, because the future "
                "raises. But `TimeoutException` doesn't say \"lost\". It says **unknown**.",
        run=scenario(1, faults={"1+": "lose ack"}, **SHORT),
        control=scenario(1, faults={"1+": "lose request"}, **SHORT)),
    ask("prediction", "5.resend",
        "Idempotence is on. An application sends `m0`, and every ack gets lost until the client gives up. "
        "The application takes the exception for \"failed\" and sends `m0` again, with the same producer. "
        "From then on the acks arrive, and `m1` follows. What does the log hold?",
        Option("`m0 m1`, because the broker recognises `m0`.", holds("m0", "m1"),
               "same content means same message", log_is),
        Option("`m0 m0 m1`", holds("m0", "m0", "m1")),
        Option("`m0`, and then an error.", holds("m0"), "a duplicate is an error", log_is),
        because="A new call of `send` makes a new batch, and it needs a number. The client couldn't know "
                "whether the broker had stored the old batch, whose sequence was 0. If the broker had stored "
                "it, a new batch with sequence 0 would look like a duplicate. If it hadn't, a new batch with "
                "sequence 1 would leave a gap. So the client raised its *epoch*, the version number of its "
                "producer id, and started again from 0. The new batch has sequence 0 in epoch 1, and the "
                "broker has never seen that. The application made this copy, and nothing in Kafka can "
                "recognise it: the broker recognises the client's retries, but not yours.",
        run=scenario(2, faults={"1-4": "lose ack"}, resend=True, **SHORT)),
    ask("prediction", "5.next-record",
        "Two acks of `m0` get lost in a row, and kafka-python gives up on `m0`. From then on the network is "
        "fine. What happens to the next record, `m1`?",
        Option("It is stored, and the application gets an ok.", lambda run: run.told.get(1) == "ok",
               "a producer recovers by itself",
               lambda run: f"the log holds {log_words(run)}, and the application was told "
                           f"{told_words(run)}."),
        Option("It fails with an exception.", lambda run: run.told.get(1) == "failed",
               "trouble is always reported", told_is),
        Option("Nothing: it's never sent, and never reported.",
               lambda run: run.values() == ["m0"] and run.told.get(1, "unknown") == "unknown"),
        because="kafka-python 3.0.12 had already sent `m0` twice when it gave up. If it gives up after a "
                "retry, the producer never sends again, whatever the network does. The application hears "
                "that `m0` is unknown, but nothing tells it that the producer is finished. So if a record's "
                "future has failed with `KafkaTimeoutError` or `RequestTimedOutError`, treat that record as "
                "unknown, and start a new producer.",
        run=scenario(2, faults={"1-2": "lose ack silently"}, delivery_timeout_ms=1_500,
                     request_timeout_ms=1_000), live=True),
    ask("prediction", "5.consumer",
        "The log is clean: `m0 m1 m2 m3`. A consumer handles each record and then commits its offset "
        "(`\"commit\": \"after\"`). It handles the second record, crashes before it commits, and starts "
        "again. What does its application see?",
        Option("`m0 m1 m2 m3`", lambda run: read(run) == ["m0", "m1", "m2", "m3"],
               "a clean log means clean reading", read_is),
        Option("`m0 m1 m1 m2 m3`", lambda run: read(run) == ["m0", "m1", "m1", "m2", "m3"]),
        Option("`m0 m2 m3`", lambda run: read(run) == ["m0", "m2", "m3"], "reading moves the position",
               lambda run: f"{read_is(run)} Only a commit moves the committed offset."),
        because="The consumer crashed before it could commit `m1`. The last commit was for `m0`, so when it "
                "started again, it began at `m1`. No producer setting reaches this far.",
        run=COMMITS_AFTER),
    ask("observation", "5.saw-consumer",
        "The other consumer commits first and handles afterwards. It crashed at the same record, also "
        "between its two steps. What did its application miss?",
        Option("Nothing.", lambda run, other: read(other) == read(run), "commit order does not matter",
               lambda run, other: read_is(other)),
        Option("`m1`.", lambda run, other: "m1" not in read(other)),
        Option("`m2` and `m3`.", lambda run, other: not {"m2", "m3"} & set(read(other)),
               "a crash ends the reading", lambda run, other: read_is(other)),
        because="Handle first, and you get at least once. Commit first, and you get at most once. If "
                "handling a record means writing to Kafka, the write and the commit can be one step. Lesson "
                "7 shows how.",
        run=COMMITS_AFTER, control=scenario(4, consumer={"commit": "before", "crash_at": 2})),
    PuzzleTask(
        id="5.twice", scenario=scenario(3, idempotence=True, resend=True), budget=1, kinds=KINDS,
        goal="idempotence is on, `m2` is in the log twice, and `m0` and `m1` are there once.",
        reached=lambda run: Counter(run.values()) == {"m0": 1, "m1": 1, "m2": 2},
        text="Three records, with idempotence on. For every record without an ok, the application calls "
             "`send` once more (`resend=True`). With one fault, get `m2` into the log twice: "
             "`task.check({...: \"...\"})`",
        hints=("A lost ack won't do it, because the broker recognises the client's own retry.",
               "The client must be gone before it can retry.", "Which request carries `m2`?"),
        right=(given({3: "kill producer"}),),
        explanation="It's there twice, with idempotence on and no fault in Kafka. The application made the "
                    "copy: it sent the record again without knowing whether the first one was stored."),
    PuzzleTask(
        id="5.no-resend", scenario=scenario(3, idempotence=True, resend=False), budget=2, kinds=KINDS,
        goal="`m1` is in the log twice, although the application sent it only once.",
        reached=lambda run: copies(run, "m1") > 1,
        text="Three records, and the application sends each of them only once (`resend=False`). With up to "
             "two faults (lose ack, lose request, refuse 19, store and answer 20, repeat, kill producer), "
             "get `m1` into the log twice. `task.check({...: \"...\"})`",
        hints=("What does the second producer send, after the first was killed?",
               "The check tries every script before it agrees that it's impossible."),
        right=(given("impossible"),),
        explanation="The broker recognised whatever this client sent twice. That is the promise: under one "
                    "producer id and epoch, the client library may retry a batch as often as it likes, and "
                    "the log holds it at most once, as long as the broker remembers it. In lesson 6 you make "
                    "the broker forget."),
    ValueTask(
        id="5.told", scenario=scenario(4, faults={2: "kill producer", 4: "lose ack"}, resend=True),
        expects="a list of values",
        text="Idempotence is on, `resend=True`, four records `m0` to `m3`, and the script `{2: \"kill "
             "producer\", 4: \"lose ack\"}`. What does the log hold? `task.check([\"m0\", ...])`",
        truth=lambda run: run.values(),
        against=lambda run, answer: f"The broker stored {len(run.values())} batches. Request 3 is the new "
                                    "producer's first request. The broker recognised the retry of request "
                                    f"{next(a.number for a in run.attempts if a.try_no == 2) - 1}.",
        hints=("Request 2 is stored, and then its producer is gone.",
               "Request 3 is `m1` again, from a producer that the broker doesn't know. Request 4 is `m2`.",
               "The ack of request 4 gets lost, but its producer is alive."),
        right=(given(["m0", "m1", "m1", "m2", "m3"]), given(("m0", "m1", "m1", "m2", "m3"))),
        explanation="The restart made one copy. The lost ack made none."),
)
