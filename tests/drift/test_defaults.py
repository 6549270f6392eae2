"""Defaults that the lessons state, held against the installed client and a running Apache Kafka, and the versions that they name.

`make drift` runs this with the other tests that measure facts, on the pinned versions or on any others.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource

from lesson_lib.core.kafka_version import DEFAULT_VERSION
from lesson_lib.lab.compose import read_compose

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("0[1-9]-*.ipynb"))
CONTENT = sorted((ROOT / "lesson_lib" / "teach" / "lessons").glob("*.py"))

PRODUCER = [
    ("enable_idempotence", True, "lesson 4: on by default since kafka-python 3.0"),
    ("acks", -1, "lesson 4: no acks of its own takes all"),
    ("retries", math.inf, "lesson 5: retries stays at its maximum"),
    ("delivery_timeout_ms", 120_000, "lesson 5: two minutes by default"),
    ("max_in_flight_requests_per_connection", 5, "lesson 4: more than five switches idempotence off"),
    ("transaction_timeout_ms", 60_000, "lesson 7: one minute by default"),
]
BROKER = [
    ("producer.id.expiration.ms", 24 * 60 * 60 * 1000, "lesson 6: an id is forgotten when its newest record is a day old"),
    ("transaction.max.timeout.ms", 15 * 60 * 1000, "lesson 7: a transaction cannot be kept open for ever"),
]


@pytest.mark.parametrize(("name", "value", "said"), PRODUCER, ids=[name for name, _, _ in PRODUCER])
@pytest.mark.fact("delivery-timeout-two-minutes", "retries-at-maximum")
def test_a_default_of_the_producer(name: str, value: Any, said: str) -> None:
    """`retries` stays at its maximum; `delivery.timeout.ms` is two minutes by default; the others as said beside each."""
    assert KafkaProducer.DEFAULT_CONFIG[name] == value, said


@pytest.mark.fact("read-uncommitted-is-default")
def test_consumers_show_what_was_aborted_unless_told_otherwise() -> None:
    """`read_committed` is not the default."""
    assert KafkaConsumer.DEFAULT_CONFIG["isolation_level"] == "read_uncommitted", "lesson 7"


@pytest.mark.kafka
@pytest.mark.parametrize(("name", "value", "said"), BROKER, ids=[name for name, _, _ in BROKER])
@pytest.mark.fact("id-forgotten-after-a-day")
def test_a_default_of_the_broker(kafka_address: str, name: str, value: int, said: str) -> None:
    """`producer.id.expiration.ms`, 24 hours by default; the other as said beside it."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    try:
        node = str(admin.describe_cluster()["brokers"][0]["broker_id"])
        found = admin.describe_configs([ConfigResource("broker", node, [name])], config_filter="all")["broker"][node][name]
    finally:
        admin.close()
    assert int(found["value"]) == value, said


@pytest.mark.kafka
@pytest.mark.fact("new-clusters-have-version-2")
def test_a_new_cluster_has_the_second_version_of_transactions(kafka_address: str) -> None:
    """Lesson 7: KIP-890 is the default of new 4.x clusters."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    try:
        assert admin.describe_features()["transaction.version"]["finalized"] == (2, 2)
    finally:
        admin.close()


def prose(path: Path) -> str:
    """The text of a module, or of all cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    return "\n".join("".join(c["source"]) for c in json.loads(text)["cells"]) if path.suffix == ".ipynb" else text


@pytest.mark.parametrize("path", [*NOTEBOOKS, *CONTENT], ids=lambda path: path.stem)
def test_a_lesson_that_names_a_version_of_the_client_names_the_locked_one(path: Path) -> None:
    """`kafka-python` with three numbers is the one that everything was measured with."""
    for version in re.findall(r"kafka-python`? (\d+\.\d+\.\d+)", prose(path)):
        assert f"kafka-python=={version} " in LOCK


def test_the_rule_is_that_of_the_pinned_broker() -> None:
    assert read_compose().version.startswith(f"{DEFAULT_VERSION}.")


def test_a_client_that_behaves_differently_is_noticed(tmp_path: Path) -> None:
    """The tests above, with a kafka-python in which somebody changed two defaults."""
    (tmp_path / "sitecustomize.py").write_text(
        "from kafka import KafkaConsumer, KafkaProducer\n"
        "KafkaProducer.DEFAULT_CONFIG['enable_idempotence'] = False\n"
        "KafkaConsumer.DEFAULT_CONFIG['isolation_level'] = 'read_committed'\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "default_of_the_producer or aborted", __file__]
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert run.returncode == 1
    assert "2 failed, 5 passed" in run.stdout, run.stdout


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_table_of_what_is_pinned_says_what_is_pinned(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    kafka, client = (re.findall(rf"{what} (\d+\.\d+\.\d+)", text)[0] for what in ("Apache Kafka", "kafka-python"))
    assert kafka == read_compose().version
    assert f"kafka-python=={client} " in LOCK
