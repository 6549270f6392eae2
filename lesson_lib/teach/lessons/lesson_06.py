"""Lesson 6, "Inside the broker": the rule by hand-made batches, what it remembers and where, and every outcome of it.

Where the notebook uses what, in this order:

| id | where |
|---|---|
| 6.recall-number, 6.recall-off, 6.recall-restart | opening: three questions on lessons 3 to 5 |
| 6.partitions | the page's own question, before `simulate(4, partitions=2)` |
| 6.replay | before the forged batches 0 to 6 are sent again, newest first |
| 6.saw-old | after that |
| 6.cuts | before a gap and a batch that is cut differently |
| 6.epochs | before three other epochs, on the live broker |
| 6.line | after the source of `judge` was printed |
| 6.six | before six in flight; the control has five |
| 6.failover | before a new leader; the control is a restart in good order |
| 6.expire | before the toy forgets an id |
| 6.every | before idempotence on is explored; 4.4 leaves a hole |
| 6.verdicts, 6.forget, 6.smallest, 6.own-rule | exercises |
"""

from __future__ import annotations

from collections import Counter

from lesson_lib.history import History, Kind
from lesson_lib.teach.content import Option, Question, scenario
from lesson_lib.teach.lessons import rules_02, rules_06
from lesson_lib.teach.readings import copies, log_words, logs_are, told_words, twice, verdict_list, verdicts
from lesson_lib.teach.scenarios import Explored, forged
from lesson_lib.teach.tasks.function import BoundTask, ValueTask
from lesson_lib.teach.tasks.learner_rule import RefusingBroker, RuleTask
from lesson_lib.teach.tasks.puzzle import FAULTS, PuzzleTask
from lesson_lib.teach.tasks.task import given

JAVA = {"client": "java", "in_flight": 5}
SEVEN = tuple((7, 0, n) for n in range(7))
BACK = tuple(reversed(SEVEN))
CUTS = ((7, 0, 9), (7, 0, 5, 2))
EPOCHS = (*SEVEN[:3], (7, 2, 5), (7, 1, 0), (7, 0, 3))
FIVE = scenario(5, client="java", in_flight=5, faults={1: "cut 5 0"})
SIX = scenario(6, client="java", in_flight=6, faults={1: "cut 6 0"})
FAILED_OVER = scenario(3, faults={1: "cut 3 0", 4: "fail over"}, **JAVA)
RESTARTED = scenario(3, faults={1: "cut 3 0", 4: "restart broker"}, **JAVA)


def errors(run: History, last: int) -> list[int]:
    """The error codes of the last so many verdicts; 0 where there was none."""
    return [error for _, _, error in run.verdicts[-last:]]


def sequences(run: History) -> list[int]:
    """The sequence that each request carried."""
    return [a.send.base_sequence for a in run.attempts]


RECALL = (
    Question(
        id="6.recall-number", kind="recall", scenario=forged((4711, 0, 0), (4711, 0, 0)),
        text="You forged two batches with the same producer id, epoch and sequence, and with different words in them. "
             "What did the broker do with the second?",
        options=(
            Option("It said ok and stored nothing.", lambda run: verdicts(run)[-1] == "duplicate"),
            Option("It stored it, since it was something else.", lambda run: verdicts(run)[-1] == "stored",
                   "same content means same message", "it never looked inside: success, nothing stored."),
            Option("It refused it.", lambda run: verdicts(run)[-1] == "refused", "a duplicate is an error",
                   "the answer was a success, with the offset of the first."),
        ),
        explanation="The broker recognises the attempt by its numbers, never the content.",
    ),
    Question(
        id="6.recall-off", kind="recall",
        text="`acks=1`, and nothing else is set. What about idempotence?",
        options=(
            Option("It is on, as by default.", False, "a default stays whatever else is set",
                   "`acks=1` speaks against it, so the default gives way."),
            Option("It is off, and nothing is raised.", True),
            Option("It is off, and the broker complains.", False, "the broker needs acks=all",
                   "no broker asks for `acks=all`; the rule is in the client alone."),
        ),
        explanation="Only an explicit `enable_idempotence=True` turns such a conflict into an error.",
    ),
    Question(
        id="6.recall-restart", kind="recall", scenario=scenario(3, faults={2: "kill producer"}, resend=True),
        text="A producer dies and is started again. How does the new one look to the broker?",
        options=(
            Option("Like the old one, from sequence 0 again.",
                   lambda run: len({e.producer_id for e in run.of(Kind.INIT)}) == 1, "a restart reuses the producer id",
                   lambda run: f"{len({e.producer_id for e in run.of(Kind.INIT)})} different ids were given out."),
            Option("Like the old one, going on where it stopped.",
                   lambda run: run.values() == ["m0", "m1", "m2"], "the promise outlives the producer",
                   lambda run: f"the log holds {log_words(run)}."),
            Option("Like a stranger.", lambda run: len({e.producer_id for e in run.of(Kind.INIT)}) == 2),
        ),
        explanation="A new id, and sequences from 0. The promise does not reach from one life to the next.",
    ),
)

PARTITIONS = Question(
    id="6.partitions", kind="prediction", scenario=scenario(4, partitions=2),
    text="One producer sends four records, by turns to two partitions. Which sequences do its four requests carry?",
    options=(
        Option("0, 1, 2, 3", lambda run: sequences(run) == [0, 1, 2, 3], "sequences are global",
               lambda run: f"they carry {', '.join(map(str, sequences(run)))}."),
        Option("0, 0, 1, 1", lambda run: sequences(run) == [0, 0, 1, 1]),
        Option("0, 0, 0, 0: each batch begins at 0.", lambda run: sequences(run) == [0, 0, 0, 0], "a sequence numbers records in a batch",
               lambda run: f"they carry {', '.join(map(str, sequences(run)))}."),
    ),
    explanation="Each partition has a leader and a log of its own, and counts for itself. No leader asks another one anything.",
)

REPLAY = Question(
    id="6.replay", kind="prediction", scenario=forged(*SEVEN, *BACK), live=True,
    text="All seven are sent once more: 6, 5, 4, 3, 2, 1, 0. The page says of each: \"duplicate and ignored\". How many of the seven "
         "are answered with success?",
    options=(
        Option("All seven.", lambda run: verdicts(run).count("duplicate") == 7, "at or below is duplicate",
               lambda run: f"{verdicts(run)[7:].count('refused')} of them were refused with error 45."),
        Option("Only the first, number 6.", lambda run: verdicts(run).count("duplicate") == 1, "the broker remembers one number",
               lambda run: f"{verdicts(run).count('duplicate')} of them were recognised."),
        Option("None of them.", lambda run: verdicts(run).count("duplicate") == 0, "a duplicate is an error",
               lambda run: f"{verdicts(run).count('duplicate')} of them were answered with success."),
        Option("Five.", lambda run: verdicts(run).count("duplicate") == 5),
    ),
    explanation="The broker remembers five batches of each producer id. What is exactly one of the five is a duplicate.",
)

SAW_OLD = Question(
    id="6.saw-old", kind="observation", scenario=forged(*SEVEN, *BACK), live=True,
    text="What became of the last two, 1 and 0?",
    options=(
        Option("They were refused, with an error.", lambda run: errors(run, 2) == [45, 45]),
        Option("They were ignored: success, and nothing stored.", lambda run: verdicts(run)[-2:] == ["duplicate"] * 2,
               "at or below is duplicate", lambda run: f"the verdict on the last one is {verdict_list(run, 1)}."),
        Option("They were stored a second time.", lambda run: verdicts(run)[-2:] == ["stored"] * 2, "what is forgotten is new",
               lambda run: f"the log holds {len(run.values())} records."),
    ),
    explanation="Forgotten is not ignored. The broker could not name their offsets any more, and it does not guess.",
)

CUT_QUESTION = Question(
    id="6.cuts", kind="prediction", scenario=forged(*SEVEN, *BACK, *CUTS), live=True,
    text="Next would be 7. Instead you send 9, and then 5 and 6 once more, this time as one batch of two records. Put a "
         "finger on the two places in the figure above. What happens?",
    options=(
        Option("9 is kept until 7 and 8 are there; 5 with 6 is a duplicate.", lambda run: verdicts(run)[-2:] == ["stored", "duplicate"],
               "the broker buffers and sorts", lambda run: f"the verdicts are: {verdict_list(run, 2)}."),
        Option("9 is refused; 5 with 6 is a duplicate, both lie in the log.", lambda run: verdicts(run)[-2:] == ["refused", "duplicate"],
               "records are recognised one by one", lambda run: f"the verdicts are: {verdict_list(run, 2)}."),
        Option("Both are refused.", lambda run: verdicts(run)[-2:] == ["refused", "refused"]),
    ),
    explanation="A gap is refused, never kept. And what is remembered are ranges of batches: a range must be exactly the same.",
)

EPOCH_QUESTION = Question(
    id="6.epochs", kind="prediction", scenario=forged(*EPOCHS), live=True,
    text="So far all had epoch 0. Now 0, 1 and 2 are stored in epoch 0; then come epoch 2 with sequence 5, epoch 1 with sequence 0, "
         "and epoch 0 again with 3, which was next there. Which of these last three are stored?",
    options=(
        Option("All three: each epoch counts for itself.", lambda run: verdicts(run)[-3:] == ["stored"] * 3, "epochs are independent",
               lambda run: f"the verdicts are: {verdict_list(run, 3)}."),
        Option("Only the second.", lambda run: verdicts(run)[-3:] == ["refused", "stored", "refused"]),
        Option("Only the last: an id keeps its epoch.", lambda run: verdicts(run)[-3:] == ["refused", "refused", "stored"],
               "the epoch never changes", lambda run: f"the verdicts are: {verdict_list(run, 3)}."),
        Option("The first two; the last is too old.", lambda run: verdicts(run)[-3:] == ["stored", "stored", "refused"],
               "a new epoch may begin anywhere", lambda run: f"the verdicts are: {verdict_list(run, 3)}."),
    ),
    explanation="A higher epoch must begin at 0, and then shuts out every lower one (error 47). That is all the fencing there is on a "
                "partition; lesson 7 builds on it.",
)

LINE = Question(
    id="6.line", kind="choice",
    text="Seven were in the log, and the old batch 1 came again in the same epoch. Which of these lines is the last test that it failed?",
    options=(
        Option("`seen := entry.duplicate_of(batch)`", False, "the look-up refuses",
               "it looks among the five and finds nothing, which by itself refuses nobody."),
        Option("`_epoch_error(entry, batch)`", False, "an old sequence is an old epoch", "both epochs are 0."),
        Option("`if entry.is_next(first)`", True),
    ),
    explanation="1 is not 7. Whatever is neither remembered nor exactly next falls through to the last line: 45.",
)

SIX_QUESTION = Question(
    id="6.six", kind="prediction", scenario=SIX, control=FIVE,
    text="The broker stores a burst of batches, and then all acks are lost at once. The producer sends the oldest again and waits "
         "for its answer before it sends the next. Where that answer is error 45, it raises its epoch and sends everything again that "
         "has no answer yet. One run has five in flight, the other six. (A real Java client refuses six while idempotence is on. "
         "The simulation lets you.) What is different with six?",
    options=(
        Option("Nothing: each batch is recognised in both runs.", lambda six, five: not twice(six) and not twice(five),
               "at or below is duplicate", lambda six, five: f"with six in flight the log holds {log_words(six)}."),
        Option("One error; the log is clean in both runs.", lambda six, five: not twice(six) and "failed" in six.told.values(),
               "an error keeps the log clean", lambda six, five: f"with six in flight the log holds {log_words(six)}."),
        Option("Everything lies in the log twice.", lambda six, five: set(Counter(six.values()).values()) == {2} and not twice(five)),
        Option("The oldest batch lies in the log twice, the others once.",
               lambda six, five: copies(six, "m0") == 2 and len(six.values()) == 7, "each batch is judged alone",
               lambda six, five: f"with six in flight the log holds {log_words(six)}."),
    ),
    explanation="The sixth pushed the first out of the memory. Refused with 45 though it was next in line, the Java client gave up "
                "the epoch and began again from 0 with epoch 1: to the broker all six were new.",
)

FAILOVER = Question(
    id="6.failover", kind="prediction", scenario=FAILED_OVER, control=RESTARTED,
    text="Three batches are stored, and all acks are lost. Before the retries arrive something happens to the broker. In one run "
         "another replica becomes the leader. In the other the same broker is stopped in good order and started again. "
         "In which run are there copies?",
    options=(
        Option("In both: what a broker remembers is gone.", lambda new, same: twice(new) and twice(same), "the memory dies with the broker",
               logs_are),
        Option("With the new leader: it never saw this producer.", lambda new, same: twice(new) and not twice(same),
               "the memory is the leader's alone", logs_are),
        Option("After the restart.", lambda new, same: twice(same) and not twice(new)),
        Option("In neither.", lambda new, same: not twice(new) and not twice(same), "a clean restart forgets nothing", logs_are),
    ),
    explanation="Id, epoch and sequence stand in the header of every batch: a replica that copies the log builds the same memory as it "
                "goes. A broker that starts loads a short cut instead, a snapshot, and that holds only the last batch of each id.",
)

EXPIRE = Question(
    id="6.expire", kind="choice",
    text="The page warns that the producer id \"can be revoked if the producer session expires\". When does a broker forget an id?",
    options=(
        Option("When the producer's connection has been closed for some time.", False, "a session keeps the producer id",
               "the rule knows nothing of connections."),
        Option("When the newest record it has of that id is a day old.", True),
        Option("When the producer calls `close()`.", False, "close releases the producer id",
               "`close` tells the broker nothing, as in lesson 5."),
        Option("Never.", False, "a producer id is remembered for ever", "memory would grow with every producer that ever lived."),
    ),
    explanation="`producer.id.expiration.ms`, 24 hours by default, against the timestamps that stand in the records "
                "(`ProducerStateManager.isProducerExpired`). There is no session. Somebody who copies old records with their old "
                "timestamps can be forgotten while still writing.",
)

ON_4_4 = Explored(arguments={"batches": 3, "in_flight": 3, "faults": 1}, end=1)

EVERY = Question(
    id="6.every", kind="prediction", scenario=ON_4_4,
    text="Now idempotence is on, with the rule of Apache Kafka 4.4, and again every schedule of one fault is walked. "
         "What does the worst end look like?",
    options=(
        Option("There is no bad end.", lambda run: not run.anomalies, "idempotence means no anomaly",
               lambda run: f"an end is found with the log {log_words(run)}; told: {told_words(run)}."),
        Option("Rarely, a batch is stored twice.", lambda run: "duplicate" in run.anomaly_names, "idempotence makes copies rare",
               lambda run: f"nothing is stored twice: the log holds {log_words(run)}."),
        Option("Something can be missing.", lambda run: "hole" in run.anomaly_names),
        Option("Two batches can change places.", lambda run: "reordered" in run.anomaly_names, "idempotence says nothing about order",
               lambda run: f"what is there is in order: the log holds {log_words(run)}."),
    ),
    explanation="With one fault nothing twice and nothing out of order. But the first batch of an id can be shut out for ever.",
)

FORGED_TASK = ((8, 0, 0, 3), (8, 0, 3, 2), (8, 0, 0, 3), (8, 0, 3), (8, 0, 5), (8, 1, 0, 2), (8, 0, 5), (8, 1, 0, 2))
KINDS = ("cut", "late", "refuse", "store and answer", "fail over")
OWN_WORLDS = ({"batches": ("a", "b", "a"), "in_flight": 5, "kinds": KINDS}, {"batches": ("a", "b", "c", "d", "e"), "in_flight": 5})
STORED, DUPLICATE, REFUSED = "stored", "duplicate", "refused"

EXERCISES = (
    ValueTask(
        id="6.verdicts", scenario=forged(*FORGED_TASK), expects='a list of "stored", "duplicate" and "refused"',
        text="Be the broker. Eight batches of producer 8 arrive at an empty log, written as epoch:first-last. "
             "`0:0-2`, `0:3-4`, `0:0-2`, `0:3-3`, `0:5-5`, `1:0-1`, `0:5-5`, `1:0-1`. "
             "What are the eight verdicts? `task.check([\"stored\", ...])`",
        truth=verdicts,
        against=lambda run, answer: _first_wrong(run, answer),
        hints=("First look among the remembered ranges; only then ask for epoch and next.", "`0:3-3` begins like a remembered range.",
               "A new epoch forgets the ranges of the old one."),
        right=(given([STORED, STORED, DUPLICATE, REFUSED, STORED, STORED, REFUSED, DUPLICATE]),),
        wrong=(given([STORED, STORED, DUPLICATE, DUPLICATE, STORED, STORED, DUPLICATE, DUPLICATE]),
               given([STORED, STORED, REFUSED, REFUSED, STORED, STORED, REFUSED, DUPLICATE]), given([STORED]), given("stored"),
               given([STORED, STORED, DUPLICATE, REFUSED, STORED, STORED, DUPLICATE, DUPLICATE])),
        explanation="A duplicate is a range that is remembered in the current epoch. `0:5-5` was one until epoch 1 came; then it was old.",
    ),
    PuzzleTask(
        id="6.forget", scenario=scenario(3, resend=False), budget=2, kinds=(*FAULTS, "restart broker", "fail over", "forget idle ids"),
        goal="`m1` lies in the log twice, although the application sends nothing again.",
        reached=lambda run: copies(run, "m1") > 1,
        text="Three records. In lesson 5 no script made a copy, as long as the application sent nothing again. Now you may also use "
             "\"fail over\", \"restart broker\" and \"forget idle ids\" (a day passes). Same producer, one in flight, up to two "
             "faults: get `m1` into the log twice.",
        hints=("The ack of `m1` must be lost, and the broker must not know its retry.", "A window of one is enough when one is in flight.",
               "Which of the three faults leaves nothing at all in the memory? It must happen before the retry: attempt 3."),
        right=(given({2: "lose ack", 3: "forget idle ids"}),),
        wrong=(given({2: "lose ack", 3: "restart broker"}), given({2: "lose ack", 3: "fail over"}), given({2: "lose ack"}),
               given({2: "forget idle ids"}), given("impossible"), given({})),
        explanation="A retry that is a day late. (With the defaults a client gave up long before: it takes a raised `delivery.timeout.ms`, "
                    "a lowered `producer.id.expiration.ms`, or records with old timestamps.) A restart does not do it: with one in "
                    "flight the last batch is the only one in doubt, and the snapshot holds it.",
    ),
    BoundTask(
        id="6.smallest", anomaly="hole", world={"broker": "4.4"},
        text="What does that hole need at least? Find the smallest numbers with which Kafka 4.4 can still leave one; `explore(...)` is at "
             "hand. `task.check({\"batches\": ..., \"in_flight\": ..., \"faults\": ...})`",
        hints=("Somebody has to overtake somebody.", "Without any fault nobody overtakes."),
        right=(given({"batches": 2, "in_flight": 2, "faults": 1}),),
        wrong=(given({"batches": 3, "in_flight": 2, "faults": 1}), given({"batches": 2, "in_flight": 1, "faults": 1}),
               given({"batches": 2, "in_flight": 2, "faults": 2}), given({"batches": 2}),
               given({"batches": 0, "in_flight": 2, "faults": 1}), given({"batches": 2, "in_flight": 2, "faults": 0})),
        explanation="Two batches, two in flight, one refusal. This was KAFKA-15591; a client with one in flight, such as `kafka-python`, "
                    "never met it.",
    ),
    RuleTask(
        id="6.own-rule", faults=2, worlds=OWN_WORLDS, broker=RefusingBroker, forbidden=("duplicate", "lost write", "reordered", "hole"),
        text="Your rule of lesson 2 again, with `batch.producer`, `batch.number` and `batch.value`. This time up to five requests are in "
             "flight, and a new leader builds `memory` by reading the log through your rule. So `accept(batch, memory)` may give a third "
             "answer: True stores, False drops with ok, and `\"refuse\"` is error 45. Nothing may be stored twice, "
             "lost, or out of order. `task.check(accept)`",
        hints=("What did the rule of lesson 2 do with a batch that came too early?", "Remember the last number of each producer.",
               "Next is `last + 1`. Below that: drop. Above that: refuse."),
        right=(given(rules_06.accept),),
        wrong=tuple(given(rule) for rule in (rules_02.accept, rules_02.last_number, rules_02.by_content, rules_02.takes_everything,
                                             rules_06.only_next, rules_06.refuses_all, rules_06.another_word, "accept")),
        explanation="One number is enough, and \"at or below\" really is a duplicate here: nothing was ever stored above a gap. "
                    "Kafka also has to answer with the first copy's offset: for that it keeps five ranges, and says 45 to what is older.",
    ),
)


def _first_wrong(run: History, answer: list[str]) -> str:
    """Where an answer first leaves the truth."""
    truth = verdicts(run)
    if len(answer) != len(truth):
        return f"There are {len(truth)} batches."
    at = next(i for i, (said, is_) in enumerate(zip(answer, truth, strict=True)) if said != is_)
    send = run.attempts[at].send
    last = send.base_sequence + send.record_count - 1
    return (f"Number {at + 1}, `{send.producer_epoch}:{send.base_sequence}-{last}`, is not {answer[at]}. "
            "Which epoch and which ranges are remembered by then?")

ITEMS = (*RECALL, PARTITIONS, REPLAY, SAW_OLD, CUT_QUESTION, EPOCH_QUESTION, LINE, SIX_QUESTION, FAILOVER, EXPIRE, EVERY, *EXERCISES)
