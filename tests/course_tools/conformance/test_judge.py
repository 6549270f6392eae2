"""`judge` finds what a broker does otherwise, groups it by its cause, and accuses nobody who is right."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from course_tools.conformance.broker_under_test import BrokerUnderTest, in_step
from course_tools.conformance.command import judge, main, scripts
from course_tools.conformance.judgement import ANSWERS, PLACES, Judgement
from course_tools.conformance.play import PlayedScript
from course_tools.conformance.presentation import Progress, page, told
from course_tools.conformance.script import Comparison, EndState, ScriptOutcome, StepOutcome, parse
from lesson_lib.__main__ import main as command
from lesson_lib.broker.cluster import Topic
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import Appended, Refused
from lesson_lib.core.producer_state import judge as right_rule
from lesson_lib.errors import LessonError
from lesson_lib.wire import messages
from lesson_lib.wire.requests import RawClient
from tests.course_tools.conformance.test_planted_rules import never_fences, window_of_four
from tests.course_tools.conformance.test_script import rows_of


@contextmanager
def broker_with(rule: Callable[..., Any]) -> Iterator[EmbeddedBroker]:
    """An embedded broker that judges by this rule."""
    with broker_with_rules(lambda: rule) as broker:
        yield broker


@contextmanager
def broker_with_rules(rule_of_a_log: Callable[[], Callable[..., Any]]) -> Iterator[EmbeddedBroker]:
    """An embedded broker in which each partition has a rule made for it, perhaps one that remembers something."""
    with EmbeddedBroker() as broker:
        def add_partitions(topic: Topic, count: int) -> None:
            topic.logs += [PartitionLog(rule=rule_of_a_log()) for _ in range(count)]
        broker.cluster.add_partitions = add_partitions  # type: ignore[method-assign]
        yield broker


def test_a_broker_that_is_right_is_not_accused(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        assert main([broker.address, "--name", "mine", "--count", "100"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mine, judged by the rule of Kafka 4.4: 100 histories, seed 1.\n") and said.endswith("No differences.\n")
    assert re.search(r"^D1 +\d+ +agrees +exactly next: stored$", said, re.MULTILINE)


def test_another_release_is_told_from_the_rule(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker("4.5") as broker:
        assert main([broker.address, "--count", "60"]) == 1
        assert "D17 (an unknown id not from 0: by version): Apache Kafka ok, this broker error 45." in capsys.readouterr().out
        assert main([broker.address, "--count", "60", "--rule", "4.5"]) == 0


def test_each_cause_has_its_row_its_count_and_its_shortest_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with broker_with(never_fences) as broker:
        assert main([broker.address, "--count", "120", "--json", str(tmp_path / "judged.json")]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^D9 +\d+ +differs, \d+ times +an older epoch: 47$", said, re.MULTILINE)
    first = said.split("\nDifference ")[1]
    assert "answer, D9 (an older epoch: 47): Apache Kafka error 47, this broker ok." in first
    assert len(re.findall(r"^[ ≠] +\d+\. ", first, re.MULTILINE)) == 2, "two steps show it"
    written = json.loads((tmp_path / "judged.json").read_text())
    assert written["rows"]["D9"]["verdict"].startswith("differs") and written["rows"]["D1"]["verdict"] == "agrees"
    assert {one["row"] for one in written["differences"] if one["level"] == "answer"} == {"D9"}


@contextmanager
def beside(broker: EmbeddedBroker) -> Iterator[tuple[BrokerUnderTest, BrokerUnderTest]]:
    """A broker that is right, and this one."""
    with EmbeddedBroker() as right, closing(BrokerUnderTest(right.address)) as kafka, closing(BrokerUnderTest(broker.address)) as theirs:
        yield kafka, theirs


def both(entry: Any, batch: Any, end: int, version: Any) -> Any:
    older = entry is not None and batch.producer_epoch < entry.producer_epoch
    return (never_fences if older else window_of_four)(entry, batch, end, version)


def test_one_cause_hides_no_other_and_the_same_seed_gives_the_same() -> None:
    tables = []
    for _ in range(2):
        with broker_with(both) as broker, beside(broker) as sides:
            judged = judge(*sides, scripts(1, 120, *sides), "mine")
        tables.append(judged.table())
        assert {"D9", "D3"} <= {cause.row for cause in judged.differences if cause.level == "answer"}
    assert tables[0] == tables[1]


def test_a_history_is_looked_at_further_without_the_step_that_differs() -> None:
    """An older epoch is let in first; that the fifth batch is forgotten comes after it in the same history."""
    sends = "; ".join(f"send p0 b e0 s{n} n1" for n in range(5))
    script = parse(f"send p0 a e1 s0 n1; send p0 a e0 s0 n1; {sends}; send p0 b e0 s0 n1")
    with broker_with(both) as broker, beside(broker) as sides:
        judged = judge(*sides, [script], "mine")
    assert {cause.row for cause in judged.differences if cause.level == "answer"} == {"D9", "D3"}
    assert judged.tried["D16"] == 2, "the part that was played twice is counted once"


def test_every_row_that_was_tried_is_counted() -> None:
    with EmbeddedBroker() as broker, beside(broker) as sides:
        judged = judge(*sides, scripts(1, 40, *sides), "mine")
        assert judged.tried == Counter(row for script in scripts(1, 40, *sides) for row in rows_of(script))


def raising_epochs(highest: dict[int, int], raises: Callable[[Any], bool]) -> Callable[..., Any]:
    """A rule that keeps the highest epoch of an id beside its memory, and refuses what is older. `raises`: the verdicts that count."""
    def rule(entry: Any, batch: Any, end: int, version: Any) -> Any:
        verdict = right_rule(entry, batch, end, version)
        if batch.producer_epoch < highest.get(batch.producer_id, -1):
            return Refused(ErrorCode.INVALID_PRODUCER_EPOCH)
        if raises(verdict):
            highest[batch.producer_id] = batch.producer_epoch
        return verdict
    return rule


def in_one_partition(verdict: Any) -> bool:
    return verdict == Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)


def in_all_partitions(verdict: Any) -> bool:
    return isinstance(verdict, Appended)


EPOCHS = ["send p0 a e0 s0 n1; send p0 a e1 s5 n1; send p0 a e0 s1 n1", "send p0 a e0 s0 n1; send p0 a e1 s2 n1; send p0 a e0 s0 n1",
          "send p0 - n1; send p0 a e0 s0 n1; send p0 a e2 s5 n2; send p0 a e1 s0 n1; send p0 a e1 s1 n1",
          "send p1 a e0 s0 n1; send p0 a e1 s0 n1; send p1 a e0 s1 n1; send p1 a e0 s2 n1", "send p0 a e1 s0 n1; send p1 a e0 s0 n1"]


def causes_of_47(rule_of_a_log: Callable[[], Callable[..., Any]]) -> tuple[Judgement, list[frozenset[str]]]:
    with broker_with_rules(rule_of_a_log) as broker, beside(broker) as sides:
        judged = judge(*sides, map(parse, EPOCHS), "mine")
    return judged, [one.needs for one in judged.by_number() if one.cause.theirs == "error 47"]


def test_two_faults_that_end_in_the_same_answer_stay_two_causes_of_one_subject() -> None:
    """A refused batch raises the epoch in its partition, a stored one in all: each alone is found, and both together, though
    the second shows in rows and answers in which the first one does."""
    def everywhere() -> Callable[[], Callable[..., Any]]:
        highest: dict[int, int] = {}
        return lambda: raising_epochs(highest, in_all_partitions)

    def both_of_them() -> Callable[..., Any]:
        stored, refused = in_all(), raising_epochs({}, in_one_partition)
        return lambda *about: old if (old := stored(*about)) == Refused(ErrorCode.INVALID_PRODUCER_EPOCH) else refused(*about)
    in_all = everywhere()
    refused = causes_of_47(lambda: raising_epochs({}, in_one_partition))[1]
    shared = causes_of_47(everywhere())[1]
    judged, two = causes_of_47(both_of_them)
    assert {"D11"} in refused and all("D11" in needs for needs in refused)
    assert all("D11" not in needs for needs in shared) and {"partitions"} in shared
    assert {"D11"} in two and {"partitions"} in two
    subjects = judged.by_subject()
    assert {"D11"} in [one.needs for one in subjects["Which epoch of a producer is the newest"]]
    assert {one.cause for causes in subjects.values() for one in causes} == set(judged.differences), "none is left out"


def test_a_second_cause_does_not_vanish_into_the_first_of_the_same_row_and_answers() -> None:
    """The next batch gets 47, after a newer epoch that was refused, and after one that another partition stored."""
    script = parse("send p0 a e0 s0 n1; send p1 a e1 s0 n1; send p0 a e0 s1 n1")
    stored = (StepOutcome(0, 0), StepOutcome(0, 0))
    elsewhere = Comparison(script, ScriptOutcome((*stored, StepOutcome(0, 1))), ScriptOutcome((*stored, StepOutcome(47))))
    judged, here = Judgement("theirs"), after_a_fence("send p0 a e0 s1 n1")
    for compared in (here, here, elsewhere):
        judged.take(compared)
    assert len(judged.differences) == 1, "the row and the answers are the same"
    judged.settle(lambda one: one.found[0])
    assert [(one.needs, one.times) for one in judged.by_number()] == [({"D11"}, 2), ({"partitions"}, 1)]
    assert judged.verdict("D1") == "differs, 3 times"


def near_the_wrap(kafka: int, theirs: int, *steps: str) -> Comparison:
    script = parse("; ".join(steps))
    before = (StepOutcome(0, 0),) * (len(steps) - 1)
    return Comparison(script, ScriptOutcome((*before, StepOutcome(kafka))), ScriptOutcome((*before, StepOutcome(theirs))))


def test_what_shows_near_the_largest_sequence_only_is_one_subject() -> None:
    """As in kfake, which wraps one too early."""
    judged, last = Judgement("theirs"), "send p0 a e0 s2147483647 n1"
    judged.take(near_the_wrap(0, 45, last, "send p0 a e0 s0 n1"))
    judged.take(near_the_wrap(45, 0, last, "send p0 a e0 s1 n1"))
    judged.take(near_the_wrap(0, 45, "send p0 a e0 s5 n1", "send p0 a e0 s6 n1"))
    judged.settle(lambda one: one.found[0])
    rows = {subject: [one.cause.row for one in causes] for subject, causes in judged.by_subject().items()}
    assert rows == {"Sequences near 2147483647": ["D13", "D14"], "Sequences and duplicates": ["D1"]}


FENCES = "send p0 a e0 s0 n1; send p0 a e1 s5 n1; "


def after_a_fence(step: str) -> Comparison:
    """Where a broker answers 47 after it refused a newer epoch, and Kafka does not."""
    script = parse(FENCES + step)
    right = (StepOutcome(0, 0), StepOutcome(45), StepOutcome(0, 1))
    return Comparison(script, ScriptOutcome(right), ScriptOutcome((*right[:2], StepOutcome(47))))


def test_what_follows_from_the_same_step_is_counted_with_it() -> None:
    """The next batch and the last one again: both are refused, because a refusal fenced them."""
    judged = Judgement("theirs")
    found = [after_a_fence("send p0 a e0 s1 n1"), after_a_fence("send p0 a e0 s1 n1"), after_a_fence("send p0 a e0 s0 n1")]
    for compared in found:
        judged.take(compared)
    assert {cause.row for cause in judged.differences} == {"D1", "D2"}
    judged.settle(lambda one: one.found[0])
    (origin,) = judged.by_number()
    assert origin.cause.row == "D1" and origin.times == 3 and [one.cause.row for one in origin.consequences] == ["D2"]
    assert judged.verdict("D2") == "differs, 1 times" and judged.verdict("D11") == "agrees"


@pytest.mark.parametrize(("error", "row"), [(45, "D16"), (48, "D23 added")])
def test_of_two_rows_the_one_that_decided_otherwise_differs(error: int, row: str) -> None:
    """The first batch of a transaction hits a row of verification, and one of the rule; 48 is a coordinator's answer."""
    script, judged = parse("init X; add X p0 e+0; send p0 X e+0 s0 n1 txn"), Judgement("theirs")
    assert rows_of(script)[-2:] == ["D23 added", "D16"]
    done = (StepOutcome(0), StepOutcome(0))
    judged.take(Comparison(script, ScriptOutcome((*done, StepOutcome(0, 0))), ScriptOutcome((*done, StepOutcome(error)))))
    judged.settle(lambda one: one.found[0])
    verdicts = {each: judged.verdict(each) for each in ("D23 added", "D16")}
    assert verdicts == {"D23 added": "agrees", "D16": "agrees", row: "differs, 1 times"}


def test_what_is_on_the_way_to_a_transaction_is_needed_by_a_plain_batch() -> None:
    """A broker that refuses plain batches once a partition was added does so in every row: one cause."""
    judged = Judgement("theirs")
    for more, last in (("", "s0"), ("send p0 X e+0 s0 n1; ", "s1"), ("send p0 X e+0 s0 n1; ", "s0")):
        script = parse(f"init X; add X p0 e+0; {more}send p0 X e+0 {last} n1")
        before = tuple(StepOutcome(0, 0) for _ in script.steps[1:])
        judged.take(Comparison(script, ScriptOutcome((*before, StepOutcome(0, 0))), ScriptOutcome((*before, StepOutcome(48)))))
    judged.settle(lambda one: one.found[0])
    (origin,) = judged.by_number()
    assert origin.cause.row == "D16" and {one.cause.row for one in origin.consequences} == {"D1", "D2"}
    assert str(origin).endswith("(after add (a partition joins the transaction))"), "no script does without an init"


def test_what_only_needs_somebody_elses_record_is_no_cause_of_anything() -> None:
    """A broker that stores what Kafka refuses, in two rows that have nothing in common but a second producer before them."""
    judged, theirs = Judgement("theirs"), (StepOutcome(0, 0), StepOutcome(0, 1))
    for last in ("send p0 a e0 s-1 n1", "send p0 - n1 empty"):
        script = parse(f"send p0 b e0 s0 n1; {last}")
        judged.take(Comparison(script, ScriptOutcome((StepOutcome(0, 0), StepOutcome(87))), ScriptOutcome(theirs)))
    judged.settle(lambda one: one.found[0])
    assert {(one.cause.row, one.times) for one in judged.by_number()} == {("D19", 1), ("empty", 1)}


def test_an_answer_with_another_offset_is_a_difference_of_its_own() -> None:
    """Where a broker answers a duplicate with the end of the log, no log and no error shows it."""
    script, judged = parse("send p0 a e0 s0 n1; send p0 a e0 s0 n1"), Judgement("theirs")
    kafka, theirs = ((StepOutcome(0, 0), second) for second in (StepOutcome(0, 0, "+0", 0), StepOutcome(0, 1, "", 0)))
    judged.take(Comparison(script, ScriptOutcome(kafka), ScriptOutcome(theirs)))
    assert [str(cause) for cause in judged.differences] == [
        "offsets and times, an answer without one: Apache Kafka base offset, this broker another base offset",
        "offsets and times, an answer without one: Apache Kafka time of append, this broker no time of append"]
    assert judged.verdict("D2") == f"agrees, but for {PLACES}" and ANSWERS not in {cause.level for cause in judged.differences}


def test_what_needs_nothing_unusual_stays_on_its_own() -> None:
    judged = Judgement("theirs")
    for step in ("send p0 a e0 s1 n1", "send p0 a e0 s0 n1"):
        script = parse(f"send p0 a e0 s0 n1; {step}")
        kafka, theirs = ((StepOutcome(0, 0), second) for second in (StepOutcome(0, 1), StepOutcome(47)))
        judged.take(Comparison(script, ScriptOutcome(kafka), ScriptOutcome(theirs)))
    judged.settle(lambda one: one.found[0])
    assert len(judged.by_number()) == 2


def test_what_does_not_happen_again_counts_for_nothing() -> None:
    judged = Judgement("slow")
    judged.take(after_a_fence("send p0 a e0 s1 n1"))
    judged.settle(lambda one: None)
    assert judged.once == 1 and not judged.differences and judged.verdict("D1") == "agrees"


def test_an_api_that_is_not_served_is_not_supported() -> None:
    """As librdkafka's mock does: no CreateTopics, topics of two partitions when somebody asks, no DeleteRecords."""
    delete_records, create_topics, delete_topics = 21, 19, 20
    with EmbeddedBroker(auto_create_topics=True) as broker, beside(broker) as (kafka, theirs):
        for api in (delete_records, create_topics, delete_topics):
            del theirs.client.versions[api]
        judged = judge(kafka, theirs, [parse("send p0 a e0 s0 n1; delete p0 1"), parse("send p0 a e0 s0 n1")], "mock")
    assert judged.verdict("delete") == "not supported" and judged.verdict("D16") == "agrees"


def test_a_broker_that_makes_no_topics_is_one_sentence() -> None:
    with EmbeddedBroker() as broker, beside(broker) as (kafka, theirs):
        del theirs.client.versions[19]
        theirs.patience = 0.2
        with pytest.raises(LessonError, match="makes no topic when it is asked"):
            judge(kafka, theirs, [parse("send p0 a e0 s0 n1")], "none")


def test_both_are_asked_in_the_same_versions() -> None:
    """Older ones have other error codes, which would look like a difference."""
    end_txn = 26
    with EmbeddedBroker() as broker, beside(broker) as (kafka, theirs):
        theirs.highest[end_txn] = 1
        in_step(kafka, theirs)
        judged = judge(kafka, theirs, [parse("init X; add X p0 e+0; commit X e+1")], "old")
    assert kafka.highest[end_txn] == 1 and not judged.differences


def garbage_instead_of(api: int, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's answers to one API arrive as bytes that are no message."""
    receive = RawClient.receive

    def garbled(client: RawClient) -> Any:
        asked, version = client._waiting[0][1:]
        answer = receive(client)
        wrong = client.address == broker.address and asked == api
        return messages.decode_response(asked, version, b"\xff" * 80) if wrong else answer
    monkeypatch.setattr(RawClient, "receive", garbled)


PRODUCE, FETCH, CREATE_TOPICS = 0, 1, 19


def test_a_broker_that_answers_garbage_is_not_said_to_close_the_connection(monkeypatch: pytest.MonkeyPatch,
                                                                           tmp_path: Path,
                                                                           capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        garbage_instead_of(PRODUCE, broker, monkeypatch)
        assert main([broker.address, "--html", str(tmp_path / "page.html"), "--replay",
                     "init X; add X p0 e+0; send p0 - n1; send p0 - n2"]) == 1
    said = capsys.readouterr().out
    assert "Apache Kafka ok, this broker garbage" in said and "closed the connection" not in said
    assert re.search(r"^D18 +\d+ +differs, \d+ times", said, re.MULTILINE), "not supported is something else"
    assert "the broker answered garbage, which is no answer of Kafka's protocol" in said


def test_garbage_at_the_end_is_told_of_no_step(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        garbage_instead_of(FETCH, broker, monkeypatch)
        assert main([broker.address, "--replay", "send p0 - n1"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^D18 +1 +agrees ", said, re.MULTILINE) and "   1. send p0 - n1  ok, offset 0, log start 0\n" in said
    assert "≠ asked what is left: told  |  the broker answered garbage" in said


def test_garbage_before_the_first_step_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker:
        garbage_instead_of(CREATE_TOPICS, broker, monkeypatch)
        with pytest.raises(LessonError, match="can't be judged: when it was asked for a topic.* answered garbage"):
            main([broker.address, "--count", "3"])


@pytest.mark.parametrize(("argv", "words"), [
    (["--count", "0"], "--count 0 judges nothing; give at least 1."), (["--count", "-3"], "--count -3 judges nothing; give at least 1."),
    (["--rule", "9.9"], "The rules of Kafka 9.9 are not known here; the newest that are known are those of 4.5."),
    (["--rule", "new"], "'new' is not a Kafka release")])
def test_what_judges_nothing_is_one_sentence_and_status_2(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        assert command(["judge", broker.address, *argv]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(words) and not printed.out


def test_a_time_of_another_day_is_told_as_it_came() -> None:
    """librdkafka's mock gives every batch the time 0."""
    played = PlayedScript(parse("send p0 - n1"), "t", 0, 1_795_973_316_351)
    times = (-1, 0, 1_795_973_316_351, 1_795_973_316_353)
    assert [played.distance(time) for time in times] == ["", "0 ms since 1970", "+0", "+2"]


def test_one_script_is_played_again(capsys: pytest.CaptureFixture[str]) -> None:
    with broker_with(never_fences) as broker:
        assert main([broker.address, "--replay", "send p0 a e1 s0 n1; send p0 a e0 s0 n1"]) == 1
        assert "≠  2. send p0 a e0 s0 n1  error 47, log start 0  |  ok, offset 1, log start 0" in capsys.readouterr().out
        assert main([broker.address, "--replay", "send p0 a e1 s0 n1"]) == 0


def test_whoever_answers_at_the_address_in_the_environment_is_not_called_apache_kafka(monkeypatch: pytest.MonkeyPatch,
                                                                                     capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.address)
        assert main(["--count", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"the broker at {broker.address}, judged by the rule of Kafka 4.4")


def test_each_difference_has_its_picture(tmp_path: Path) -> None:
    with broker_with(never_fences) as broker:
        main([broker.address, "--name", "theirs", "--html", str(tmp_path / "judged.html"), "--replay",
              "send p0 a e1 s0 n1; send p0 a e0 s0 n1"])
    page = (tmp_path / "judged.html").read_text()
    drawn = base64.b64decode(re.search(r"base64,([^\"]*)", page)[1]).decode()
    assert page.count('class="lesson-picture"') == 1 and "Apache Kafka" in drawn and "heirs" in drawn and "stored" in drawn
    assert "fenced" in drawn and not re.search(r"""(?:src|href)=["']?https?:""", page)


def many_differences() -> Judgement:
    """Two causes, one of them in two forms."""
    judged = Judgement("theirs")
    for step in ("send p0 a e0 s1 n1", "send p0 a e0 s1 n1", "send p0 a e0 s0 n1"):
        judged.take(after_a_fence(step))
    judged.take(near_the_wrap(45, 0, "send p0 a e0 s0 n1", "send p0 a e0 s2 n1"))
    judged.settle(lambda one: one.found[0])
    return judged


def test_every_form_of_every_difference_has_its_script_and_its_picture() -> None:
    judged = many_differences()
    said, shown = "\n".join(told(judged)), page(judged, "theirs")
    assert "1. Which epoch of a producer is the newest: 1 cause in 2 forms\n" in said
    assert "Difference 1.1, 3 times, in 2 forms: answer, D1" in said and "  counted with it, 1 time: answer, D2" in said
    assert "2. Sequences and duplicates: 1 cause\n" in said and "Difference 2.1, 1 time: answer, D7" in said
    for one in judged.by_number():
        for form in one.forms:
            assert str(form.smallest.script) in said and str(form.smallest.script) in shown
    assert shown.count('class="lesson-picture"') == 3 and shown.count("<details><summary>counted with it") == 1


def test_a_page_has_room_for_the_causes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_tools.conformance.presentation.MOST_DRAWN", 2)
    shown = page(many_differences(), "theirs")
    assert shown.count('class="lesson-picture"') == 2
    folded = shown.split("<details><summary>counted with it")[1].split("</details>")[0]
    assert "No picture: the page has 2 already." in folded and "send p0 a e1 s5 n1; send p0 a e0 s0 n1" in folded


def test_the_leaders_memory_is_told_apart_by_what_differs_in_it() -> None:
    judged, script = Judgement("theirs"), parse("send p0 a e0 s0 n1")
    kafka = "a e0 last 0, time +0, marker seen"
    others = "a e1 last 0, time +0, marker seen", "a e0 last 1, time +0", "a e0 last 0, time clock, marker seen", "a e0 last 0, time +0"
    for theirs in others:
        ends = (EndState(0, 1, 1, (), (), (), (memory,)) for memory in (kafka, theirs))
        judged.take(Comparison(script, *(ScriptOutcome((StepOutcome(0, 0),), (end,)) for end in ends)))
    assert [cause.row for cause in judged.differences] == [f"producers, {what}" for what in (
        "the epoch", "the last sequence", "the time", "whether a marker was seen")]


def test_what_is_kept_is_looked_at_where_all_answers_agree(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        original = broker.cluster.now
        broker.cluster.now = lambda: original() + 5_000_000  # type: ignore[method-assign]
        status = main([broker.address, "--count", "60"])
    said = capsys.readouterr().out
    assert "answer, " not in said and status == int("Difference 1" in said)


@pytest.mark.parametrize(("argv", "words"), [(["127.0.0.1:1"], "No broker answers at 127.0.0.1:1"), (["here"], "is not host:port")])
def test_no_broker_is_one_sentence(argv: list[str], words: str) -> None:
    with pytest.raises(LessonError, match=re.escape(words)):
        main(argv)


@pytest.mark.kafka
def test_apache_kafka_is_not_accused(kafka_address: str, kafka_version: str, capsys: pytest.CaptureFixture[str]) -> None:
    release = ".".join(kafka_version.split(".")[:2])
    assert main([kafka_address, "--name", "Apache Kafka", "--count", "100", "--seed", "7", "--rule", release]) == 0, capsys.readouterr().out


def test_it_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progress(20)
    for _ in range(20):
        bar.add(found=2)
    bar.shortens(2)
    bar.shortens(2)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" histories")[0] for line in lines[:10]] == [f"{n} of 20" for n in range(2, 21, 2)]
    assert lines[10:] == [f"looking for the shortest script of difference {n} of 2" for n in (1, 2)]
