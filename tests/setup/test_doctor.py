"""`python -m lesson_lib doctor` and the list of commands, with and without what they look for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from course_tools import doctor
from course_tools.apache_kafka import process
from course_tools.doctor import ROOT
from lesson_lib.__main__ import COMMANDS, main
from lesson_lib.wire import probe


def findings(items) -> list[tuple[str, str]]:
    """Findings as pairs."""
    return [(item.level, item.text) for item in items]


@pytest.fixture
def closed_port():
    """A port of this machine on which nothing listens while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_this_environment_can_run_the_lessons(monkeypatch, capsys):
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok    Python 3.")
    assert lines[1].endswith("all as in requirements.lock")
    assert any(line[6:].startswith("broker: ") for line in lines)


def test_it_runs_where_no_package_is_installed():
    run = subprocess.run(
        [sys.executable, "-S", "-m", "lesson_lib", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "STOP  packages are missing: crc32c, ipywidgets, jupyterlab, kafka-python, lz4 and " in run.stdout
    assert "Run make setup" in run.stdout
    assert run.stderr == ""


def test_an_old_python_is_told_before_anything_else(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert doctor.main([]) == 1
    assert "is too old: install 3.11 or newer" in capsys.readouterr().out


def test_a_package_in_another_version_is_a_note():
    lock = {**doctor.locked(), "kafka-python": "9.9"}
    [(level, text)] = findings(doctor.compare_packages(lock, doctor.needed()))
    assert level == "note"
    assert "kafka-python 3.0.12 (locked: 9.9)" in text


@pytest.mark.parametrize(("lessons", "level"), [({"not-there"}, "STOP"), ({"pytest"}, "note")])
def test_a_missing_package_stops_lessons_only_when_they_need_it(lessons, level):
    lock = {**doctor.locked(), "not-there": "1"}
    [(found, text)] = findings(doctor.compare_packages(lock, lessons))
    assert found == level
    assert "missing: not-there" in text


def test_the_lessons_need_what_pyproject_lists_first():
    codecs = {"lz4", "python-snappy", "zstandard"}
    assert doctor.needed() == {"jupyterlab", "ipywidgets", "matplotlib", "kafka-python", "crc32c", "pyyaml"} | codecs
    assert doctor.needed() <= doctor.locked().keys()


def test_a_chosen_broker_that_does_not_answer_stops(monkeypatch, closed_port):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{closed_port}")
    finding = doctor.broker()
    assert finding.level == "STOP"
    assert f"none answers at 127.0.0.1:{closed_port}" in finding.text


@pytest.mark.parametrize(("chosen", "told"), [("a:1, b:2", "broker: b:2 ("), ("compose", "broker: 127.0.0.1:9092 (")])
def test_a_list_and_the_word_compose_are_understood(monkeypatch, chosen, told):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", chosen)
    monkeypatch.setattr(probe, "is_usable", lambda host, port: (host, port) != ("a", 1))
    monkeypatch.setattr(doctor, "version_at", lambda address: "Apache Kafka")
    finding = doctor.broker()
    assert finding.level == "ok"
    assert finding.text.startswith(told)


def test_the_embedded_broker_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "embedded")
    assert findings([doctor.broker()]) == [("ok", "broker: embedded, as KAFKA_BOOTSTRAP_SERVERS says")]


def test_an_address_that_is_none_stops(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "my broker")
    assert doctor.broker().level == "STOP"
    assert "must be host:port" in doctor.broker().text


def test_without_a_broker_the_embedded_one_is_named(monkeypatch):
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setattr(probe, "is_usable", lambda host, port: False)
    assert findings([doctor.broker()]) == [
        ("ok", "broker: embedded. None at 127.0.0.1:9092; make kafka starts Apache Kafka there")
    ]


@pytest.mark.kafka
def test_the_version_of_a_running_kafka_is_told(monkeypatch, kafka_address):
    monkeypatch.setattr(process, "started", lambda: [])
    assert "speaks the protocol of Kafka 4." in doctor.version_at(kafka_address)


def test_a_taken_lab_port_is_a_note(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(doctor, "LAB_PORT", server.getsockname()[1])
        assert doctor.lab_port().level == "note"


@pytest.mark.parametrize("engine", [None, "exit 1", "exit 0"])
def test_docker(engine, tmp_path, monkeypatch):
    if engine:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{engine}\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = {None: "not installed", "exit 1": "no engine answers", "exit 0": "make kafka uses it"}
    assert expected[engine] in doctor.docker().text


def test_no_java_is_a_note(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert doctor.java().level == "note"


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_without_a_command_every_command_is_listed(argv, capsys):
    assert main(argv) == 0
    listed = capsys.readouterr().out
    assert all(f"python -m lesson_lib {name}" in listed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_its_exit_status_and_an_example_and_does_nothing(name, capsys, monkeypatch):
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: pytest.fail("it did what it was asked about"))
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert "\nexit status: " in told and f"\nexample: python -m lesson_lib {name}" in told


def test_an_unknown_command_is_refused_with_the_list(capsys):
    assert main(["docter"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("There is no command 'docter'.")
    assert "doctor" in told


def test_what_a_command_cannot_do_is_one_sentence(monkeypatch, capsys, tmp_path):
    from course_tools.apache_kafka import command

    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(command, "KafkaProcess", lambda port: process.KafkaProcess(port, tmp_path))
    assert main(["kafka", "up", "--port", "29999"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Neither Docker nor Java 17 is installed: install Docker, or Java 17")
    assert "Traceback" not in captured.err
