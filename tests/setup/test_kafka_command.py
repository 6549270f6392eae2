"""`python -m lesson_lib kafka up|down`: which way it takes, what it says, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from course_tools.apache_kafka import command, maven, process
from course_tools.apache_kafka.process import KafkaProcess, started
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe, requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic


@pytest.fixture
def port():
    """A port for a broker."""
    return probe.two_free_ports()


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A stand-in for docker on the path; the test gives the shell script that it runs. Each call is one line of a file."""

    def install(script: str):
        calls = tmp_path / "calls"
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return calls

    return install


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """The brokers of these tests have a state folder of their own, and the course's port counts as free."""
    folder = tmp_path / "state"
    (folder / "classpath").parent.mkdir()
    (folder / "classpath").symlink_to(maven.CACHE)
    maven.CACHE.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(command, "started", lambda: started(folder))
    monkeypatch.setattr(command, "KafkaProcess", lambda port: KafkaProcess(port, folder))
    return folder


@pytest.fixture
def pretend_to_be_kafka():
    """Starts a process whose command line names a broker's settings, with its id on file; ends it after the test."""
    sleepers = []

    def start(broker: KafkaProcess) -> subprocess.Popen:
        broker.folder.mkdir(parents=True)
        sleeper = subprocess.Popen([sys.executable, "-c", "input()", str(broker.settings)], stdin=subprocess.PIPE)
        sleepers.append(sleeper)
        # A command line can be read only a moment after the process has begun.
        while not process.command_line(sleeper.pid):
            assert sleeper.poll() is None
        (broker.folder / "pid").write_text(str(sleeper.pid))
        (broker.folder / "version").write_text("4.4.0")
        return sleeper

    yield start
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.communicate()


@pytest.mark.java
def test_the_real_kafka_starts_keeps_a_record_and_leaves_no_process(port, own_state, capsys):
    command.up(port=port)
    broker = KafkaProcess(port, own_state)
    pid = broker.pid()
    try:
        assert capsys.readouterr().out.startswith(f"Apache Kafka {read_compose().version} runs at 127.0.0.1:{port}")
        assert first_answers(broker.address) == [0, 0], "it returns when an idempotent producer can start, and send"
        assert send_and_read(broker.address, b"sent twice, stored once") == [b"sent twice, stored once"]
        command.up(port=port)
        assert "already runs" in capsys.readouterr().out
        assert broker.pid() == pid
    finally:
        command.down(port)
    assert capsys.readouterr().out == f"Stopped Apache Kafka: 127.0.0.1:{port}.\n"
    assert process.command_line(pid) == ""
    assert probe.is_free(port)
    assert not (broker.folder / "data").exists()


def first_answers(address: str) -> list[int]:
    """The errors that a producer id and a first batch are answered with, without a client that would try again."""
    with RawClient(address) as raw:
        given = raw.ask(requests.init_producer_id())
        make_topic(raw, "first")
        batch = batch_bytes([b"x"], producer_id=given.producer_id, producer_epoch=0, base_sequence=0)
        sent = raw.ask(requests.produce("first", 0, batch)).responses[0].partition_responses[0]
        return [given.error_code, sent.error_code]


def send_and_read(address: str, value: bytes) -> list[bytes]:
    """Create a topic, send one record with kafka-python, and read the topic."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic("try", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address)
    producer.send("try", value).get(timeout=30)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("try", 0)])
    records = [next(consumer).value]
    consumer.close()
    return records


@pytest.mark.java
def test_a_kafka_that_stops_while_starting_says_where_the_reason_is(port, own_state, monkeypatch):
    monkeypatch.setattr(process, "outside_a_container", lambda *_: broken_settings(*_))
    with pytest.raises(LessonError, match=r"format.log|/log\."):
        KafkaProcess(port, own_state).start(read_compose().version)
    assert KafkaProcess(port, own_state).pid() is None


def broken_settings(properties, data, port, host):
    """Settings that Kafka refuses."""
    return {**properties, "log.dirs": str(data), "process.roles": "teapot"}


@pytest.mark.parametrize("offset", [0, 1])
def test_a_taken_port_is_one_sentence(port, offset, own_state, monkeypatch):
    monkeypatch.setattr(maven, "java", lambda: "java")
    with socket.create_server(("127.0.0.1", port + offset)):
        with pytest.raises(LessonError, match=f"Port {port + offset} is taken by another program"):
            KafkaProcess(port, own_state).start("4.4.0")


def test_without_docker_and_java_it_says_which_of_the_two_to_install(port, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LessonError, match="install Docker, or Java 17"):
        command.up(port=port)


def test_without_maven_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LessonError, match="install Maven, or Docker"):
        maven.classpath(["a:b:1"], tmp_path)


@pytest.mark.java
def test_a_version_that_does_not_exist_is_one_sentence(tmp_path):
    with pytest.raises(LessonError, match="Maven could not fetch"):
        maven.classpath(["org.apache.kafka:kafka_2.13:0.0.0.1"], tmp_path)


@pytest.mark.parametrize(
    ("banner", "major"), [('openjdk version "17.0.15"', 17), ('java version "1.8.0_1"', 1), ('x "26"', 0)]
)
def test_java_versions(tmp_path, banner, major):
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    java.chmod(0o755)
    assert maven.java_version(str(java)) == major


def test_an_older_java_is_no_java(tmp_path, monkeypatch):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert maven.java() is None


def test_down_stops_the_process_that_up_had_started(pretend_to_be_kafka, port, own_state, capsys):
    sleeper = pretend_to_be_kafka(KafkaProcess(port, own_state))
    command.down()
    assert sleeper.wait(timeout=30) == -signal.SIGTERM
    assert capsys.readouterr().out == f"Stopped Apache Kafka: 127.0.0.1:{port}.\n"


def test_another_version_on_the_port_of_a_running_one_is_refused(pretend_to_be_kafka, port, own_state):
    pretend_to_be_kafka(KafkaProcess(port, own_state))
    with pytest.raises(
        LessonError, match=f"Apache Kafka 4.4.0 already runs at 127.0.0.1:{port}: choose another port for 3.9.1"
    ):
        command.up("3.9.1", port)


def test_down_leaves_a_process_alone_that_is_not_kafka(pretend_to_be_kafka, port, own_state, capsys):
    broker = KafkaProcess(port, own_state)
    pretend_to_be_kafka(broker).kill()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (broker.folder / "pid").write_text(str(stranger.pid))
        command.down()
        survived = stranger.poll() is None
        stranger.kill()
    assert survived
    assert capsys.readouterr().out == "No Apache Kafka of the course is running.\n"


def test_down_with_a_port_leaves_the_others(pretend_to_be_kafka, port, own_state):
    broker, other = KafkaProcess(port, own_state), KafkaProcess(port + 1, own_state)
    pretend_to_be_kafka(broker)
    left = pretend_to_be_kafka(other)
    command.down(port)
    assert broker.pid() is None
    assert other.pid() == left.pid


def test_with_an_engine_compose_starts_it_and_waits(docker, monkeypatch, capsys):
    calls = docker("exit 0")
    monkeypatch.setattr(probe, "is_free", lambda port: True)
    command.up()
    assert calls.read_text().splitlines()[-1].endswith("docker-compose.yml up --detach --wait")
    assert capsys.readouterr().out == f"Apache Kafka {read_compose().version} runs at 127.0.0.1:9092 (on Docker).\n"


def test_with_an_engine_a_second_up_changes_nothing(docker, capsys):
    calls = docker('case "$*" in *" ps "*) echo 0123abcd;; esac')
    command.up()
    assert not any(" up " in call for call in calls.read_text().splitlines())
    assert "already runs" in capsys.readouterr().out


def test_with_an_engine_down_stops_the_compose_project(docker, capsys):
    calls = docker('case "$*" in *" ps "*) echo 0123abcd;; esac')
    command.down()
    assert calls.read_text().splitlines()[-1].endswith("docker-compose.yml down")
    assert capsys.readouterr().out == "Stopped Apache Kafka: Docker Compose.\n"


def test_what_docker_refuses_is_one_sentence(docker, monkeypatch):
    docker('case "$*" in *" up "*) echo pull access denied >&2; exit 1;; esac')
    monkeypatch.setattr(probe, "is_free", lambda port: True)
    with pytest.raises(LessonError, match="^docker compose up failed: pull access denied$"):
        command.up()


@pytest.mark.parametrize("script", ["exit 1", 'case "$*" in compose*) exit 1;; esac'])
def test_without_an_engine_or_compose_java_takes_over(docker, script, monkeypatch, port):
    docker(script)
    monkeypatch.setattr(command, "read_compose", lambda: read_compose_at(port))
    versions = []
    monkeypatch.setattr(KafkaProcess, "start", lambda self, version: versions.append((self.port, version)))
    monkeypatch.setattr(maven, "java", lambda: "java")
    command.up()
    assert versions == [(port, read_compose().version)]


def read_compose_at(port: int):
    """What docker-compose.yml says, on another port."""
    compose = read_compose()
    return type(compose)(compose.version, compose.host, port, compose.environment)
