"""Lesson 7, "Transactions": its exercises; where they stand in the notebook is told in `lesson_07`."""

from __future__ import annotations

from lesson_lib.history import History, Kind
from lesson_lib.teach.lessons import rules_07 as rules
from lesson_lib.teach.readings import cells_words, read, told_words
from lesson_lib.teach.stories import story
from lesson_lib.teach.tasks.play import PlayTask
from lesson_lib.teach.tasks.task import given
from lesson_lib.teach.tasks.value import ValueTask

MIXED = story('shop = kafka.producer("shop")', "shop.begin()", 'shop.send("a", "b")', "shop.commit()", "shop.begin()", 'shop.send("x")',
              "shop.abort()", "shop.begin()", 'shop.send("c")', "shop.commit()", 'kafka.consumer("read_committed").poll()')


def missing(run: History) -> str:
    """What a run lacks of the log `a ABORT b COMMIT` without a call of abort."""
    if any(e.kind == Kind.TXN and e.what == "abort" for e in run.events):
        return "Your function called abort(); let somebody else end the first transaction."
    if cells_words(run) == "`a ABORT b COMMIT`":
        return ""
    return f"The log holds {cells_words(run)}, and the application was told {told_words(run) or 'nothing'}."


def _against_lag(run: History, answer: list[object]) -> str:
    """What contradicts a wrong offset, else a wrong number of records."""
    if answer[:1] != [len(run.log())]:
        return "The offset: each of the three transactions leaves a marker, and an aborted record leaves no offset free."
    return "The offset is right. The records: which of the four is a `read_committed` consumer not handed?"


EXERCISES = (
    PlayTask(
        id="7.make-log", name="play", missing=missing,
        text="Make the log `a ABORT b COMMIT` without a call of `abort()`. Your function gets a `kafka`, as in the cells above. "
             "`task.check(play)`",
        hints=("Who else ends a transaction that was left open?", "Either time does it (`kafka.wait`), or a successor.",
               "A successor is a second producer with the same transactional id."),
        right=(given(rules.play), given(rules.waits)),
        wrong=(given(rules.aborts), given(rules.another_id), given(rules.plain), given("a ABORT b COMMIT")),
        explanation="A successor aborts what it finds open; so does the coordinator once `transaction.timeout.ms` is over.",
    ),
    ValueTask(
        id="7.lag", scenario=MIXED, expects="two numbers, as a list",
        text="On an empty partition: a transaction with `a` and `b` is committed, one with `x` aborted, one with `c` committed. Which "
             "offset does the next record get, and how many records is a `read_committed` consumer handed? `task.check([offset, records])`",
        truth=lambda run: [len(run.log()), len(read(run))],
        against=_against_lag,
        hints=("Write the log down, cell by cell.", "Four records and three markers."),
        right=(given([7, 3]), given((7, 3))), wrong=(given([4, 3]), given([7, 4]), given([6, 3]), given([4, 4]), given(7)),
        explanation="So end minus position is no number of records. A monitor that counts offsets shows a lag "
                    "that \"last record + 1\" never works off.",
    ),
)
