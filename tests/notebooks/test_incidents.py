"""`incidents.md`: every line of it runs and shows what it says, and what it says of real clients has a test on them."""

from __future__ import annotations

import doctest
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from kafka.errors import KafkaError

from course_tools.publish import incidents
from lesson_lib.lab.lab import start_lab

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "notebooks" / "incidents.md"
TEXT = PAGE.read_text(encoding="utf-8")
ENTRIES = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
CITED = {14}  # what a broker with access control answers is nowhere run here
# Entry -> where its claim is tested: on the real client that it names, or on Apache Kafka where it is about a broker.
TESTED = {
    1: "facts/test_lesson_06.py::test_librdkafka_raises_the_epoch_of_all_partitions",
    2: "facts/test_lesson_06.py::test_librdkafka_tells_ok_for_the_record_that_is_not_there",
    3: "facts/test_lesson_06.py::test_who_the_hole_hits",
    4: "course_tools/trace/test_other_clients.py::test_franz_go_is_told_ok_for_a_record_that_is_not_there",
    5: "notebooks/test_incidents.py::test_one_refused_record_fails_all_later_ones",
    6: "facts/test_lesson_05.py::test_kafka_python_sends_nothing_more_once_a_retry_expired",
    7: "facts/test_lesson_06.py::test_what_each_client_does_with_45",
    8: "sim/test_expired_in_flight.py::test_librdkafka_sends_what_was_in_flight_with_it_in_a_new_epoch",
    9: "facts/test_lesson_07.py::test_java_that_was_only_too_slow_aborts_and_goes_on",
    10: "facts/test_lesson_07.py::test_a_late_batch_opens_a_transaction_that_nobody_ends",
    11: "facts/test_lesson_06.py::test_a_topic_that_was_made_again_knows_nobody",
    12: "explorer/test_wrong_brokers.py::test_what_a_wrong_belief_costs",
    13: "facts/test_lesson_06.py::test_after_2147483647_comes_0",
    15: "facts/test_lesson_05.py::test_three_lives_are_three_ids",
}


def test_every_line_shows_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    tests = doctest.DocTestParser().get_doctest("\n".join(re.findall(r"```pycon\n(.*?)```", TEXT, re.DOTALL)), {}, PAGE.name, None, 0)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    told: list[str] = []
    runner.run(tests, out=told.append)
    assert runner.tries >= 20 and runner.failures == 0, "".join(told)


def test_the_book_shows_the_picture_of_each_entry_behind_its_lines() -> None:
    cells = incidents.with_pictures(TEXT)
    drawn = [number for number, cell in enumerate(cells) if cell.cell_type == "code"]
    assert len(drawn) == len(ENTRIES) and cells[-1].cell_type == "markdown"
    for entry, number in zip(ENTRIES, drawn, strict=True):
        assert cells[number - 1].source.rpartition("## ")[2].startswith(entry[:20]), "it stands in its own entry"
        assert 'class="lesson-picture"' in cells[number].outputs[0].data["text/html"]
    assert "".join(cell.source for cell in cells) == TEXT, "nothing of the text is lost"


def test_the_sites_notebook_runs_and_shows_what_the_page_says() -> None:
    code = [cell.source for cell in incidents.to_run(TEXT).cells if cell.cell_type == "code"]
    assert sum(source.endswith("\npicture") for source in code) == len(ENTRIES) and not any(">>>" in source for source in code)
    names: dict[str, object] = {}
    with redirect_stdout(io.StringIO()) as told:
        for source in code:
            exec(source, names)
    assert "['m1', 'm3', 'm5', 'm5']" in told.getvalue() and "stored at offset 0 refused: 45" in told.getvalue()


def test_each_entry_has_a_symptom_lines_a_picture_versions_an_end_and_a_reference() -> None:
    numbers = [int(entry.split(".")[0]) for entry in ENTRIES]
    assert numbers == list(range(1, len(ENTRIES) + 1)) and len(numbers) >= 12
    for entry in ENTRIES:
        for part in (">>> picture = ", "**What ends it**", "**Versions**", "**Reference**"):
            assert entry.count(part) == 1, (entry[:60], part)


@pytest.mark.kafka
def test_one_refused_record_fails_all_later_ones(kafka_address: str) -> None:
    """kafka-python itself: in virtual time, and with a record that Apache Kafka refuses because it is too large."""
    lab = start_lab("embedded", world="virtual")
    run = lab.run(4, faults={2: "refuse 10"})
    assert run.told == {0: "ok", 1: "failed", 2: "failed", 3: "failed"} and set(run.exceptions.values()) == {"MessageSizeTooLargeError"}
    lab = start_lab(kafka_address)
    topic, told = lab.topic("large"), list[str]()
    with lab.producer(max_request_size=4_000_000) as producer:
        for value in (b"a", bytes(2_000_000), b"b", b"c"):
            try:
                producer.send(topic, value).get(30)
                told.append("ok")
            except KafkaError as error:
                told.append(type(error).__name__)
    lab.stop()
    assert told == ["ok", *["MessageSizeTooLargeError"] * 3]


@pytest.mark.parametrize("number", sorted(set(range(1, len(ENTRIES) + 1)) - CITED))
def test_its_claim_is_tested(number: int) -> None:
    path, _, name = TESTED[number].partition("::")
    assert re.search(rf"^def {name}\b", (ROOT / "tests" / path).read_text(encoding="utf-8"), re.MULTILINE), TESTED[number]
