"""Lesson 5, "What is promised": its exercises; where they stand in the notebook is told in `lesson_05`."""

from __future__ import annotations

from collections import Counter

from lesson_lib.teach.content import scenario
from lesson_lib.teach.readings import copies
from lesson_lib.teach.tasks.function import ValueTask
from lesson_lib.teach.tasks.puzzle import FAULTS, PuzzleTask
from lesson_lib.teach.tasks.task import given

KINDS = (*FAULTS, "kill producer")

EXERCISES = (
    PuzzleTask(
        id="5.twice", scenario=scenario(3, idempotence=True, resend=True), budget=1, kinds=KINDS,
        goal="`m2` lies in the log twice, nothing else does, and idempotence is on.",
        reached=lambda run: Counter(run.values()) == {"m0": 1, "m1": 1, "m2": 2},
        text="Three records, idempotence is on, and the application sends again what it was not told ok of (`resend=True`). With one "
             "fault, get `m2` into the log twice: `task.check({...: \"...\"})`",
        hints=("A lost ack does not do it: the client's own retry is recognised.", "The client must be gone before it can retry.",
               "Which attempt carries `m2`?"),
        right=(given({3: "kill producer"}),),
        wrong=(given({3: "lose ack"}), given({2: "kill producer"}), given({3: "repeat"}), given("impossible"), given({}),
               given({3: "kill broker"}), given({2: "kill producer", 3: "kill producer"})),
        explanation="Twice, with idempotence on and no fault in Kafka. The copy was made by whoever sent again without knowing.",
    ),
    PuzzleTask(
        id="5.no-resend", scenario=scenario(3, idempotence=True, resend=False), budget=2, kinds=KINDS,
        goal="`m1` lies in the log twice, although the application never sends anything again.",
        reached=lambda run: copies(run, "m1") > 1,
        text="Three records, and the application never sends anything again (`resend=False`). With up to two faults out of lose ack, lose "
             "request, refuse 19, store and answer 20, repeat and kill producer: get `m1` into the log twice. "
             "`task.check({...: \"...\"})`",
        hints=("What does the second producer send, once the first was killed?", "The check tries all scripts before it agrees."),
        right=(given("impossible"),),
        wrong=(given({2: "kill producer"}), given({2: "lose ack"}), given({2: "repeat"}), given({2: "lose ack", 3: "lose ack"}),
               given({2: "lose ack", 3: "forget idle ids"})),
        explanation="What the client itself sends twice is recognised, and with these faults all of it was. What is promised, then: a "
                    "batch, retried by the client, under one producer id and epoch, lies in the log of its partition at most once, as "
                    "long as the broker remembers it. Lesson 6 makes it forget.",
    ),
    ValueTask(
        id="5.told", scenario=scenario(4, faults={2: "kill producer", 4: "lose ack"}, resend=True), expects="a list of values",
        text="Idempotence on, `resend=True`, four records `m0` to `m3`, and the script `{2: \"kill producer\", 4: \"lose ack\"}`. "
             "What does the log hold? `task.check([\"m0\", ...])`",
        truth=lambda run: run.values(),
        against=lambda run, answer: f"The broker stored {len(run.values())} batches; attempt 3 is the first of the second producer, "
                                    f"and a retry of attempt {next(a.number for a in run.attempts if a.try_no == 2) - 1} was recognised.",
        hints=("Attempt 2 is stored, then its producer is gone.", "Attempt 3 is `m1` once more, from a stranger. Attempt 4 is `m2`.",
               "The ack of attempt 4 is lost, and its producer lives."),
        right=(given(["m0", "m1", "m1", "m2", "m3"]), given(("m0", "m1", "m1", "m2", "m3"))),
        wrong=(given(["m0", "m1", "m2", "m3"]), given(["m0", "m1", "m1", "m2", "m2", "m3"]), given(["m0", "m1", "m2", "m2", "m3"]),
               given("m0 m1 m1 m2 m3")),
        explanation="One copy from the restart, none from the lost ack.",
    ),
)
