"""Lesson 3, "Idempotency": the same content twice against the same attempt twice, and brokers that confuse the two.

Where the notebook uses what, in this order:

| id | where |
|---|---|
| 3.recall-unknown, 3.recall-offset, 3.recall-order | opening: three questions on lessons 1 and 2 |
| 3.meaning | the page's own question, before anything runs |
| 3.seat, 3.http | operations outside Kafka: which may be repeated? |
| 3.same-content | before `simulate(["coffee", "coffee"])` |
| 3.same-attempt | before the same with a lost ack; its control is idempotence off |
| 3.saw-numbers | after that run |
| 3.other-bytes | before the forged replay on the live broker |
| 3.count-numbers, 3.beat-content, 3.beat-page, 3.beat-buffer | exercises: three mutants, and a sequence |
"""

from __future__ import annotations

from lesson_lib.core.batch import Batch
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import Appended, Duplicate, ProducerStateEntry, Verdict
from lesson_lib.history import History
from lesson_lib.sim.broker_with_memory import Broker
from lesson_lib.sim.wrong_brokers import mutant_called
from lesson_lib.teach.content import Option, Question, scenario
from lesson_lib.teach.readings import copies, log_words, offsets_told, told_words
from lesson_lib.teach.tasks.mutant import MutantTask
from lesson_lib.teach.tasks.task import given
from lesson_lib.teach.tasks.value import ValueTask

TWO_COFFEES = scenario(("coffee", "coffee"))
LOST_ACK = scenario(("coffee", "coffee"), faults={2: "lose ack"})
LOST_ACK_PLAIN = scenario(("coffee", "coffee"), faults={2: "lose ack"}, idempotence=False)
ONE_LOST_ACK = scenario(1, faults={1: "lose ack"}, retries=0, idempotence=False)


def log_is(*runs: History) -> str:
    """What contradicts a wrong idea of the log."""
    return f"the log holds {log_words(runs[0])}."


RECALL = (
    Question(
        id="3.recall-unknown", kind="recall", scenario=ONE_LOST_ACK,
        text="A producer without retries loses an ack. What does the exception mean for the record?",
        options=(
            Option("It was not stored.", lambda run: not run.values(), "no ack means not stored", log_is),
            Option("Nothing for certain: here it was stored.", lambda run: run.told[0] == "unknown" and bool(run.values())),
            Option("It was stored twice.", lambda run: copies(run, "m0") == 2, "every retry makes a copy", log_is),
        ),
        explanation="After a broken connection an exception means unknown.",
    ),
    Question(
        id="3.recall-offset", kind="recall", scenario=scenario(3, faults={2: "lose ack"}, idempotence=False),
        text="Without idempotence the ack for `m1` is lost once. Which offset is the application told for `m1` in the end?",
        options=(
            Option("1, that of the first copy.", lambda run: offsets_told(run)[1] == 1, "an ack names the first copy",
                   lambda run: f"it was told {offsets_told(run)[1]}."),
            Option("2, that of the second copy.", lambda run: offsets_told(run)[1] == 2),
            Option("None.", lambda run: offsets_told(run)[1] is None, "a lost ack is a failure",
                   lambda run: f"it was told {offsets_told(run)[1]}: the second try was answered."),
        ),
        explanation="Only the second try was answered, so only its offset came back.",
    ),
    Question(
        id="3.recall-order", kind="recall", scenario=scenario(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False),
        text="Without idempotence: four requests in flight, the first is refused for now and sent again. Where does `m0` end up?",
        options=(
            Option("First: a retry keeps its place.", lambda run: run.values()[0] == "m0", "one connection keeps the order", log_is),
            Option("Last.", lambda run: run.values()[-1] == "m0"),
            Option("Nowhere.", lambda run: "m0" not in run.values(), "what is refused stays refused", log_is),
        ),
        explanation="Its retry came behind what was already on the way.",
    ),
)

MEANING = Question(
    id="3.meaning", kind="choice",
    text="Does idempotency mean 'no duplicates ever' or 'duplicates are handled safely'?",
    options=(
        Option("No duplicates ever: a second request never arrives.", False, "idempotent means never sent twice",
               "the request is still sent twice, and arrives twice. What changes is what the second one does."),
        Option("Duplicates are handled safely: a second request may arrive, and changes nothing.", True),
    ),
    explanation="An operation is idempotent when doing it twice leaves the same state as doing it once. Nothing forbids the second time.",
)

SEAT = Question(
    id="3.seat", kind="choice",
    text="Your browser shows no answer, so you press the button again. Which of these may safely be done twice?",
    options=(
        Option("Add 10 euros to the account.", False, "any write may be repeated", "the balance rises twice."),
        Option("Reserve seat 12A for Ada.", True),
        Option("Append a line to a list.", False, "any write may be repeated", "the list has the line twice."),
    ),
    explanation="It names the end state, so the second time changes nothing. Kafka's `send` is of the third kind: it appends.",
)

HTTP = Question(
    id="3.http", kind="choice",
    text="HTTP calls PUT idempotent and POST not. A payment service must accept POST, and clients will retry it. What helps?",
    options=(
        Option("A key that the client chooses once for all tries.", True),
        Option("Comparing the body with the last one.", False, "same content means same message",
               "two customers may pay the same amount, and one may pay it twice on purpose."),
        Option("A time stamp in each request.", False, "a time tells tries apart",
               "each try has a time of its own, so none looks like the other."),
    ),
    explanation="That is the Idempotency-Key header of payment interfaces.",
)

SAME_CONTENT = Question(
    id="3.same-content", kind="prediction", scenario=TWO_COFFEES,
    text="Idempotence is on. The application sends `coffee` and then `coffee` again. Nothing gets lost. What does the log hold?",
    options=(
        Option("One coffee.", lambda run: copies(run, "coffee") == 1, "same content means same message", log_is),
        Option("Two coffees.", lambda run: copies(run, "coffee") == 2),
        Option("One, and the second send fails.", lambda run: copies(run, "coffee") == 1 and "failed" in run.told.values(),
               "a duplicate is an error", lambda run: f"the application was told {told_words(run)}."),
    ),
    explanation="Two calls of `send` are two records with two numbers. The broker never looks at the content.",
)

SAME_ATTEMPT = Question(
    id="3.same-attempt", kind="prediction", scenario=LOST_ACK, control=LOST_ACK_PLAIN,
    text="The same two sends, and the ack of the second is lost, so that it is sent again. "
         "How many coffees are in the log with idempotence on, and how many with it off?",
    options=(
        Option("On: one. Off: two.", lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (1, 2),
               "same content means same message", lambda on, off: f"on: {log_words(on)}; off: {log_words(off)}."),
        Option("On: two. Off: two.", lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (2, 2),
               "a broker knows a retry when it sees one", lambda on, off: f"on: {log_words(on)}; off: {log_words(off)}."),
        Option("On: two. Off: three.", lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (2, 3)),
    ),
    explanation="Three requests each time. With a number in the batch the broker saw that the third was the second once more.",
)


def _numbers(run: History) -> list[int]:
    return [a.send.base_sequence for a in run.attempts]


SAW_NUMBERS = Question(
    id="3.saw-numbers", kind="observation", scenario=LOST_ACK,
    text="Look at *seq* in the picture of the run with idempotence on, or at the column `sequence` of its table. Which sequences did "
         "the three attempts carry?",
    options=(
        Option("0, 1, 2: every request has its own.", lambda run: _numbers(run) == [0, 1, 2], "a retry gets a new number",
               lambda run: f"they carried {', '.join(map(str, _numbers(run)))}."),
        Option("0, 1, 1: the retry repeats the number.", lambda run: _numbers(run) == [0, 1, 1]),
        Option("0, 0, 0: the content is the same.", lambda run: len(set(_numbers(run))) == 1, "same content means same message",
               lambda run: f"they carried {', '.join(map(str, _numbers(run)))}."),
    ),
    explanation="The number is given once, when the batch is first sent, and a retry repeats it. It is the idempotency key.",
)

OTHER_BYTES = Question(
    id="3.other-bytes", kind="choice",
    text="A batch with sequence 0 holds `tea` and is stored. By hand you send another batch with the same producer id, epoch and "
         "sequence 0, and it holds `rum`. What does the broker do?",
    options=(
        Option("It stores `rum`: the content differs.", False, "same content means same message",
               "the broker compares the numbers only."),
        Option("It answers ok, and stores nothing.", True),
        Option("It answers with an error, since the numbers do not fit the content.", False, "the broker compares content",
               "nothing in the rule looks at the records."),
    ),
    explanation="Same producer id, epoch and range: a duplicate, whatever is inside. The ack carries the offset of `tea`.",
)


def _mutant(name: str) -> Broker:
    return mutant_called(name).broker()


def as_the_page_says(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int, version: KafkaVersion) -> Verdict:
    """The diagram of the source page: "If seq # > stored, store, else discard"."""
    if entry is not None and entry.batches and batch.base_sequence <= entry.last_sequence:
        return Duplicate(entry.batches[-1].base_offset)
    return Appended(log_end_offset)


# 4.5, because an older broker has a bug of its own here, which lesson 6 is about (KAFKA-15591).
BURST = {"in_flight": 4, "client": "java", "broker": "4.5"}

EXERCISES = (
    ValueTask(
        id="3.count-numbers", scenario=scenario(7, records_per_batch=3, faults={2: "lose ack"}), expects="a list of whole numbers",
        text="Seven records in batches of three, three and one, idempotence on. The ack of the second batch is lost once. "
             "Which base sequence does each of the four attempts carry? `task.check([...])` with four numbers",
        truth=_numbers,
        against=lambda run, answer: f"The batches hold {', '.join(str(a.send.record_count) for a in run.attempts)} records; "
                                    "a batch begins where the one before it ended, and a retry repeats its number.",
        hints=("A sequence counts records, not batches.", "Attempt 3 is batch 1 once more."),
        right=(given([0, 3, 3, 6]),), wrong=(given([0, 1, 1, 2]), given([0, 3, 6, 9]), given([0, 3, 6, 6]), given(3), given("0336")),
        explanation="0, 3, 3, 6: sequences count records, and the retry repeats its 3.",
    ),
    MutantTask(
        id="3.beat-content", scenario=TWO_COFFEES, mutant=lambda: _mutant("dedupe by content"), budget=1, choose_values=True,
        text="This broker stores the same content once. Find values (and at most one fault) with which anybody can see that it is "
             "not Kafka: `task.check({}, values=[...])`",
        hints=("No fault is needed: `{}`.", "What did the application order twice?"),
        right=(given({}, values=["coffee", "coffee"]), given({1: "lose ack"}, values=["a", "b", "a"])),
        wrong=(given({}, values=["coffee", "tea"]), given({1: "lose ack"}, values=["coffee", "tea"]), given({}, values=3),
               given({9: "lose ack"}, values=["a", "a"]), given({1: "lose ack", 2: "lose ack"}, values=["a", "a"])),
        explanation="Somebody ordered two coffees and got one, with two times ok: a lost write.",
    ),
    MutantTask(
        id="3.beat-page", scenario=scenario(4, **BURST), mutant=lambda: as_the_page_says, budget=1, breaks="lost write",
        text="This broker follows the page: a sequence above the highest one seen is stored, anything else is a duplicate and is "
             "ignored. Four requests go out without waiting. With one fault, make it lose a record that it said ok to: "
             "`task.check({...: \"...\"})`",
        hints=("It is wrong about a batch that comes late and was never stored.",
               "Refuse one batch for now (`refuse 6`), so that later ones overtake it."),
        right=(given({2: "refuse 6"}), given({2: "refuse 19"}), given({1: "refuse 6"}), given({3: "refuse 6"})),
        wrong=(given({1: "lose ack"}), given({3: "lose ack"}), given({4: "refuse 6"}), given({}), given({2: "refuse 6", 3: "refuse 6"}),
               given({2: "refuse"})),
        explanation="It says ok for a batch that it never stored: a lost write. Kafka refuses what comes too early, with error "
                    "45, until the missing batch is there.",
    ),
    MutantTask(
        id="3.beat-buffer", scenario=scenario(4, **BURST), mutant=lambda: _mutant("buffer and sort"), budget=2, breaks="lost write",
        text="This broker keeps a batch that comes too early, says ok, and stores it when the missing ones are there. "
             "Two faults show that it is not Kafka: `task.check({...: \"...\"})`",
        hints=("What it keeps is not in the log yet. What if it loses its memory just then?",
               "First make a batch come too early: `refuse 6` for the second. Then, before the retry arrives: `crash broker`.",
               "The first four requests are attempts 1 to 4; the retry is attempt 5."),
        right=(given({2: "refuse 6", 5: "crash broker"}), given({1: "refuse 6", 5: "crash broker"})),
        wrong=(given({}), given({2: "lose ack"}), given({2: "refuse 6"}), given({3: "crash broker"}),
               given({1: "lose ack", 2: "crash broker"}), given({1: "refuse 6", 5: "kill producer"})),
        explanation="It promised what it had not stored. Kafka keeps nothing aside: a batch that comes too early is refused with 45, "
                    "and the producer sends it again.",
    ),
)

ITEMS = (*RECALL, MEANING, SEAT, HTTP, SAME_CONTENT, SAME_ATTEMPT, SAW_NUMBERS, OTHER_BYTES, *EXERCISES)
