"""Lesson 5, "What is promised": a producer that dies, an application that sends again, a wait that ends, a consumer that crashes.

Where the notebook uses what, in this order:

| id | where |
|---|---|
| 5.recall-silent, 5.recall-content, 5.recall-worlds | opening: three questions on lessons 2 to 4 |
| 5.scope | the page's own question |
| 5.restart | before `simulate(3, faults={2: "kill producer"}, resend=True)` |
| 5.saw-ids | after that run |
| 5.close | before the two producers on the real client, one closed and one killed |
| 5.timeout | before two runs in which no answer ever comes; `reveal(stored, predict, control=not_stored)` |
| 5.resend | before the application answers that exception with another send |
| 5.consumer | before a consumer that crashes between reading and committing; its control commits first |
| 5.saw-consumer | after these runs |
| 5.twice, 5.no-resend, 5.told | exercises: two puzzles, one of them impossible, and a value |
"""

from __future__ import annotations

from lesson_lib.history import History, Kind
from lesson_lib.teach.content import Option, Question, scenario
from lesson_lib.teach.lessons.exercises_05 import EXERCISES
from lesson_lib.teach.readings import log_words, told_words

SHORT = {"client": "java", "delivery_timeout_ms": 300, "request_timeout_ms": 100}
KILLED = scenario(3, faults={2: "kill producer"}, resend=True)
STORED = scenario(1, faults={"1+": "lose ack"}, **SHORT)
NOT_STORED = scenario(1, faults={"1+": "lose request"}, **SHORT)
RESENT = scenario(2, faults={"1-4": "lose ack"}, resend=True, **SHORT)
READ_TWICE = scenario(4, consumer={"commit": "after", "crash_at": 2})
SKIPPED = scenario(4, consumer={"commit": "before", "crash_at": 2})


def log_is(*runs: History) -> str:
    """What contradicts a wrong idea of the log."""
    return f"the log holds {log_words(runs[0])}."


def ids(run: History) -> list[int]:
    """The producer ids that were given out."""
    return [e.producer_id for e in run.of(Kind.INIT)]


def read(run: History) -> list[str]:
    """The values that the consumer's application was handed, in order."""
    return [value for e in run.of(Kind.READ) for value in e.values]


def read_words(run: History) -> str:
    """The same in words."""
    return f"`{' '.join(read(run))}`"


def told_same(one: History, other: History) -> bool:
    """Whether the application was told the same in both, exceptions included."""
    return [(e.what, e.note) for e in one.reports] == [(e.what, e.note) for e in other.reports]


RECALL = (
    Question(
        id="5.recall-silent", kind="recall",
        text="`kafka-python` with `retries=0` and no other setting. Is idempotence on?",
        options=(
            Option("Yes, it is the default.", False, "a default stays whatever else is set",
                   "`retries=0` speaks against it, so the default gives way."),
            Option("No, and nothing is raised.", True),
            Option("The producer refuses to start.", False, "a conflict is always an error",
                   "that happens only where `enable_idempotence=True` is written down."),
        ),
        explanation="Three settings do that: acks, retries, and requests in flight.",
    ),
    Question(
        id="5.recall-content", kind="recall", scenario=scenario(("tea", "tea")),
        text="Idempotence is on, and an application sends `tea` twice. Why are there two in the log?",
        options=(
            Option("The broker does not compare contents; the two have different numbers.",
                   lambda run: [a.send.base_sequence for a in run.attempts] == [0, 1]),
            Option("They went out in one batch.", lambda run: len(run.attempts) == 1, "a batch is not checked",
                   lambda run: f"there were {len(run.attempts)} requests."),
            Option("One ack was lost.", lambda run: any(a.lost for a in run.attempts), "two copies mean a lost ack",
                   lambda run: "nothing was lost in this run."),
        ),
        explanation="A number for each send, and the number is what counts.",
    ),
    Question(
        id="5.recall-worlds", kind="recall",
        text="`send` ended with an exception, because the connection broke. What may the application conclude?",
        options=(
            Option("The record is not in the log.", False, "no ack means not stored", "in one of the two worlds of lesson 2 it was."),
            Option("The record is in the log.", False, "sent means done", "in one of the two worlds of lesson 2 it was not."),
            Option("Nothing about the log.", True),
        ),
        explanation="Unknown. Today you see what follows when an application cannot live with that.",
    ),
)

SCOPE = Question(
    id="5.scope", kind="choice",
    text="Does an idempotent producer guarantee exactly-once delivery across the whole system or only from producer to broker?",
    options=(
        Option("Across the whole system.", False, "exactly once means the whole system", "a consumer knows nothing of sequences."),
        Option("From producer to broker, always.", False, "the promise outlives the producer",
               "\"always\" has holes in it; this lesson finds them."),
        Option("From producer to broker, and even there within limits.", True),
    ),
    explanation="The page gives the second answer. The runs below tell it from the third.",
)

RESTART = Question(
    id="5.restart", kind="prediction", scenario=KILLED,
    text="Idempotence is on. The producer's process dies right after it sent `m1`. The application starts again, does not know about `m1`, "
         "and sends it again. What does the log hold?",
    options=(
        Option("`m0 m1 m2`", lambda run: run.values() == ["m0", "m1", "m2"], "the promise outlives the producer", log_is),
        Option("`m0 m1 m1 m2`", lambda run: run.values() == ["m0", "m1", "m1", "m2"]),
        Option("`m0 m1`, and then errors: the new producer's numbers do not fit.", lambda run: run.values() == ["m0", "m1"],
               "a restart reuses the producer id", log_is),
    ),
    explanation="The new producer has a new id and begins at 0. To the broker it is a stranger.",
)

SAW_IDS = Question(
    id="5.saw-ids", kind="observation", scenario=KILLED,
    text="What became of the producer id?",
    options=(
        Option("The second producer got the same id, and its numbers began again.",
               lambda run: len(set(ids(run))) == 1, "a restart reuses the producer id",
               lambda run: f"{len(set(ids(run)))} different ids were given out."),
        Option("The second producer got another id.", lambda run: len(set(ids(run))) == 2),
        Option("The broker gave out no id.", lambda run: not ids(run), "ids are the client's own",
               lambda run: f"{len(ids(run))} were given out."),
    ),
    explanation="Without a `transactional_id` every start gets a new id. So nothing clashes, and nothing is recognised.",
)

CLOSE = Question(
    id="5.close", kind="choice",
    text="The page advises: call `producer.close()` before restarting, \"to ensure proper producer ID fencing\". "
         "What does `close` tell the broker about the id?",
    options=(
        Option("That the id may be given to somebody else.", False, "close releases the producer id", "ids are never used twice."),
        Option("That requests with this id shall be refused from now on.", False, "close fences the producer",
               "nothing is refused; you may try. Fencing, to shut out an old producer, comes in lesson 7."),
        Option("Nothing.", True),
    ),
    explanation="Kafka's protocol has no request for it. `close` waits for what is still on its way; that is why it is good.",
)

TIMEOUT = Question(
    id="5.timeout", kind="prediction", scenario=STORED, control=NOT_STORED,
    text="Idempotence is on. From now on no answer comes back: in one run the acks are lost, in the other the requests. "
         "After `delivery.timeout.ms` the producer gives up. What do you expect?",
    options=(
        Option("An exception in both, and an empty log in both.", lambda a, b: told_same(a, b) and not a.values() and not b.values(),
               "a timeout means not written", lambda a, b: f"one log holds {log_words(a)}, the other {log_words(b)}."),
        Option("The same exception in both, and the record in one of the logs.",
               lambda a, b: told_same(a, b) and a.values() == ["m0"] and not b.values()),
        Option("Different exceptions, so that one can tell.", lambda a, b: not told_same(a, b), "the exception says what happened",
               lambda a, b: f"in both runs the application was told {told_words(a)}, with {a.reports[0].note}."),
        Option("Several copies in one of the logs.", lambda a, b: len(a.values()) > 1, "every retry makes a copy",
               lambda a, b: f"{len(a.attempts)} tries, and the log holds {log_words(a)}."),
    ),
    explanation="Idempotence kept the tries from adding up. It did not make the answer arrive.",
)

RESEND = Question(
    id="5.resend", kind="prediction", scenario=RESENT,
    text="An application reads that exception as \"failed\" and calls `send` again, with the same producer. What does the log hold?",
    options=(
        Option("`m0 m1`: the broker recognises `m0`.", lambda run: run.values() == ["m0", "m1"],
               "same content means same message", log_is),
        Option("`m0 m0 m1`", lambda run: run.values() == ["m0", "m0", "m1"]),
        Option("`m0`, and then an error.", lambda run: run.values() == ["m0"], "a duplicate is an error", log_is),
    ),
    explanation="A new call of `send` is a new batch with a new number. This duplicate is made above the client, where nothing can see it.",
)

CONSUMER = Question(
    id="5.consumer", kind="prediction", scenario=READ_TWICE,
    text="The log is clean: `m0 m1 m2 m3`. A consumer handles a record and then commits its position: `commit` is `after`. It "
         "crashes between the two, at the second record, and starts again. What does its application see?",
    options=(
        Option("`m0 m1 m2 m3`", lambda run: read(run) == ["m0", "m1", "m2", "m3"], "a clean log means clean reading",
               lambda run: f"it saw {read_words(run)}."),
        Option("`m0 m1 m1 m2 m3`", lambda run: read(run) == ["m0", "m1", "m1", "m2", "m3"]),
        Option("`m0 m2 m3`", lambda run: read(run) == ["m0", "m2", "m3"], "reading moves the position",
               lambda run: f"it saw {read_words(run)}; the position moves when it is committed."),
    ),
    explanation="The position had not been committed, so the second consumer began at `m1`. No producer setting reaches this far.",
)

SAW_CONSUMER = Question(
    id="5.saw-consumer", kind="observation", scenario=READ_TWICE, control=SKIPPED,
    text="The other consumer commits first and then handles. It crashed at the same place. What did its application miss?",
    options=(
        Option("Nothing.", lambda run, other: read(other) == read(run), "commit order does not matter",
               lambda run, other: f"it saw {read_words(other)}."),
        Option("`m1`.", lambda run, other: "m1" not in read(other)),
        Option("`m2` and `m3`.", lambda run, other: not {"m2", "m3"} & set(read(other)), "a crash ends the reading",
               lambda run, other: f"it saw {read_words(other)}."),
    ),
    explanation="At least once or at most once: the order of two lines decides. Lesson 7 shows how both can be one step.",
)

ITEMS = (*RECALL, SCOPE, RESTART, SAW_IDS, CLOSE, TIMEOUT, RESEND, CONSUMER, SAW_CONSUMER, *EXERCISES)
