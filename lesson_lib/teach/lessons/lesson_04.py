"""Lesson 4, "Switching it on": who has idempotence on without asking, what switches it off, what it costs.

What `decision` says of the installed client is held against that client by tests/facts/test_lesson_04.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lesson_lib.history import History
from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import all_ok, copies, holds, log_is, offsets_told, told_words
from lesson_lib.teach.tasks.function import SameOutputTask
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.task import given

WITH_ACKS_1 = scenario(1, acks=1, idempotence=False)


def numbered(run: History) -> bool:
    """Whether the batches carry sequences."""
    return all(a.send.base_sequence >= 0 for a in run.attempts)


def sequence_words(run: History) -> str:
    """What the batches carry."""
    return "the batches carry " + ("sequences." if numbered(run) else "no sequence: the fields hold -1.")


def decision(settings: Mapping[str, Any]) -> str:
    """What kafka-python 3.0.12 makes of the settings: on, off or refused."""
    wish = settings.get("enable_idempotence")
    against = (settings.get("acks", "all") not in ("all", -1) or settings.get("retries", 1) == 0
               or settings.get("max_in_flight_requests_per_connection", 5) > 5)
    if wish is False:
        return "off"
    if against:
        return "refused" if wish else "off"
    return "on"


def cases() -> list[Mapping[str, Any]]:
    """Settings to decide on."""
    return [{}, {"acks": 1}, {"acks": "all"}, {"retries": 3}, {"retries": 0},
            {"enable_idempotence": True, "retries": 0},
            {"enable_idempotence": True, "acks": 1}, {"enable_idempotence": False, "acks": 1}, {"acks": 0},
            {"acks": -1},
            {"max_in_flight_requests_per_connection": 6}, {"max_in_flight_requests_per_connection": 5},
            {"enable_idempotence": True, "max_in_flight_requests_per_connection": 6},
            {"enable_idempotence": True}]


ITEMS = (
    ask("recall", "4.recall-number",
        "Two batches of two records, with idempotence on. The ack of the first gets lost once. Which base "
        "sequence does the retry carry?",
        Option("2, the next free one.", lambda run: run.attempts[1].send.base_sequence == 2,
               "a retry gets a new number", lambda run: f"it carries {run.attempts[1].send.base_sequence}."),
        Option("0, the same again.", lambda run: run.attempts[1].send.base_sequence == 0),
        Option("1, the second try.", lambda run: run.attempts[1].send.base_sequence == 1,
               "sequences count tries", lambda run: f"it carries {run.attempts[1].send.base_sequence}."),
        because="A retry repeats its number. That's how the broker recognises it.",
        run=scenario(4, records_per_batch=2, faults={1: "lose ack"})),
    ask("recall", "4.recall-copies",
        "Idempotence is on. The application calls `send` three times with the value `pay`. How many are in "
        "the log?",
        Option("One.", lambda run: copies(run, "pay") == 1, "same content means same message", log_is),
        Option("Three.", lambda run: copies(run, "pay") == 3),
        because="Three calls, three numbers, three records.",
        run=scenario(("pay", "pay", "pay"))),
    ask("recall", "4.recall-early",
        "Idempotence is on, and the broker has stored some batches of a producer. Then a batch arrives too "
        "early: the one before it is still missing. What does Kafka do with it?",
        Option("It stores it, because a gap doesn't matter.", False, "greater is stored",
               "then the missing batch would come too late: a log only grows at its end."),
        Option("It keeps it until the missing one arrives.", False, "the broker buffers and sorts",
               "in lesson 3 a broker that did this lost what it had promised."),
        Option("It refuses it.", True),
        because="Kafka answers with error 45. It stores nothing and keeps nothing, so the batch has to be "
                "sent again."),
    ask("prediction", "4.default",
        "The article asks: is idempotency enabled by default, or does it require configuration? What about "
        "the client that's installed here, `kafka-python` 3.0.12, with no settings at all?",
        Option("On by default.", numbered),
        Option("Off by default.", lambda run: not numbered(run), "idempotence is off unless asked for",
               sequence_words),
        because="kafka-python has had it on since 3.0. Other clients differ, and so do older versions.",
        run=scenario(1), live=True),
    ask("prediction", "4.acks-1",
        "The same producer, with `acks=1` and nothing else. What happens to idempotence?",
        Option("It stays on.", numbered, "a default stays whatever else is set",
               lambda run: "in this run it's off. The next question asks where you can see that."),
        Option("It's off, and the client raises nothing.", lambda run: not numbered(run) and all_ok(run)),
        Option("The producer refuses to start.", lambda run: not run.attempts,
               "a conflict is always an error",
               lambda run: f"it started, and the application was told {told_words(run)}."),
        because="A default gives way to a setting that you wrote. The client raises nothing. It writes one "
                "line to its logger, and that's all your program can notice.",
        run=WITH_ACKS_1, live=True),
    ask("observation", "4.saw-sequence",
        "Idempotence was off in this run, and yet nothing was stored twice. Where can you see that it was "
        "off?",
        Option("In what the application was told.", lambda run: not all_ok(run), "ok means once",
               lambda run: f"it was told {told_words(run)}, with the offsets {offsets_told(run)}."),
        Option("In the requests, because they carry no sequence.", lambda run: not numbered(run)),
        Option("Nowhere.", lambda run: numbered(run), "idempotence cannot be seen", sequence_words),
        because="The column `sequence` says *none*, and the producer never asked for a producer id. At work "
                "you'd look into the client's log first. The next cell shows it. It's a single line, and if "
                "no logging is set up nobody sees it.",
        run=WITH_ACKS_1),
    ask("choice", "4.explicit",
        "What happens if you set both explicitly, `enable_idempotence=True` and `acks=1`?",
        Option("`acks=1` wins again, silently.", False, "settings give way silently",
               "the client doesn't silently drop a setting that you wrote."),
        Option("`acks` is changed to `\"all\"`.", False, "settings give way silently",
               "no client here changes it. kafka-python, Java's client and librdkafka all refuse an explicit "
               "`acks=1`."),
        Option("The producer refuses to start.", True),
        because="Two explicit settings that conflict give you an error when the producer starts, rather than "
                "a duplicate a year later. So if you set idempotence explicitly, nobody can switch it off "
                "unnoticed with a later `acks=1`."),
    ask("prediction", "4.lost-ack",
        "Three records, `acks=1` and no other setting, on a client that has idempotence on by default. The "
        "second ack gets lost. What does the log hold?",
        Option("`m0 m1 m2`", holds("m0", "m1", "m2"), "a default stays whatever else is set", log_is),
        Option("`m0 m1 m1 m2`", holds("m0", "m1", "m1", "m2")),
        Option("`m0 m2`", holds("m0", "m2"), "no ack means not stored", log_is),
        because="One setting, perhaps chosen for speed, and the copies of lesson 2 are back. Once more the "
                "client raised nothing. `acks=1` by itself makes no copy: it switched off what would have "
                "prevented one.",
        run=scenario(3, faults={2: "lose ack"}, acks=1, idempotence=False), live=True),
    ask("choice", "4.cost",
        "The article says that idempotency adds slight latency and overhead \"due to sequence tracking\". "
        "How many bytes does it add to a batch?",
        Option("14, for the producer id, epoch and sequence.", False, "idempotence makes batches longer",
               "these 14 bytes are in every batch. Without idempotence they hold -1."),
        Option("None.", True),
        Option("4 for each record.", False, "every record carries a number",
               "a batch carries one number, that of its first record."),
        because="You saw the fields in lesson 1: they are there in any case. The next cell counts the bytes "
                "of a batch with and without idempotence."),
    ask("choice", "4.far",
        "kafka-python sends forty batches to one partition, across a link with a delay of 25 ms each way. "
        "How long does that take with idempotence on, compared with idempotence off? (Both with "
        "`acks=\"all\"`.)",
        Option("About as long.", False, "idempotence costs nothing",
               "with idempotence on, this client waits for the ack of each batch before it sends the next."),
        Option("Several times as long.", True),
        Option("About forty times as long.", False, "without idempotence nothing waits",
               "without idempotence up to five requests are in flight, not all forty."),
        because="With idempotence on, kafka-python keeps only one batch per partition in flight, so forty "
                "batches take forty round trips. With it off, up to five are in flight at a time. That's "
                "eight round trips at best, and about ten in our runs. The Java client allows five in flight "
                "in both cases. librdkafka allows five with idempotence on, and more with it off. So neither "
                "is slowed down like that."),
    SameOutputTask(
        id="4.decides", name="decide", truth=decision, inputs=cases, show=str,
        text="Write `decide(settings)` for the installed client. It takes a dict of settings such as "
             "`{\"acks\": 1}` and returns `\"on\"`, `\"off\"` or `\"refused\"`. Three settings matter, "
             "besides `enable_idempotence` itself. `task.check(decide)`",
        hints=("The three are `acks`, `retries` and `max_in_flight_requests_per_connection`.",
               "These conflict with idempotence: acks other than \"all\" (which may be written -1), "
               "retries=0, more than 5 in flight.",
               "If a setting conflicts and you didn't set idempotence: off. If you set it to True: refused. "
               "Set to False: always off."),
        right=(given(decision),),
        explanation="`retries=3` leaves it on. With this client you fall into the article's pitfall 1 only "
                    "if you switch idempotence off: knowingly with `False`, or unknowingly, for example with "
                    "`acks=1`."),
    PuzzleTask(
        id="4.one-copy", scenario=scenario(3, idempotence=True), budget=3, goal="`m1` is in the log twice.",
        reached=lambda run: copies(run, "m1") > 1,
        text="Idempotence is on, set explicitly. With up to three faults (lose ack, lose request, refuse 19, "
             "store and answer 20, repeat), get `m1` into the log twice. `task.check({...: \"...\"})`",
        hints=("Try the faults of lesson 2.",
               "The check runs every script of up to three faults before it agrees with you."),
        right=(given("impossible"),),
        explanation="You can't, as long as there's one batch in flight, the producer stays alive, and these "
                    "are the only faults. Lesson 5 kills the producer, and lesson 6 looks for what the "
                    "broker forgets."),
)
