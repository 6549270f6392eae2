"""The fault script: one vocabulary for both worlds, read from a dict or a text, and what it says about a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesson_lib import simulate
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PRODUCER_ID_EXPIRATION_MS, PartitionLog
from lesson_lib.core.producer_state import Batch
from lesson_lib.errors import LessonError
from lesson_lib.faults import BROKER_WORDS, NAMES, Fault, FaultScript, befall, parse_fault, parse_script
from lesson_lib.history import Kind


def test_a_dict_and_a_text_say_the_same() -> None:
    assert parse_script({2: "lose ack", "4-6": "refuse 19", "8+": "lose request"}) == parse_script(
        " 2: lose ack;4-6 : Refuse 19; 8+: lose  request".replace("  ", " "))


def test_which_fault_at_which_attempt() -> None:
    script = parse_script("2: lose ack; 4-6: refuse 19; 8+: lose request")
    assert [str(script.at(n)) for n in range(1, 11)] == ["deliver", "lose ack", "deliver", "refuse 19", "refuse 19", "refuse 19",
                                                         "deliver", "lose request", "lose request", "lose request"]


def test_the_later_line_counts() -> None:
    script = parse_script("1-9: lose ack; 3: deliver")
    assert [script.at(n).name for n in (2, 3, 4)] == ["lose ack", "deliver", "lose ack"]


@pytest.mark.parametrize("nothing", [None, {}, "", " ; "])
def test_no_faults(nothing: object) -> None:
    assert not parse_script(nothing)
    assert parse_script(nothing).at(1).name == "deliver"


def test_numbers_belong_to_the_faults_that_need_them() -> None:
    assert parse_fault("refuse 19").error is ErrorCode.NOT_ENOUGH_REPLICAS
    assert parse_fault("cut 3 1").numbers == (3, 1)
    assert parse_fault(Fault("delay", (5,))) == Fault("delay", (5,))


@pytest.mark.parametrize(("script", "words"), [
    ({2: "loose ack"}, "There is no fault 'loose ack'. Choose one of: deliver, lose request"),
    ({2: "late"}, "happens in explore(...) alone. No script can ask for it. Choose one of: deliver, lose request"),
    ({2: ""}, "There is no fault"),
    ({2: None}, "There is no fault"),
    ({2: "refuse"}, "needs 1 number after its name, as in 'refuse 19'"),
    ({2: "lose ack 3"}, "needs 0 numbers"),
    ({2: "cut 3"}, "needs 2 numbers"),
    ({2: "cut 1 3"}, "more requests would be answered than handled"),
    ({2: "refuse 999"}, "There is no error 999 that a broker answers a produce request with"),
    ({2: "refuse 90"}, "No broker answers a produce request with error 90 producer fenced"),
    ({2: "refuse 0"}, "There is no error 0"),
    ({0: "lose ack"}, "Requests are counted from 1"),
    ({-1: "lose ack"}, "names no request"),
    ({"two": "lose ack"}, "'two' names no request"),
    ({"5-2": "lose ack"}, "end before they begin"),
    ("lose ack", "has no colon"),
    (["lose ack"], "A fault script is a dict"),
    (7, "A fault script is a dict"),
])
def test_a_mistake_is_one_sentence(script: object, words: str) -> None:
    with pytest.raises(LessonError) as mistake:
        parse_script(script)
    assert words in str(mistake.value)


def test_a_fault_that_never_happened_is_named() -> None:
    script = parse_script("2: lose ack; 9: lose request")
    script.check_used(9)
    with pytest.raises(LessonError, match="'9: lose request' never happened: only 3 requests were sent. Choose a request from 1 to 3"):
        script.check_used(3)
    with pytest.raises(LessonError, match="only 1 request was sent"):
        script.check_used(1)
    parse_script("1+: lose ack").check_used(1)


EXAMPLES = {"refuse": "refuse 19", "store and answer": "store and answer 20", "delay": "delay 250", "cut": "cut 3 1"}
LINES = st.tuples(st.integers(1, 20), st.sampled_from(["", "+"]), st.sampled_from(sorted(NAMES)))


@given(st.lists(LINES, max_size=5))
def test_a_script_can_be_written_down_and_read_again(lines: list[tuple[int, str, str]]) -> None:
    script = parse_script({f"{first}{more}": EXAMPLES.get(name, name) for first, more, name in lines})
    assert parse_script(str(script)) == script
    assert isinstance(script, FaultScript)


def test_a_request_to_a_coordinator() -> None:
    script = parse_script({"EndTxn 1": "lose ack", "AddPartitionsToTxn 2+": "lose request silently", 1: "refuse 6"})
    assert str(script) == "EndTxn 1: lose ack; AddPartitionsToTxn 2+: lose request silently; 1: refuse 6"
    assert parse_script(str(script)) == script
    assert [str(script.at(number, api)) for number, api in ((1, ""), (1, "EndTxn"), (2, "EndTxn"), (9, "AddPartitionsToTxn"))] == [
        "refuse 6", "lose ack", "deliver", "lose request silently"]
    script.check_used(1, {"EndTxn": 1, "AddPartitionsToTxn": 2})
    with pytest.raises(LessonError, match="'EndTxn 1: lose ack' never happened: nobody sent a coordinator so many EndTxn requests"):
        simulate(1, faults={"EndTxn 1": "lose ack"})
    with pytest.raises(LessonError, match="can only meet: lose request, .*; not 'refuse 6'"):
        parse_script({"EndTxn 1": "refuse 6"})
    with pytest.raises(LessonError, match="names no request"):
        parse_script({"Fetch 1": "lose ack"})


def test_every_fault_at_a_broker_is_known_wherever_there_is_one() -> None:
    """Each leaves another memory behind, so that none is taken for another; a name that nobody knows is no fault at all."""
    left = {}
    for name in BROKER_WORDS:
        log = PartitionLog()
        for producer_id, sequence, time in ((7, 0, 1), (7, 1, 1), (8, 0, PRODUCER_ID_EXPIRATION_MS), (8, 1, PRODUCER_ID_EXPIRATION_MS)):
            log.append(Batch(1, producer_id, 0, sequence, max_timestamp=time))
        log.delete_records(2)  # the memory of id 7 stays, and is gone where it is read from the log
        log.start_verification(Batch(1, 9, 0, 0, transactional=True))
        befall(log, name, 1)
        left[name] = {pid: len(entry.batches) for pid, entry in log.producers.items()}, len(log.verifying)
    assert left == {"restart broker": ({7: 1, 8: 1}, 0), "crash broker": ({8: 1}, 0), "fail over": ({7: 2, 8: 2}, 0),
                    "forget idle ids": ({8: 2}, 1)}
    with pytest.raises(ValueError, match="'lose ack' does not happen to a broker"):
        befall(PartitionLog(), "lose ack")
    with EmbeddedBroker() as broker:
        assert broker.hooks.keys() == BROKER_WORDS.keys()


def test_of_two_lines_for_one_request_the_later_counts_in_a_text_too() -> None:
    script = parse_script("2: lose ack; 1-3: delay 5; 2: refuse 19")
    assert [str(script.at(number)) for number in (1, 2, 3, 4)] == ["delay 5", "refuse 19", "delay 5", "deliver"]
    assert str(script) == "2: lose ack; 1-3: delay 5; 2: refuse 19"


def test_a_request_timeout_says_how_long_it_waited() -> None:
    run = simulate(2, faults={1: "lose ack silently"}, request_timeout_ms=700)
    assert [event.note for event in run.of(Kind.TIMEOUT)] == ["no answer in 700 ms"]
