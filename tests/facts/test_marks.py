"""What looks like a statement is found, in text that nobody has tagged; what states nothing is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .marks import NO_STATEMENT, marked, speaks_of
from .register import all_cells, all_markers, complaints
from .sentences import sentences, text_of


@pytest.mark.parametrize("text", [
    "It did so up to 4.5.",
    "This was different in 3.0.12, and better.",
    "In aiokafka it is off.",
    "The Java client waits.",
    "Set `enable.idempotence` and it holds.",
    "`max_in_flight_requests_per_connection=6` switches it off.",
    "`transaction.timeout.ms` bounds it.",
    "Then OUT_OF_ORDER_SEQUENCE_NUMBER comes back.",
    "The answer is error 45.",
    "You get a `ProducerFencedError`.",
    "The broker stores it twice.",
    "A new leader never forgets.",
    "Brokers that crash lose nothing: no broker asks.",
    "The transaction coordinator aborts it.",
    "Kafka also orders them.",
    "Consumers read what was aborted.",
    "Old clients that crash never come back.",
    "Kafka's `send` appends.",
    "- first\n- the broker refuses it\n",
    "| `acks` | x |",
    "# A broker remembers five",
    "It is so, whoever asks. The coordinator will wait.",
    "```python\nsend()  # the broker keeps it\n```",
])
def test_a_statement_without_a_tag_is_noticed(text: str) -> None:
    assert marked(text)


@pytest.mark.parametrize("text", [
    "What does the broker store?",
    "Look at what the broker stores.",
    "> The broker stores the highest sequence number seen.",
    "The page says \"the broker stores it\".",
    "By the end you can\n\n- say what the broker stores;\n- name `acks`.\n",
    "```java\nprops.put(\"retries\", \"3\");\n```",
    "A picture of the broker, and of brokers in a row.",
    "Lesson 4 of 7, about 15 minutes.",
    "`lab.stop` ends it.",
])
def test_what_states_nothing_is_left_alone(text: str) -> None:
    assert marked(text) == []


def test_goals_end_where_their_list_ends() -> None:
    assert sentences("By the end you can\n\n- say it.\n\nThe broker stores it.") == ["The broker stores it."]


def test_what_is_excused_is_excused() -> None:
    assert all(marked(f"{sentence}\n\nThe broker stores it.") == [("The broker stores it.", [])] for sentence in NO_STATEMENT)


@pytest.mark.parametrize(("source", "name", "spoken"), [
    ("enable_idempotence=True", "`enable.idempotence`", True), ("acks", "`acks=1`", True), ("tracks", "`acks`", False),
    ("refuse 45", "error 45", True), ("refuse 450", "error 45", False), ("before_4_5", "4.5", False), ("4.5", "4.5", True),
    ("4.5", "4.51", False), ("14.5", "4.5", False), ("4.5.1", "4.5", True), ("confluent_kafka", "confluent-kafka", True),
])
def test_what_speaks_of_a_name(source: str, name: str, spoken: bool) -> None:
    assert speaks_of(source, name) is spoken


def test_a_new_sentence_in_any_cell_is_noticed() -> None:
    """A name that no test speaks of is noticed whatever tags a cell has."""
    new = "Since 9.8 librdkafka does without `linger.ms`."
    found = complaints([replace(c, text=f"{c.text}\n\n{new}") for c in all_cells()], all_markers())
    assert [complaint.partition(":")[0] for complaint in found if complaint.endswith(new)] == [cell.id for cell in all_cells()]


def test_a_question_says_what_is_said_of_its_options() -> None:
    text = text_of('choice = question("5.scope")  # a comment', "code")
    assert {"a comment", "no consumer checks sequences."} <= set(sentences(text))
