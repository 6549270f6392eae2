"""Lesson 6, "Inside the broker": its exercises; where they stand in the notebook is told in `lesson_06`."""

from __future__ import annotations

from lesson_lib.history import History
from lesson_lib.teach.content import scenario
from lesson_lib.teach.lessons import rules_02, rules_06
from lesson_lib.teach.readings import copies, verdicts
from lesson_lib.teach.scenarios import forged
from lesson_lib.teach.tasks.bound import BoundTask
from lesson_lib.teach.tasks.learner_rule import RefusingBroker
from lesson_lib.teach.tasks.own_rule import RuleTask
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.schedules import FAULTS
from lesson_lib.teach.tasks.task import given
from lesson_lib.teach.tasks.value import ValueTask

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
