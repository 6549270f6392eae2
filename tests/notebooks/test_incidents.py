"""`incidents.md`: every line of it runs and shows what it says, and what it says of real clients has a test on them."""

from __future__ import annotations

import doctest
import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaError

from course_tools.publish import incidents
from lesson_lib.lab.lab import start_lab

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "notebooks" / "incidents.md"
TEXT = PAGE.read_text(encoding="utf-8")
ENTRIES = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
CITED = {14}  # what a broker with access control answers is nowhere run here


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


@pytest.mark.incident(5, "dpkp/kafka-python issue 2426")
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


def tagged() -> dict[int, str]:
    """Entry -> the reference that its test is tagged with: `@pytest.mark.incident(4, "twmb/franz-go issue 1217")`."""
    found = [re.findall(r'^@pytest.mark.incident\((\d+), "(.+)"\)$', path.read_text(encoding="utf-8"), re.MULTILINE)
             for path in (ROOT / "tests").rglob("test_*.py")]
    return {int(number): reference for tags in found for number, reference in tags}


def test_each_claim_is_tested_under_its_reference() -> None:
    """On the real client that an entry names, or on Apache Kafka where it is about a broker."""
    tags = tagged()
    assert tags.keys() == set(range(1, len(ENTRIES) + 1)) - CITED
    for number, reference in tags.items():
        assert reference in ENTRIES[number - 1].rpartition("**Reference**")[2], (number, reference)


LINES = {entry.partition(".")[0]: line for entry in ENTRIES for line in re.findall(r"`start_lab\(\)(\.run\(.*?\))`", entry)}


@pytest.mark.parametrize("number", LINES)
def test_the_line_for_kafka_python_does_what_the_toy_does(number: str) -> None:
    """It is run in virtual time."""
    assert len(LINES) == 3
    entry, names = ENTRIES[int(number) - 1], dict[str, Any]()
    with redirect_stdout(io.StringIO()):
        lab = start_lab("embedded", world="virtual")
        real = eval(f"lab{LINES[number]}", {"lab": lab})
        lab.stop()
        exec("from lesson_lib import compare, show, simulate", names)
        exec("\n".join(one.source for one in doctest.DocTestParser().get_examples(entry)), names)
    toy = names["other"] if "other" in names else names["run"]
    assert (real.told, real.values()) == (toy.told, toy.values())
