"""The committed page of how clients differ, held against the clients: every experiment again, every cell the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from course_tools.clients import command as clients
from course_tools.clients.driver import ClientDriver, SendPlan
from course_tools.clients.experiments import EXPERIMENTS, ClientBench, Experiment
from lesson_lib.__main__ import main
from lesson_lib.lab.lab import Lab, start_lab


def columns_of(text: str) -> dict[str, dict[str, str]]:
    """Client with its version -> question -> cell, of a page."""
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines()
                      if line.startswith("|")]
    return {client: {cells[0]: cells[place] for cells in rows}
            for place, client in enumerate(head, start=len(rows[0]) - len(head))}


ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "notebooks" / "clients-compared.md").read_text(encoding="utf-8")
COLUMNS = columns_of(PAGE)
CLIENTS = [pytest.param(name, marks=pytest.mark.java) if name == "Java" else name for name in clients.NAMES]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The broker that the page names."""
    lab = start_lab("embedded")
    yield lab
    lab.stop()


@pytest.fixture(scope="module", params=CLIENTS)
def bench(lab: Lab, request: pytest.FixtureRequest) -> Iterator[ClientBench]:
    """One client after the other."""
    if what := clients.missing(request.param):
        pytest.skip(f"needs {what}")
    with closing(clients.open_client(request.param)) as client:
        yield ClientBench(lab, client)


def cells(name: str) -> dict[str, str]:
    """The column of a client, whatever its version."""
    return next(column for client, column in COLUMNS.items() if client.rpartition(" ")[0] == name)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.question)
def test_a_cell_is_what_the_client_does(bench: ClientBench, experiment: Experiment) -> None:
    assert experiment.answer(bench) == cells(bench.client.name)[experiment.question]


def test_the_page_names_the_versions_that_are_pinned() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for client, package in (("kafka-python", "kafka-python"), ("aiokafka", "aiokafka"), ("librdkafka", "confluent-kafka")):
        version = next(name for name in COLUMNS if name.startswith(f"{client} ")).rpartition(" ")[2]
        assert f"{package}=={version.rpartition('.')[0]}." in lock, "run `python -m lesson_lib clients > notebooks/clients-compared.md`"


def test_the_page_is_what_the_command_would_write() -> None:
    """But for the cells: heading, questions, order of the clients."""
    assert PAGE == clients.page({client: list(column.values()) for client, column in COLUMNS.items()},
                        "the embedded broker with the rules of Kafka 4.4", {})
    assert [client.rpartition(" ")[0] for client in COLUMNS] == list(clients.NAMES)
    assert all(list(column) == [one.question for one in EXPERIMENTS] for column in COLUMNS.values())


class Scripted(ClientDriver):
    """A kafka-python with another default, which knows of nothing but the address and the topic."""

    name, version, lacks = "kafka-python", "0.0", frozenset({"in_flight", "delivery_timeout_ms"})

    def send(self, order: SendPlan) -> list[str]:
        """See `ClientDriver`."""
        from kafka import KafkaProducer
        with closing(KafkaProducer(bootstrap_servers=order.address, enable_idempotence=False, retries=0)) as producer:
            producer.send(order.topic, b"m0", partition=0).get(5)
        return ["ok 0"] * sum(order.bursts)

def test_a_client_that_behaves_differently_is_noticed(lab: Lab) -> None:
    assert EXPERIMENTS[0].answer(ClientBench(lab, Scripted())) == "off" != cells("kafka-python")[EXPERIMENTS[0].question]


def test_lesson_4_does_not_contradict_the_page() -> None:
    """Its table of defaults has the history; what it says of today is what was measured."""
    lesson = json.loads((ROOT / "notebooks" / "04-switching-it-on.ipynb").read_text(encoding="utf-8"))
    told = "".join(next(cell for cell in lesson["cells"] if cell["id"] == "l04-default-rule")["source"])
    for name in clients.NAMES:
        said = next(line for line in told.splitlines() if line.startswith("|") and name in line.split("|")[1])
        assert (said.split("|")[2].strip() == "no") == (cells(name)[EXPERIMENTS[0].question] == "off"), said


def test_the_command_says_what_a_missing_client_would_take(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("course_tools.clients.command.missing", lambda name: "" if name == "kafka-python" else f"a {name}")
    monkeypatch.setattr("course_tools.clients.command.open_client", lambda name: Scripted())
    monkeypatch.setattr("course_tools.clients.command.EXPERIMENTS", EXPERIMENTS[:1])
    assert main(["clients"]) == 0
    printed = capsys.readouterr().out
    assert columns_of(printed) == {"kafka-python 0.0": {EXPERIMENTS[0].question: "off"}}
    assert "Not run here: Java. It takes a Java." in printed
