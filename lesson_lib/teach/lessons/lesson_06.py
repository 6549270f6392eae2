"""Lesson 6, "Inside the broker": batches made by hand, what the broker remembers and where, and every
outcome of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from lesson_lib.history import History
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import (
    copies,
    holds,
    ids,
    log_is,
    log_words,
    logs_are,
    sequences,
    told_words,
    twice,
    verdict_list,
    verdicts,
)
from lesson_lib.teach.scenarios import explored, forged
from lesson_lib.teach.tasks.function import BoundTask, ValueTask
from lesson_lib.teach.tasks.learner_rule import RuleTask
from lesson_lib.teach.tasks.puzzle import FAULTS, PuzzleTask
from lesson_lib.teach.tasks.task import given

JAVA = {"client": "java", "in_flight": 5}
SEVEN = tuple((7, 0, n) for n in range(7))
BACK = tuple(reversed(SEVEN))
CUTS = ((7, 0, 9), (7, 0, 5, 2))
EPOCHS = (*SEVEN[:3], (7, 2, 5), (7, 1, 0), (7, 0, 3))
ON_TWO = {"partitions": 2, "in_flight": 5, "faults": {3: "refuse 6", 4: "cut 3 2"}}
SHARED_EPOCH = scenario(6, client="librdkafka", **ON_TWO)
OWN_NUMBERS = scenario(6, client="java", **ON_TWO)
FORGED_TASK = ((8, 0, 0, 3), (8, 0, 3, 2), (8, 0, 0, 3), (8, 0, 3), (8, 0, 5), (8, 1, 0, 2), (8, 0, 5),
               (8, 1, 0, 2))
KINDS = ("cut", "late", "refuse", "store and answer", "fail over")
OWN_WORLDS = ({"batches": ("a", "b", "a"), "in_flight": 5, "kinds": KINDS},
              {"batches": ("a", "b", "c", "d", "e"), "in_flight": 5})
STORED, DUPLICATE, REFUSED = "stored", "duplicate", "refused"


def sequence_words(run: History) -> str:
    """What contradicts a wrong idea of the sequences."""
    return f"they carry {', '.join(map(str, sequences(run)))}."


def in_partition(run: History, number: int) -> str:
    """One partition's records, as a contradiction."""
    return f"partition {number} holds `{' '.join(run.values(number))}`."


def _first_wrong(run: History, answer: list[str]) -> str:
    """Where an answer first leaves the truth."""
    truth = verdicts(run)
    if len(answer) != len(truth):
        return f"There are {len(truth)} batches."
    at = next(i for i, (said, is_) in enumerate(zip(answer, truth, strict=True)) if said != is_)
    send = run.attempts[at].send
    last = send.base_sequence + send.record_count - 1
    return (f"Number {at + 1}, `{send.producer_epoch}:{send.base_sequence}-{last}`, isn't {answer[at]}. "
            "Which epoch and which ranges does the broker remember by then?")


def accept(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Stores what is exactly next, refuses what comes too early."""
    last = memory.get(batch.producer, -1)
    if batch.number > last + 1:
        return "refuse"
    memory[batch.producer] = max(last, batch.number)
    return batch.number > last


ITEMS = (
    ask("recall", "6.recall-number",
        "You forged two batches with the same producer id, epoch and sequence, and with different words in "
        "them. What did the broker do with the second?",
        Option("It said ok and stored nothing.", lambda run: verdicts(run)[-1] == "duplicate"),
        Option("It stored it, since the content was different.", lambda run: verdicts(run)[-1] == "stored",
               "the broker compares content", "it never looked inside: it said ok and stored nothing."),
        Option("It refused it.", lambda run: verdicts(run)[-1] == "refused", "a duplicate is an error",
               "it answered with a success and the offset of the first."),
        because="The broker recognises a batch by its numbers, never by its content.",
        run=forged((4711, 0, 0), (4711, 0, 0))),
    ask("recall", "6.recall-acks-1",
        "In kafka-python you set `acks=1` and nothing else. What about idempotence?",
        Option("It's on, as by default.", False, "a default stays whatever else is set",
               "`acks=1` conflicts with it, so the default gives way."),
        Option("It's off, and the client raises nothing.", True),
        Option("It's off, and the broker complains.", False, "the broker needs acks=all",
               "no broker asks for `acks=all`; the client alone has that rule."),
        because="Only if you set `enable_idempotence=True` yourself does the conflict become an error."),
    ask("recall", "6.recall-restart",
        "A producer without a `transactional_id` dies, and you start it again. What does the new one look "
        "like to the broker?",
        Option("Like the old one, starting over at sequence 0.", lambda run: len(ids(run)) == 1,
               "a restart reuses the producer id",
               lambda run: f"the broker gave out {len(ids(run))} different ids."),
        Option("Like the old one, carrying on where it stopped.", holds("m0", "m1", "m2"),
               "the promise outlives the producer", log_is),
        Option("Like a stranger.", lambda run: len(ids(run)) == 2),
        because="The new one has a new id, and its sequences start at 0. The promise ends with the process.",
        run=scenario(3, faults={2: "kill producer"}, resend=True)),
    ask("prediction", "6.replay",
        "You send all seven again, newest first: 6, 5, 4, 3, 2, 1, 0. The article says of each: \"duplicate "
        "and ignored\". How many of the seven does the broker answer with a success?",
        Option("All seven.", lambda run: verdicts(run).count("duplicate") == 7, "at or below is duplicate",
               lambda run: f"it refused {verdicts(run)[7:].count('refused')} of them with error 45."),
        Option("Only the first, number 6.", lambda run: verdicts(run).count("duplicate") == 1,
               "the broker remembers one number",
               lambda run: f"it recognised {verdicts(run).count('duplicate')} of them."),
        Option("None of them.", lambda run: verdicts(run).count("duplicate") == 0, "a duplicate is an error",
               lambda run: f"it answered {verdicts(run).count('duplicate')} of them with a success."),
        Option("Five.", lambda run: verdicts(run).count("duplicate") == 5),
        because="The broker remembers the last five batches of each producer id: the blue band in the "
                "picture. It recognises exactly those.",
        run=forged(*SEVEN, *BACK), live=True),
    ask("observation", "6.saw-old",
        "What became of the last two, sequences 1 and 0?",
        Option("The broker refused them with an error.",
               lambda run: [error for _, _, error in run.verdicts[-2:]] == [45, 45]),
        Option("It ignored them: success, and nothing stored.",
               lambda run: verdicts(run)[-2:] == ["duplicate"] * 2, "at or below is duplicate",
               lambda run: f"its answer to the last one is {verdict_list(run, 1)}."),
        Option("It stored them a second time.", lambda run: verdicts(run)[-2:] == ["stored"] * 2,
               "what is forgotten is new", lambda run: f"the log holds {len(run.values())} records."),
        because="The broker no longer knows the offsets of those two, and it doesn't guess: it refuses them. "
                "So the article is wrong twice. The broker doesn't remember just \"the highest sequence "
                "number\": it remembers the last five batches. And it doesn't ignore what is older than "
                "those.",
        run=forged(*SEVEN, *BACK), live=True),
    ask("prediction", "6.cuts",
        "The next sequence would be 7. Instead you send 9. Then you send 5 and 6 once more, but as one batch "
        "of two records. What happens?",
        Option("The broker keeps 9 until 7 and 8 are there. It recognises the batch of 5 and 6.",
               lambda run: verdicts(run)[-2:] == ["stored", "duplicate"], "the broker buffers and sorts",
               lambda run: f"the answers are: {verdict_list(run, 2)}."),
        Option("It refuses 9. It recognises the batch of 5 and 6, because both are in the log.",
               lambda run: verdicts(run)[-2:] == ["refused", "duplicate"],
               "records are recognised one by one", lambda run: f"the answers are: {verdict_list(run, 2)}."),
        Option("It refuses both.", lambda run: verdicts(run)[-2:] == ["refused", "refused"]),
        because="The broker refuses a gap and keeps nothing for later. And it remembers whole batches, so it "
                "recognises only a retry with exactly the same range of sequences.",
        run=forged(*SEVEN, *BACK, *CUTS), live=True),
    ask("prediction", "6.epochs",
        "The broker has stored sequences 0, 1 and 2 of producer id 7 in epoch 0. Then three batches come: "
        "epoch 2 with sequence 5, epoch 1 with sequence 0, and epoch 0 with sequence 3, which would be next "
        "in that epoch. Which of the three does the broker store?",
        Option("All three: each epoch counts for itself.", lambda run: verdicts(run)[-3:] == ["stored"] * 3,
               "epochs are independent", lambda run: f"the answers are: {verdict_list(run, 3)}."),
        Option("Only the second.", lambda run: verdicts(run)[-3:] == ["refused", "stored", "refused"]),
        Option("Only the last: an id keeps its epoch.",
               lambda run: verdicts(run)[-3:] == ["refused", "refused", "stored"], "the epoch never changes",
               lambda run: f"the answers are: {verdict_list(run, 3)}."),
        Option("The first two; the last is too old.",
               lambda run: verdicts(run)[-3:] == ["stored", "stored", "refused"],
               "a new epoch may begin anywhere", lambda run: f"the answers are: {verdict_list(run, 3)}."),
        because="A newer epoch has to begin at sequence 0. From then on the broker refuses every older epoch "
                "(error 47). Shutting out a producer that still uses an older epoch is called *fencing*. "
                "Lesson 7 builds on it.",
        run=forged(*EPOCHS), live=True),
    ask("prediction", "6.six",
        "The broker stores every batch that is in flight, and then all the acks are lost at once. The "
        "simulated Java client resends the batches. It begins with the oldest, and sends nothing else until "
        "that one is answered. One run has five in flight, the other six. (A real Java client won't start "
        "with six while idempotence is on.) What's different with six?",
        Option("Nothing: the broker recognises each batch in both runs.",
               lambda six, five: not twice(six) and not twice(five), "at or below is duplicate",
               lambda six, five: f"with six in flight the log holds {log_words(six)}."),
        Option("One error; the log is clean in both runs.",
               lambda six, five: not twice(six) and "failed" in six.told.values(),
               "an error keeps the log clean",
               lambda six, five: f"with six in flight the log holds {log_words(six)}."),
        Option("Everything is in the log twice.",
               lambda six, five: set(Counter(six.values()).values()) == {2} and not twice(five)),
        Option("The oldest batch is in the log twice, the others once.",
               lambda six, five: copies(six, "m0") == 2 and len(six.values()) == 7,
               "each batch is judged alone",
               lambda six, five: f"with six in flight the log holds {log_words(six)}."),
        because="The sixth batch pushed batch 0 out of the broker's memory, so the broker refused the retry "
                "of batch 0 with error 45. The Java client took that as a sign that its numbers no longer "
                "fit. It raised its epoch to 1, started counting from 0 and resent everything that hadn't "
                "been acked. To the broker all six were new.",
        run=scenario(6, client="java", in_flight=6, faults={1: "cut 6 0"}),
        control=scenario(5, client="java", in_flight=5, faults={1: "cut 5 0"})),
    ask("prediction", "6.failover",
        "The broker stores three batches, and all acks are lost. Something happens before the retries "
        "arrive. In one run another replica becomes the leader. In the other run the same broker shuts down "
        "cleanly and starts again. In which run are there copies?",
        Option("In both: what a broker remembers is gone.", lambda new, same: twice(new) and twice(same),
               "the memory dies with the broker", logs_are),
        Option("With the new leader: it never talked to this producer.",
               lambda new, same: twice(new) and not twice(same), "the memory is the leader's alone",
               logs_are),
        Option("After the restart.", lambda new, same: twice(same) and not twice(new)),
        Option("In neither.", lambda new, same: not twice(new) and not twice(same),
               "a clean restart forgets nothing", logs_are),
        because="Producer id, epoch and sequence are in the header of every batch. So a follower builds the "
                "same memory while it replicates, and the new leader had been a follower. A broker that "
                "restarts takes a short cut: it loads a snapshot, which holds only the last batch of each "
                "producer id.",
        run=scenario(3, faults={1: "cut 3 0", 4: "fail over"}, **JAVA),
        control=scenario(3, faults={1: "cut 3 0", 4: "restart broker"}, **JAVA)),
    ask("choice", "6.expire",
        "The article warns that the producer id \"can be revoked if the producer session expires\". When "
        "does a broker really forget an id?",
        Option("Some time after the producer's connection is closed.", False,
               "a session keeps the producer id", "the rule knows nothing of connections."),
        Option("A day after the last batch that it stored under that id.", True),
        Option("When the producer calls `close()`.", False, "close releases the producer id",
               "`close` tells the broker nothing, as in lesson 5."),
        Option("A week after a broker gave it out.", False, "a producer id expires by its age",
               "its age doesn't matter: with each batch that the broker stores, the clock starts again."),
        because="There is no session. The setting is `producer.id.expiration.ms`, 24 hours by default. What "
                "counts is the timestamp in that last batch. So if your program copies old records with "
                "their old timestamps, the broker can forget your producer's id while the producer is still "
                "writing."),
    ask("prediction", "6.every",
        "Now we switch idempotence on, with the rule of Kafka 4.4, and try every schedule of one fault "
        "again. What does the worst outcome look like?",
        Option("All records, once and in order.", lambda run: not run.anomalies,
               "idempotence means no anomaly",
               lambda run: f"one run ends with the log {log_words(run)}; told: {told_words(run)}."),
        Option("A batch is stored twice.", lambda run: "copy" in run.anomaly_names,
               "idempotence makes copies rare",
               lambda run: f"nothing is stored twice: the log holds {log_words(run)}."),
        Option("A batch is missing.", lambda run: "hole" in run.anomaly_names),
        Option("Two batches have changed places.", lambda run: "reordered" in run.anomaly_names,
               "idempotence says nothing about order",
               lambda run: f"what is there is in order: the log holds {log_words(run)}."),
        because="With one fault nothing is stored twice and nothing is out of order. But the broker can shut "
                "out the first batch of a producer id for good. Here it refused batch 0 for now, and batch 1 "
                "overtook it. The partition didn't know the producer id yet, and such an id may begin at any "
                "number. So the broker stored batch 1. From then on batch 0 is neither remembered nor next. "
                "This bug is KAFKA-15591.",
        run=explored(3, in_flight=3, faults=1, end=1)),
    ask("prediction", "6.told",
        "That was the Java client. Now librdkafka meets the same fault. What does it tell its application "
        "about `m0`?",
        Option("No ok for `m0`.", lambda run: run.told[0] != "ok", "what is missing never gets an ok",
               lambda run: f"the application is told {told_words(run)}."),
        Option("Ok, and `m0` is in the log after a retry.",
               lambda run: run.told[0] == "ok" and "m0" in run.values(), "a retry always gets there", log_is),
        Option("Ok, and `m0` isn't in the log.",
               lambda run: run.told[0] == "ok" and "m0" not in run.values()),
        because="librdkafka takes the ack of a later batch for an ack of the earlier one too. That's a lost "
                "write, with `acks=all` and idempotence on. With Java the application at least gets a "
                "`TimeoutException` for `m0`, once `delivery.timeout.ms` is over. `confluent-kafka` (Python, "
                "Go, .NET) is built on librdkafka.",
        run=scenario(3, client="librdkafka", in_flight=3, faults={1: "refuse 6"})),
    ValueTask(
        id="6.verdicts", scenario=forged(*FORGED_TASK),
        expects='a list of "stored", "duplicate" and "refused"',
        text="Be the broker. Eight batches of producer 8 arrive at an empty log, written as "
             "epoch:first-last: `0:0-2`, `0:3-4`, `0:0-2`, `0:3-3`, `0:5-5`, `1:0-1`, `0:5-5`, `1:0-1`. What "
             "are the eight answers? `task.check([\"stored\", ...])`",
        truth=verdicts,
        against=lambda run, answer: _first_wrong(run, answer),
        hints=("Go down the table: first look among the remembered ranges, then compare epochs, then ask "
               "what's next.",
               "`0:3-3` begins like a remembered range, but isn't one.",
               "A newer epoch clears the ranges of the older one."),
        right=(given([STORED, STORED, DUPLICATE, REFUSED, STORED, STORED, REFUSED, DUPLICATE]),),
        explanation="The broker recognises exactly those ranges that it remembers in the current epoch. The "
                    "second `0:5-5` would have been one of them, if epoch 1 hadn't come in between."),
    PuzzleTask(
        id="6.forget", scenario=scenario(3, resend=False), budget=2,
        kinds=(*FAULTS, "restart broker", "fail over", "forget idle ids"),
        goal="`m1` is in the log twice, although the application sends nothing again.",
        reached=lambda run: copies(run, "m1") > 1,
        text="Three records, from one producer with one request in flight. In lesson 5 no fault script made "
             "a copy as long as the application sent nothing again. Now you may also use \"fail over\", "
             "\"restart broker\" and \"forget idle ids\" (a day passes). With up to two faults, get `m1` "
             "into the log twice.",
        hints=("The ack of `m1` has to get lost, and when the retry comes, the broker "
               "has to have forgotten the batch.",
               "With one request in flight, the broker still recognises a retry if it remembers just one "
               "batch.",
               "Which of the three leaves nothing at all in the memory? The retry is request 3, so the "
               "broker has to forget just before that."),
        right=(given({2: "lose ack", 3: "forget idle ids"}),),
        explanation="It takes a retry that is a day late. With the defaults a client gives up long before "
                    "that. So in production it also takes a raised `delivery.timeout.ms`, a lowered "
                    "`producer.id.expiration.ms`, or records with old timestamps. A restart doesn't do it: "
                    "with one request in flight, only the last batch can come again, and the snapshot holds "
                    "that one."),
    ask("prediction", "6.partitions",
        "One producer sends four records, taking turns between two partitions. Which sequences do its four "
        "requests carry?",
        Option("0, 1, 2, 3", lambda run: sequences(run) == [0, 1, 2, 3], "sequences are global",
               sequence_words),
        Option("0, 0, 1, 1", lambda run: sequences(run) == [0, 0, 1, 1]),
        Option("0, 0, 0, 0: each batch begins at 0.", lambda run: sequences(run) == [0, 0, 0, 0],
               "a sequence numbers records in a batch", sequence_words),
        because="Each partition has its own leader, its own log and its own count. No leader asks another.",
        run=scenario(4, partitions=2)),
    ask("prediction", "6.one-epoch",
        "Six records, with five requests in flight: `m0`, `m2` and `m4` go to partition 0, the others to "
        "partition 1. We run this once with librdkafka and once with the Java client. The broker turns `m2` "
        "away for now. So `m4` comes too early, and gets error 45. Each client sends both of them again. The "
        "Java client keeps its epoch. librdkafka raises its epoch. Meanwhile, on partition 1, the ack of "
        "`m5` gets lost: `m5` is stored, but the client doesn't know. What does partition 1 hold in the end?",
        Option("`m1 m3 m5` with both, and every record gets an ok.",
               lambda rd, java: rd.values(1) == java.values(1) == ["m1", "m3", "m5"] and rd.told[5] == "ok",
               "what happens on one partition stays there", lambda rd, java: in_partition(rd, 1)),
        Option("`m1 m3 m5` with both, and librdkafka reports an error for `m5`.",
               lambda rd, java: rd.values(1) == ["m1", "m3", "m5"] and rd.told[5] != "ok",
               "an error keeps the log clean", lambda rd, java: in_partition(rd, 1)),
        Option("`m1 m3 m5 m5` with librdkafka.", lambda rd, java: rd.values(1) == ["m1", "m3", "m5", "m5"]),
        because="Each partition has its own sequences, but the epoch is the same for the whole producer. "
                "librdkafka raised it because of partition 0. So on partition 1 it resent `m5` with epoch 1 "
                "and sequence 0, and to that partition's leader this was a new batch. That's a copy with "
                "idempotence on, without a restart or a timeout, and the application got an ok for every "
                "record. Real librdkafka 2.16 does the same on Apache Kafka (issue #4953 of its repository). "
                "With the Java client and with kafka-python each record is there once. If you use librdkafka "
                "and a copy would hurt, put a unique id in the record, so that consumers can discard the "
                "second one.",
        run=SHARED_EPOCH, control=OWN_NUMBERS),
    ask("choice", "6.line",
        "Seven batches were in the log, and the old batch with sequence 1 came again in the same epoch. The "
        "broker answered with error 45. Which of these lines decided that?",
        Option("`seen := entry.duplicate_of(batch)`", False, "the look-up refuses",
               "that line looks among the five and finds nothing, which by itself refuses nobody."),
        Option("`_epoch_error(entry, batch)`", False, "an old sequence is an old epoch",
               "both epochs are 0."),
        Option("`if entry.is_next(first)`", True),
        because="The next sequence would be 7, and this is 1. A batch that is neither remembered nor next "
                "falls through to the last line: error 45."),
    BoundTask(
        id="6.smallest", anomaly="hole", world={"broker": "4.4"},
        text="What's the minimum it takes to leave a hole? Find the smallest numbers with which Kafka "
             "4.4 can still leave one; `explore(...)` helps. `task.check({\"batches\": ..., "
             "\"in_flight\": ..., \"faults\": ...})`",
        hints=("One batch has to overtake another.", "Without any fault none overtakes another."),
        right=(given({"batches": 2, "in_flight": 2, "faults": 1}),),
        explanation="Two batches, two in flight, one refusal. A client with one in flight, such as "
                    "`kafka-python`, never meets it."),
    ask("choice", "6.own",
        "In lesson 2 your rule stored each record once, with one batch in flight. Now five are in flight. "
        "Which single fault breaks such a rule?",
        Option("None: with one fault each record is still there, once and in order.", False,
               "a rule that is right with one batch in flight is right with five",
               "in lesson 3 a refusal put a record in the wrong place, or lost it."),
        Option("A connection that drops: then everything in flight comes again.", False,
               "more in flight means more copies",
               "with idempotence on they come again in the same order, and a rule that passed lesson 2 "
               "recognises each."),
        Option("A refusal: the batches behind it arrive first.", True),
        because="The refused batch comes again, but by then the others are there. Your rule can only say yes "
                "or no. So it stores the others, and then it's too late for the refused batch, which should "
                "have come before them."),
    RuleTask(
        id="6.own-rule", faults=2, worlds=OWN_WORLDS, refusing=True,
        forbidden=("copy", "lost write", "reordered", "hole"),
        text="Fix your rule of lesson 2, so that it also holds with up to five requests in flight. You get "
             "`batch.producer`, `batch.number` and `batch.value` as before. Two things are new. First, "
             "`accept(batch, memory)` may give a third answer: True stores, False drops with an ok, and "
             "`\"refuse\"` answers with error 45. Second, the leader may change. The new leader rebuilds "
             "`memory` by calling your rule on every batch in the log. Nothing may be stored twice, lost, or "
             "out of order. `task.check(accept)`",
        hints=("What did the rule of lesson 2 do with a batch that came too early?",
               "Remember the last number of each producer.",
               "Next is `last + 1`. Below that: drop. Above that: refuse."),
        right=(given(accept),),
        explanation="One number is enough here. Nothing was ever stored above a gap, so whatever is at or "
                    "below that number is in the log. Kafka also has to answer with the offset of the first "
                    "copy. For that it keeps five ranges, and answers anything older with error 45."),
)
