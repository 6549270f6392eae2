"""What stands above two runs: each is called by what differs, nothing is said twice, and nothing is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lesson_lib.draw import compare
from lesson_lib.draw.heading import Heading, names_by_faults, names_of, script_words, small_print, wrap
from lesson_lib.draw.picture import LAYOUTS
from lesson_lib.explorer.wrong_brokers import BufferAndSort
from lesson_lib.faults import NAMES, parse_script
from lesson_lib.history import History
from lesson_lib.sim import simulate
from tests.draw.collisions import labels, unreadable

BURST: dict[str, Any] = {"client": "java", "in_flight": 5}


@pytest.mark.parametrize(("script", "words"), [
    ("", "no fault"), ("2: lose ack", "ack lost at request 2"), ("1+: lose request", "every request lost"),
    ("3+: lose ack", "ack lost at request 3 and all later ones"), ("1-4: lose ack silently", "ack lost silently at requests 1 to 4"),
    ("1: cut 3 0; 4: fail over", "cut with 3 handled and 0 answered at request 1, broker failed over before request 4"),
    ("delivery timeout of batch 0", "faults: delivery timeout of batch 0")])
def test_a_script_in_words(script: str, words: str) -> None:
    assert script_words(script) == words


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_has_words(name: str) -> None:
    number = {"refuse": " 19", "store and answer": " 20", "delay": " 250", "cut": " 3 1"}.get(name, "")
    words = script_words(str(parse_script({2: name + number})))
    assert words.endswith(" request 2") and "{" not in words and all(n in words for n in number.split())


@pytest.mark.parametrize(("one", "other", "names"), [
    ("2: lose ack", "2: lose request", ("ack lost at request 2", "request lost at request 2")),
    ("1: cut 3 0; 4: fail over", "1: cut 3 0; 4: restart broker",
     ("broker failed over before request 4", "broker restarted before request 4")),
    ("2: lose ack", "", ("ack lost at request 2", "no fault")),
    ("2: lose ack", "2: lose ack; 3: restart broker", ("only ack lost at request 2", "broker restarted before request 3"))])
def test_two_scripts_are_called_by_the_lines_that_differ(one: str, other: str, names: tuple[str, str]) -> None:
    assert names_by_faults(one, other) == names and names_by_faults(other, one) == names[::-1]


def test_two_runs_are_called_by_the_first_setting_that_differs() -> None:
    def names(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
        return names_of([simulate(**{"values_or_count": 4} | settings) for settings in (one, other)])
    assert names({"idempotence": False, "acks": 0}, {"idempotence": False, "acks": 1}) == ["acks=0", "acks=1"]
    assert names({"faults": {2: "lose ack"}}, {"faults": {2: "lose request"}}) == ["Ack lost at request 2", "Request lost at request 2"]
    assert names({"consumer": {"commit": "after"}}, {"consumer": {"commit": "before", "isolation": "read_committed"}}) == [
        "Consumer commits after handling", "Consumer commits before handling, read_committed"]
    assert names({"consumer": {"commit": "never"}}, {}) == ["Consumer never commits", "No consumer"]
    assert names({}, {"values_or_count": 1}) == ["4 batches", "1 batch"] and names({}, {}) == ["First run", "Second run"]


@pytest.mark.parametrize(("broker", "words"), [
    ("4.4", "real client, embedded broker 4.4"), ("127.0.0.1:9092", "real client, 127.0.0.1:9092"),
    ("Apache Kafka 4.4.0", "real client, Apache Kafka 4.4.0")])
def test_an_address_is_not_called_the_embedded_broker(broker: str, words: str) -> None:
    run = simulate(1)
    real = History(run.events, run.logs, replace(run.settings, world="real", broker=broker))
    assert words in small_print(real, "").split("  ·  ")


def test_the_small_print_leaves_out_what_the_name_says() -> None:
    lost = simulate(3, faults={2: "lose ack"}, consumer=True)
    assert small_print(lost, "Ack lost at request 2").split("  ·  ") == [
        "idempotence on", "acks=all", "1 in flight", "consumer commits after handling", "simulated, Kafka 4.4"]
    assert small_print(lost, "Broker restarted before request 3").endswith("faults: 2: lose ack")
    assert "simulated  ·" in small_print(lost, "Kafka 4.4") and "acks" not in small_print(lost, "acks=all")
    wrong = simulate(2, rule=BufferAndSort())
    assert small_print(wrong, "A broker with another rule") == "idempotence on  ·  acks=all  ·  1 in flight  ·  simulated  ·  faults: none"


def test_the_fault_is_said_once() -> None:
    picture = compare(simulate(3, faults={2: "lose ack"}), simulate(3, faults={2: "lose request"}))
    assert "Ack lost at request 2: A producer" in picture.alt and "lose" not in picture.alt + "".join(picture.playing.captions)
    assert "Request lost at request 2: The request with batch 1 is lost: it never reaches the broker." in picture.playing.captions
    assert not [label.text for label in labels(picture.canvas) if "lose" in label.text]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_long_headings_have_more_lines_and_nothing_is_cut(layout: str) -> None:
    many = {1: "refuse 19", 2: "refuse 6", 3: "lose request", 5: "lose ack", 7: "store and answer 20", 9: "delay 250"}
    few = {1: "refuse 19", 2: "refuse 6", 3: "lose request", 5: "lose request", 8: "store and answer 20", 10: "delay 250"}
    runs = [simulate(5, faults=faults, consumer={"isolation": "read_committed"}) for faults in (many, few)]
    assert Heading(runs[0], names_of(runs)[0], 1000).height > Heading(simulate(1), "", 1000).height
    picture = compare(*runs, layout)
    texts = " ".join(label.text for label in labels(picture.canvas))
    assert texts.count("read_committed") == 2
    assert f"faults: {runs[0].settings.faults}" in texts and runs[1].settings.faults in texts
    assert unreadable(picture.canvas) == []


def test_no_line_begins_with_a_number() -> None:
    said = "The application is told: batch 0 ok, offset 0. Producer 2 sends batch 12, sequences 3..5."
    for width in range(60, 400, 7):
        lines = wrap(said, width)
        assert " ".join(lines) == said and not [line for line in lines if line[0].isdigit()]
    assert len(wrap(said, 60)) > len(wrap(said, 300)) > 1 and wrap("", 60) == [""]
