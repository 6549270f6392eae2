"""What the site says of each lesson and text before it's open."""

from __future__ import annotations

from dataclasses import dataclass

from course_tools.publish.published import FOR_INSTRUCTORS
from lesson_lib.teach.content import Scenario, scenario


@dataclass(frozen=True)
class Shown:
    """What one does in a lesson; and a run to step through while Python loads, with what it shows.

    It's a run that no question of that lesson asks about, mostly from the lesson before.
    """

    does: str
    caption: str
    run: Scenario


SHOWN = {
    "01": Shown("Predict what an ack says, and read a batch's header byte by byte, as it went over the wire.",
                "One record is sent, and its request never reaches the broker.",
                scenario(1, faults={1: "lose request"}, retries=0, idempotence=False)),
    "02": Shown("Lose one ack, see what the log holds, write a rule of your own, and watch it break.",
                "Three records and three acks: the quiet case from lesson 1.",
                scenario(("coffee", "tea", "rum"), idempotence=False)),
    "03": Shown("Send the same content twice, then the same batch twice. Put your rule up against Kafka's.",
                "A request gets lost and is sent again: the harmless case from lesson 2.",
                scenario(3, faults={2: "lose request"}, idempotence=False)),
    "04": Shown("Find out whether your client has it switched on, what switches it off, and what it costs.",
                "Two records with idempotence on, and nothing gets lost.", scenario(("coffee", "tea"))),
    "05": Shown("Kill the producer, crash the consumer, let timeouts run out: find where the promise ends.",
                "Idempotence is on, an ack gets lost, and each record is stored once.",
                scenario(3, faults={2: "lose ack"})),
    "06": Shown("Forge batches by hand, change the leader, restart the broker, walk through every outcome.",
                "A consumer crashes after it has handled a record and before it commits.",
                scenario(4, consumer={"commit": "after", "crash_at": 2})),
    "07": Shown("Commit, abort, fence off a zombie, and crash a pipeline at each of its steps.",
                "Five batches are in flight, all acks get lost, and the Java client sends each batch again.",
                scenario(5, client="java", in_flight=5, faults={1: "cut 5 0"})),
}
INCIDENTS = "What happened to people in public, each replayed in a few lines that you can run and change."
# Title and sentence of the texts that the site has as pages.
TEXTS = {
    "in-production.md": ("Where do I look in production?",
                         "You have a copy, a gap or an error 45: where to look, and what you find."),
    "clients-compared.md": ("Clients compared",
                            "The same faults, client by client: the log, and what the application is told."),
    FOR_INSTRUCTORS: ("For instructors",
                      "Plans for 45, 90 and 180 minutes, and where people get stuck. No answers in it."),
}
