"""For each exercise the answers that must not pass: wrong ideas, which its check calls wrong, the first of all; and what
it has to meet with a sentence instead of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lesson_lib.teach.lessons import lesson_02
from lesson_lib.teach.lessons.lesson_04 import decision
from lesson_lib.teach.tasks.task import SampleAnswer, given


def one_byte_early(batch: bytes) -> tuple[int, int, int, int]:
    """Begins one byte too early."""
    import struct
    return struct.unpack_from(">qhii", batch, 42)


def little_endian(batch: bytes) -> tuple[int, int, int, int]:
    """Reads the bytes in the wrong order."""
    import struct
    return struct.unpack_from("<qhii", batch, 43)


def without_count(batch: bytes) -> Any:
    """Leaves the record count out."""
    import struct
    return struct.unpack_from(">qhi", batch, 43)


def forgets_retries(settings: Mapping[str, Any]) -> str:
    """Looks at acks only."""
    if settings.get("enable_idempotence") is False:
        return "off"
    return "on" if settings.get("acks", "all") == "all" else "off"


def as_the_page_says(settings: Mapping[str, Any]) -> str:
    """Off unless asked for."""
    return "on" if settings.get("enable_idempotence") else "off"


def always_on(settings: Mapping[str, Any]) -> str:
    """Whatever is set."""
    return "on"


def only_the_word_all(settings: Mapping[str, Any]) -> str:
    """Does not know that -1 means all."""
    return "off" if settings.get("acks") == -1 else decision(settings)


def takes_everything(batch: Any, memory: dict[Any, Any]) -> bool:
    """What a broker does without idempotence."""
    return True


def by_content(batch: Any, memory: dict[Any, Any]) -> bool:
    """Stores each value once, also where it was meant twice."""
    known = batch.value in memory
    memory[batch.value] = True
    return not known


def last_value(batch: Any, memory: dict[Any, Any]) -> bool:
    """Compares with the last value only."""
    known = memory.get("last") == batch.value
    memory["last"] = batch.value
    return not known


def takes_nothing(batch: Any, memory: dict[Any, Any]) -> bool:
    """No duplicate is ever stored; nor is anything else."""
    return False


def by_number(batch: Any, memory: dict[Any, Any]) -> Any:
    """Returns a number where True or False is asked for."""
    return batch.number


def divides(batch: Any, memory: dict[Any, Any]) -> Any:
    """Raises on the first batch."""
    return 1 / batch.number > 0


def never_ends(batch: Any, memory: dict[Any, Any]) -> bool:
    """Has a loop without an end."""
    while True:
        memory["x"] = batch


def one_argument(batch: Any) -> bool:
    """Cannot be called with two arguments."""
    return True


def number_alone(batch: Any, memory: dict[Any, Any]) -> bool:
    """Forgets that two producers count alike."""
    known = batch.number in memory
    memory[batch.number] = True
    return not known


def only_next(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Refuses also what is in the log already."""
    if batch.number != memory.get(batch.producer, -1) + 1:
        return "refuse"
    memory[batch.producer] = batch.number
    return True


def refuses_all(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Nothing is ever stored twice, or once."""
    return "refuse"


def another_word(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Answers with a word that means nothing here."""
    return "keep"


def greater_is_stored(batch: Any, memory: dict[Any, Any]) -> bool | str:
    """Takes whatever is above the highest number, and refuses the rest."""
    if batch.number <= memory.get(batch.producer, -1):
        return "refuse"
    memory[batch.producer] = batch.number
    return True


def aborts(kafka: Any) -> None:
    """Does what was not allowed."""
    shop = kafka.producer("shop")
    shop.begin()
    shop.send("a")
    shop.abort()
    shop.begin()
    shop.send("b")
    shop.commit()


def another_id(kafka: Any) -> None:
    """Fences nobody."""
    old = kafka.producer("shop")
    old.begin()
    old.send("a")
    new = kafka.producer("other shop")
    new.begin()
    new.send("b")
    new.commit()


def plain(kafka: Any) -> None:
    """Has no transactions."""
    shop = kafka.producer()
    shop.begin()


STORED, DUPLICATE, REFUSED = "stored", "duplicate", "refused"
WRONG: dict[str, tuple[SampleAnswer, ...]] = {
    "1.last-offset": (given(2), given(7), given(8), given("6")),
    "1.header": (given(one_byte_early), given(little_endian), given(without_count), given((1, 2, 3, 4))),
    "1.silent-loss": (given({2: "lose request"}, acks="all"), given({3: "lose request"}, acks=0),
        given({3: "lose ack"}, acks=0), given({3: "lose request"}), given("impossible"),
        given({3: "lose everything"}, acks=0), given({9: "lose ack"}, acks=1),
        given({2: "lose request", 3: "lose request"}, acks=0), given({3: "lose request"}, acks=2)),
    "2.two-copies": (given({2: "lose ack"}), given({3: "lose request"}), given({3: "refuse 19"}), given({}),
        given("impossible"), given({3: "loose ack"}), given({7: "lose ack"}), given({2: "lose ack", 3: "lose ack"}),
        given(3)),
    "2.make-log": (given({1: "lose ack"}), given({2: "lose request"}), given({1: "cut 3 1"}), given({1: "refuse 19"}),
        given("impossible")),
    "2.skip-one": (given({2: "lose request"}), given({2: "lose ack"}, acks=1), given({2: "refuse 19", 3: "refuse 19"}),
        given({2: "lose request"}, acks=0)),
    "2.own-rule": tuple(given(rule) for rule in (by_content, last_value, takes_everything, takes_nothing, by_number,
        number_alone, divides, never_ends, one_argument, True, "accept")),
    "3.count-numbers": (given([0, 1, 1, 2]), given([0, 3, 6, 9]), given([0, 3, 6, 6]), given(3), given("0336")),
    "3.beat-content": (given({}, values=["coffee", "tea"]), given({1: "lose ack"}, values=["coffee", "tea"]),
        given({}, values=3), given({9: "lose ack"}, values=["a", "a"]),
        given({1: "lose ack", 2: "lose ack"}, values=["a", "a"])),
    "3.beat-page": (given({1: "lose ack"}), given({3: "lose ack"}), given({4: "refuse 6"}), given({}),
        given({2: "refuse 6", 3: "refuse 6"}), given({2: "refuse"})),
    "3.beat-buffer": (given({}), given({2: "lose ack"}), given({2: "refuse 6"}), given({3: "crash broker"}),
        given({1: "lose ack", 2: "crash broker"}), given({1: "refuse 6", 5: "kill producer"})),
    "4.decides": (given(as_the_page_says), given(forgets_retries), given(always_on), given(only_the_word_all), given("on")),
    "4.one-copy": (given({2: "lose ack"}), given({2: "repeat"}), given({"2-4": "lose ack"}),
        given({2: "store and answer 20", 3: "lose ack"}), given({}), given({2: "lose ack", 3: "forget idle ids"})),
    "5.twice": (given({3: "lose ack"}), given({2: "kill producer"}), given({3: "repeat"}), given("impossible"), given({}),
        given({3: "kill broker"}), given({2: "kill producer", 3: "kill producer"})),
    "5.no-resend": (given({2: "kill producer"}), given({2: "lose ack"}), given({2: "repeat"}),
        given({2: "lose ack", 3: "lose ack"}), given({2: "lose ack", 3: "forget idle ids"})),
    "5.told": (given(["m0", "m1", "m2", "m3"]), given(["m0", "m1", "m1", "m2", "m2", "m3"]),
        given(["m0", "m1", "m2", "m2", "m3"]), given("m0 m1 m1 m2 m3")),
    "6.verdicts": (given([STORED, STORED, DUPLICATE, DUPLICATE, STORED, STORED, DUPLICATE, DUPLICATE]),
        given([STORED, STORED, REFUSED, REFUSED, STORED, STORED, REFUSED, DUPLICATE]), given([STORED]), given("stored"),
        given([STORED, STORED, DUPLICATE, REFUSED, STORED, STORED, DUPLICATE, DUPLICATE])),
    "6.forget": (given({2: "lose ack", 3: "restart broker"}), given({2: "lose ack", 3: "fail over"}), given({2: "lose ack"}),
        given({2: "forget idle ids"}), given("impossible"), given({})),
    "6.smallest": (given({"batches": 3, "in_flight": 2, "faults": 1}), given({"batches": 2, "in_flight": 1, "faults": 1}),
        given({"batches": 2, "in_flight": 2, "faults": 2}), given({"batches": 2}),
        given({"batches": 0, "in_flight": 2, "faults": 1}), given({"batches": 2, "in_flight": 2, "faults": 0})),
    "6.own-rule": tuple(given(rule) for rule in (lesson_02.accept, lesson_02.highest_number, by_content, takes_everything,
        only_next, greater_is_stored, refuses_all, another_word, "accept")),
    "7.make-log": (given(aborts), given(another_id), given(plain), given("a ABORT b COMMIT")),
    "7.lag": (given([4, 3]), given([7, 4]), given([6, 3]), given([4, 4]), given(7)),
}
