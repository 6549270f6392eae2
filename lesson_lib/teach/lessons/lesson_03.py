"""Lesson 3, "Idempotency": the same content twice against one send twice, and brokers that confuse them."""

from __future__ import annotations

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.producer_state import Appended, Batch, Duplicate, ProducerStateEntry, Verdict
from lesson_lib.explorer.wrong_brokers import BufferAndSort, DedupeByContent
from lesson_lib.history import History
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import (
    copies,
    holds,
    log_is,
    log_words,
    offsets_told,
    requests,
    sequences,
    told_is,
)
from lesson_lib.teach.scenarios import with_own_rule
from lesson_lib.teach.tasks.function import ValueTask
from lesson_lib.teach.tasks.puzzle import MutantTask
from lesson_lib.teach.tasks.task import given

TWO_COFFEES = scenario(("coffee", "coffee"))
# 4.5, because an older broker has a bug of its own here, which lesson 6 is about (KAFKA-15591).
BURST = {"in_flight": 4, "client": "java", "broker": "4.5"}
LOST_ACK = scenario(("coffee", "coffee"), faults={2: "lose ack"})


def numbers_are(run: History) -> str:
    """What contradicts a wrong idea of the sequences."""
    return f"they carried {', '.join(map(str, sequences(run)))}."


def as_the_page_says(entry: ProducerStateEntry | None, batch: Batch, log_end_offset: int,
                     version: KafkaVersion) -> Verdict:
    """The diagram of the source page: "If seq # > stored, store, else discard"."""
    if entry is not None and entry.batches and batch.base_sequence <= entry.last_sequence:
        return Duplicate(entry.batches[-1].base_offset)
    return Appended(log_end_offset)

ITEMS = (
    ask("recall", "3.recall-unknown",
        "A producer without retries loses an ack. What does the exception say about the record?",
        Option("It wasn't stored.", lambda run: not run.values(), "no ack means not stored", log_is),
        Option("Nothing certain. Here it was stored.",
               lambda run: run.told[0] == "unknown" and bool(run.values())),
        Option("It was stored twice.", lambda run: copies(run, "m0") == 2, "every retry makes a copy",
               log_is),
        because="If the connection dropped, the exception doesn't tell you whether the record was stored.",
        run=scenario(1, faults={1: "lose ack"}, retries=0, idempotence=False)),
    ask("recall", "3.recall-offset",
        "Without idempotence, the ack for `m1` gets lost once. Which offset does the application get for "
        "`m1` in the end?",
        Option("1, the offset of the first copy.", lambda run: offsets_told(run)[1] == 1,
               "an ack names the first copy", lambda run: f"it got {offsets_told(run)[1]}."),
        Option("2, the offset of the second copy.", lambda run: offsets_told(run)[1] == 2),
        Option("None.", lambda run: offsets_told(run)[1] is None, "a lost ack is a failure",
               lambda run: f"it got {offsets_told(run)[1]}, because the second try was answered."),
        because="Only the answer to the second try got through, so only that offset came back.",
        run=scenario(3, faults={2: "lose ack"}, idempotence=False)),
    ask("recall", "3.recall-order",
        "Without idempotence, four requests are in flight. The broker refuses the first with error 19, and "
        "the producer sends it again. Where does `m0` end up?",
        Option("First, because a retry keeps its place.", lambda run: run.values()[0] == "m0",
               "a retry keeps its place", log_is),
        Option("Last.", lambda run: run.values()[-1] == "m0"),
        Option("Nowhere.", lambda run: "m0" not in run.values(), "what is refused stays refused", log_is),
        because="The retry of `m0` arrived after everything that was already on its way.",
        run=scenario(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False)),
    ask("prediction", "3.same-content",
        "Idempotence is on. The application sends `coffee`, and then `coffee` again. Nothing gets lost. What "
        "does the log hold?",
        Option("One coffee.", lambda run: copies(run, "coffee") == 1, "same content means same message",
               log_is),
        Option("Two coffees.", lambda run: copies(run, "coffee") == 2),
        Option("One, and the second send fails.",
               lambda run: copies(run, "coffee") == 1 and "failed" in run.told.values(),
               "a duplicate is an error", told_is),
        because="Two calls of `send` are two records, whatever they hold.",
        run=TWO_COFFEES),
    ask("prediction", "3.same-attempt",
        "The ack of the second coffee gets lost, so the producer sends that coffee again. Now there are "
        "three requests, and each of them holds `coffee`. How many coffees are in the log with idempotence "
        "on, and how many with it off?",
        Option("On: one. Off: two.", lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (1, 2),
               "same content means same message",
               lambda on, off: f"on: {log_words(on)}; off: {log_words(off)}."),
        Option("On: two. Off: two.", lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (2, 2),
               "a broker knows a retry when it sees one",
               lambda on, off: f"on: {log_words(on)}; off: {log_words(off)}."),
        Option("On: two. Off: three.",
               lambda on, off: (copies(on, "coffee"), copies(off, "coffee")) == (2, 3)),
        because="The broker got three requests each time. With idempotence on, it recognised request 3 as a "
                "duplicate of request 2, and stored nothing for it. With idempotence off, it stored all "
                "three.",
        run=LOST_ACK, control=scenario(("coffee", "coffee"), faults={2: "lose ack"}, idempotence=False)),
    ask("observation", "3.saw-numbers",
        "Look at *seq* in the picture of the run with idempotence on, or at the column `sequence` of its "
        "table. Which sequences did the three requests carry?",
        Option("0, 1, 2. Every request has its own.", lambda run: sequences(run) == [0, 1, 2],
               "a retry gets a new number",
               numbers_are),
        Option("0, 1, 1. The retry repeats the number.", lambda run: sequences(run) == [0, 1, 1]),
        Option("0, 0, 0. The content is the same.", lambda run: len(set(sequences(run))) == 1,
               "same content means same message",
               numbers_are),
        because="The producer numbers the batch once, when it first sends it, and a retry repeats the "
                "number. That's how the broker tells a second coffee from a second try.",
        run=LOST_ACK),
    ask("prediction", "3.order",
        "Four requests are on their way, idempotence is on, and the broker refuses the second with error 6. "
        "Requests 3 and 4 arrive before `m1` is sent again. What does the log hold in the end?",
        Option("`m0 m2 m3 m1`, as in lesson 2.", holds("m0", "m2", "m3", "m1"), "numbers only find copies",
               log_is),
        Option("`m0 m1 m2 m3`. The broker keeps `m2` and `m3` until `m1` is there.", lambda run: False,
               "the broker buffers and sorts",
               lambda run: "the broker kept nothing: it refused both with error 45, and the producer sent "
                           f"{requests(run)} requests in all."),
        Option("`m0 m1 m2 m3`. The broker refuses `m2` and `m3`, and they're sent again.",
               lambda run: run.values() == ["m0", "m1", "m2", "m3"] and requests(run) > 5),
        because="`m2` carries sequence 2, and the broker hadn't stored sequence 1 yet. Once the broker knows "
                "a producer id, it stores a sequence only if it has stored the one before. So it refused "
                "`m2` and `m3` with error 45, and kept neither for later. The client sent `m1`, `m2` and "
                "`m3` again, in order.",
        run=scenario(4, in_flight=4, faults={2: "refuse 6"}, client="java")),
    ask("choice", "3.meaning",
        "Take a second request for the same batch, such as a retry. What does idempotency say about it?",
        Option("It never arrives.", False, "idempotent means never sent twice",
               "in the run with the lost ack, the second coffee was sent twice, and it arrived twice."),
        Option("It may arrive, and it changes nothing.", True),
        Option("It may arrive, and it's answered with an error.", False, "a duplicate is an error",
               "in the run with the lost ack, the broker answered the second try with ok."),
        because="An operation is **idempotent** when repeating it has the same effect as doing it once. The "
                "word doesn't say how often a request may *arrive*. It says what the repetition leaves "
                "behind: nothing new. So it's 'duplicates are handled safely'."),
    ask("choice", "3.seat",
        "Your browser shows no answer, so you press the button again. Which of these can you safely do "
        "twice?",
        Option("Add 10 euros to the account.", False, "any write may be repeated",
               "the balance goes up twice."),
        Option("Reserve seat 12A for Ada.", True),
        Option("Append a line to a list.", False, "any write may be repeated",
               "the list then has the line twice."),
        because="Reserving seat 12A for Ada names the end state, so doing it twice changes nothing. Kafka's "
                "`send` is like the third option: it appends, and an append can't be idempotent by itself."),
    ask("choice", "3.other-bytes",
        "A batch with sequence 0 holds `tea`, and the broker stores it. By hand you send another batch with "
        "the same producer id, epoch and sequence, but it holds `rum`. What does the broker do?",
        Option("It stores `rum`, because the content is different.", False, "the broker compares content",
               "the broker compares only the numbers."),
        Option("It answers ok, and stores nothing.", True),
        Option("It answers with an error, because the numbers don't match the content.", False,
               "the broker compares content",
               "the broker never looks at the records, so it sees no conflict."),
        because="Producer id, epoch and sequence are those of `tea`. So the broker recognises the batch as a "
                "duplicate, and the ack carries the offset of `tea`. It never compares contents. That's "
                "cheap, and two coffees stay two. It also means that a client that miscounts loses data."),
    ValueTask(
        id="3.count-numbers", scenario=scenario(7, records_per_batch=3, faults={2: "lose ack"}),
        expects="a list of whole numbers",
        text="Seven records travel in batches of three, three and one, with idempotence on. The ack of the "
             "second batch gets lost once. Which base sequence does each of the four requests carry? "
             "`task.check([...])` with four numbers",
        truth=sequences,
        against=lambda run, answer: "The requests hold "
                                    f"{', '.join(str(a.send.record_count) for a in run.attempts)} records. A "
                                    "batch starts where the one before it ended, and a retry repeats its "
                                    "number.",
        hints=("A sequence counts records, not batches.", "Request 3 is batch 1, sent again."),
        right=(given([0, 3, 3, 6]),),
        explanation="0, 3, 3, 6. Sequences count records, and the retry repeats its 3."),
    MutantTask(
        id="3.beat-content", scenario=TWO_COFFEES, mutant=DedupeByContent, budget=1,
        choose_values=True,
        text="This broker stores the same content only once. Find values, and at most one fault, that show "
             "it isn't Kafka: `task.check({}, values=[...])`",
        hints=("You need no fault: `{}`.", "What might a customer order twice?"),
        right=(given({}, values=["coffee", "coffee"]), given({1: "lose ack"}, values=["a", "b", "a"])),
        explanation="The wrong broker took a new record for a copy, because its content had been there "
                    "before, and didn't store it. If the application gets an ok for it, that's a lost write: "
                    "a customer who orders two coffees gets one."),
    MutantTask(
        id="3.beat-page", scenario=scenario(4, **BURST), mutant=lambda: as_the_page_says, budget=1,
        breaks="lost write",
        text="This broker follows the article. It stores a batch whose sequence is above the highest it has "
             "seen. It treats anything else as a duplicate: it says ok and stores nothing. Four requests go "
             "out without waiting. With one fault, make it lose a record although it answers ok: "
             "`task.check({...: \"...\"})`",
        hints=("It misjudges a batch that arrives late and was never stored.",
               "Refuse one batch with `refuse 6`, so that later ones overtake it."),
        right=(given({2: "refuse 6"}), given({2: "refuse 19"}), given({1: "refuse 6"}),
               given({3: "refuse 6"})),
        explanation="It says ok to a batch that it never stored: a lost write. Kafka refuses what comes too "
                    "early, with error 45, until the missing batch is there."),
    MutantTask(
        id="3.beat-buffer", scenario=scenario(4, **BURST), mutant=BufferAndSort,
        budget=2, breaks="lost write",
        text="This broker keeps a batch that comes too early, says ok, and stores it once the missing ones "
             "are there. With two faults, make it lose a record that it said ok to: "
             "`task.check({...: \"...\"})`",
        hints=("What it keeps isn't in the log yet. What if it loses its memory just then?",
               "With `refuse 6` for the second request, the third comes too early. Then, before the retry "
               "arrives, `crash broker`.",
               "The first four requests are 1 to 4, and the retry is request 5."),
        right=(given({2: "refuse 6", 5: "crash broker"}), given({1: "refuse 6", 5: "crash broker"})),
        explanation="It said ok to a batch that it hadn't stored yet. Kafka sets nothing aside. It refuses a "
                    "batch that comes too early with error 45, and the producer sends it again."),
    ask("prediction", "3.own",
        "Four requests are in flight. The broker refuses `m1` with error 6 before your rule even sees it. By "
        "the time the client sends `m1` again, `m2` and `m3` have arrived. Will all four be in their places "
        "in the log?",
        Option("Yes: `m0 m1 m2 m3`.", holds("m0", "m1", "m2", "m3"),
               "the broker puts a late batch where it belongs", log_is),
        Option("No. `m1` comes last, or something is missing.",
               lambda run: bool(run.values()) and run.values() != ["m0", "m1", "m2", "m3"]),
        Option("No. None of the four is stored.", lambda run: not run.values(),
               "a refusal stops everything behind it", log_is),
        because="A log only grows at its end. Once `m2` and `m3` are stored, a rule can put `m1` behind them "
                "or drop it. And if it drops `m2` and `m3`, because they come too early, those two are lost. "
                "To keep the order, the broker would have had to refuse them.",
        run=with_own_rule(4, in_flight=4, faults={2: "refuse 6"}, client="java")),
    ask("choice", "3.http",
        "HTTP calls PUT idempotent and POST not. A payment service must accept POST, and clients will retry "
        "it. What helps?",
        Option("A key that the client chooses once, for all its tries.", True),
        Option("Comparing the body with the last one.", False, "same content means same message",
               "two customers may pay the same amount, and one customer may pay it twice on purpose."),
        Option("A timestamp in each request.", False, "a time tells tries apart",
               "each try has a different time, so no two tries look the same."),
        because="Payment APIs take such a key in a header, Idempotency-Key. Kafka's producer id and sequence "
                "play the same part."),
)
