"""docker-compose.yml: one Kafka of a fixed version, for this machine only, that says when it can be used."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from course_tools.apache_kafka.properties import outside_a_container, properties_from, property_name
from lesson_lib.lab.compose import COMPOSE_FILE, read_compose

SERVICES = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["services"]
KAFKA = SERVICES["kafka"]


def compose(*arguments: str) -> subprocess.CompletedProcess:
    """Run docker compose, which needs no engine to read a file; skip where it is not installed."""
    try:
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs docker compose: install Docker's Compose plugin")
    return subprocess.run(["docker", "compose", *arguments], capture_output=True, text=True, check=False)


def test_docker_compose_accepts_it():
    run = compose("--file", str(COMPOSE_FILE), "config", "--quiet")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_it_is_one_node_of_the_official_image_in_a_fixed_version():
    assert list(SERVICES) == ["kafka"]
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", KAFKA["image"])
    assert KAFKA["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"


def test_every_port_is_bound_to_this_machine_alone():
    assert all(port.startswith("127.0.0.1:") for port in KAFKA["ports"])


def test_clients_are_sent_to_the_address_that_is_published():
    compose = read_compose()
    advertised = KAFKA["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == f"PLAINTEXT://{compose.host}:{compose.port}"


def test_it_has_a_health_check_with_the_programs_of_the_image():
    command, *rest = KAFKA["healthcheck"]["test"]
    assert command == "CMD"
    assert rest[0].startswith("/opt/kafka/bin/kafka-")
    assert rest[-1] == "127.0.0.1:9092"


def test_nothing_waits_for_a_second_copy():
    properties = properties_from(KAFKA["environment"])
    replicated = {name: value for name, value in properties.items() if re.search(r"replication\.factor|min\.isr", name)}
    assert len(replicated) == 5
    assert set(replicated.values()) == {"1"}


def test_variables_become_properties_as_in_the_image():
    assert property_name("KAFKA_LOG_DIRS") == "log.dirs"
    assert property_name("KAFKA_A__B___C_D") == "a_b-c.d"


def test_what_configures_java_or_the_storage_is_no_property():
    environment = {"KAFKA_HEAP_OPTS": "-Xmx1g", "CLUSTER_ID": "x", "KAFKA_NODE_ID": "1", "PATH": "/bin"}
    assert properties_from(environment) == {"node.id": "1"}


def test_outside_a_container_only_the_addresses_and_the_folder_change(tmp_path):
    inside = properties_from(KAFKA["environment"])
    outside = outside_a_container(inside, tmp_path, 9092)
    changed = {name for name in outside if outside[name] != inside.get(name)}
    assert changed == {"log.dirs", "listeners"}
    assert outside["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"


def test_another_port_moves_everything_that_names_it(tmp_path):
    outside = outside_a_container(properties_from(KAFKA["environment"]), tmp_path, 29092)
    assert [name for name, value in outside.items() if ":9092" in value or ":9093" in value] == []
    assert outside["advertised.listeners"] == "PLAINTEXT://127.0.0.1:29092"
