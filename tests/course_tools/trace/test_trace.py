"""`trace` with a program of its own process: what it says, what it leaves, what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from course_tools.trace.command import main
from course_tools.trace.page import NOTHING_CAME
from lesson_lib.__main__ import main as door
from lesson_lib.wire.messages import ProtocolError

APPLICATION = (sys.executable, str(Path(__file__).with_name("application.py")))
LOST = ("--faults", "2: lose ack")


def trace(*options: str, idempotence: str = "on", values: tuple[str, ...] = ("m0", "m1", "m2"),
          variable: str = "KAFKA_BOOTSTRAP_SERVERS") -> int:
    """Its exit status."""
    return main([*options, "--", *APPLICATION, variable, idempotence, *values])


def test_with_idempotence_a_lost_ack_makes_no_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace(*LOST, "--html", str(tmp_path / "run.html"), "--json", str(tmp_path / "run.json")) == 0
    assert capsys.readouterr().out == "Every batch that got an ok is in the log, once and in order.\n"
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["logs"] == {"orders-0": [[0, "r0", 0], [1, "r1", 1], [2, "r2", 2]]} and told["faults"] == "2: lose ack"
    assert [(one["batch"], one["try"], one["lost"]) for one in told["requests"]] == [(0, 1, ""), (1, 1, "answer"), (1, 2, ""), (2, 1, "")]
    page = (tmp_path / "run.html").read_text()
    assert page.count('class="lesson-picture"') == 3 and "cannot be seen on the wire" in page
    assert not re.search(r"""(?:src|href)=["']?https?:""", page), "it needs nothing from elsewhere"
    assert "m1" not in re.sub(r"data:image[^\"]*", "", page.split("trace --faults")[1].split("</code>")[1]), "values are other people's"


def test_without_it_there_is_a_copy_and_values_are_shown_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    assert trace(*LOST, "--values", "--json", str(file), "--env", "BROKERS", idempotence="off", variable="BROKERS") == 1
    assert capsys.readouterr().out == "Copy: batch 1 is in the log twice, at offsets 1, 2.\n"
    assert json.loads(file.read_text())["logs"] == {"orders-0": [[0, "m0", 0], [1, "m1", 1], [2, "m1", 1], [3, "m2", 2]]}


def test_without_numbers_it_says_that_it_cannot_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert trace(idempotence="off", values=("m0", "fails")) == 0
    said = capsys.readouterr()
    assert said.out.startswith("It cannot be told whether there are copies") and "ended with status 3" in said.err


def test_a_fault_that_never_came_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert trace("--faults", "9: lose ack", values=("m0",)) == 0
    assert "The fault '9: lose ack' never happened: 1 requests were sent." in capsys.readouterr().err


@pytest.mark.kafka
def test_a_broker_of_ones_own(kafka_address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    admin, topic = KafkaAdminClient(bootstrap_servers=kafka_address), f"trace-{os.getpid()}"
    admin.create_topics([NewTopic(topic, 1, 1)])
    monkeypatch.setenv("TOPIC", topic)
    assert trace("--broker", kafka_address, idempotence="off", values=("before",)) == 0, "what lay there is not looked at again"
    assert trace("--broker", kafka_address, *LOST, idempotence="off") == 1
    assert capsys.readouterr().out.endswith("Copy: batch 1 is in the log twice, at offsets 2, 3.\n")
    admin.delete_topics([topic])
    admin.close()


def test_ctrl_c_ends_it_where_somebody_else_starts_the_application() -> None:
    process = subprocess.Popen([sys.executable, "-m", "lesson_lib", "trace"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert re.match(r"Give 127\.0\.0\.1:\d+ to your application", process.stderr.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (2, f"{NOTHING_CAME}\n", "")


def test_an_application_that_speaks_tls_is_told_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy that saw nothing it could read judges nothing, and that is no success."""
    speaks_tls = ("import os, socket, ssl; host, port = os.environ['KAFKA_BOOTSTRAP_SERVERS'].split(':')\n"
                  "try: ssl.create_default_context().wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)\n"
                  "except (ssl.SSLError, OSError) as error: print('failed')")
    assert main(["--", sys.executable, "-c", speaks_tls]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == NOTHING_CAME
    assert "without TLS" in NOTHING_CAME


def test_ctrl_c_ends_an_application_that_does_not() -> None:
    sleeps = "print('up', flush=True); import time; time.sleep(600)"
    line = [sys.executable, "-m", "lesson_lib", "trace", "--", sys.executable, "-c", sleeps]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "ended with status -15" in err and out.startswith("No produce request")


@pytest.mark.parametrize(("argv", "words"), [
    (["--faults", "2: loose ack"], "loose ack"), (["--broker", "127.0.0.1:1"], "No broker answers at 127.0.0.1:1"),
    (["--", "/no/such/program"], "/no/such/program cannot be started: No such file or directory."),
    (["--html", "/no/such/folder/run.html", "--", sys.executable, "-c", ""], "/no/such/folder/run.html cannot be written"),
    (["--env", "A=B", "--", sys.executable, "-c", ""], "'A=B' is no name for a variable."),
    (["--broker", "nowhere"], "is not host:port, such as")])
def test_what_cannot_be_done_is_one_sentence_and_no_anomaly(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """1 is an anomaly's, so that a typo does not look like one in somebody's CI."""
    assert door(["trace", *argv]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


def test_so_is_a_broker_that_breaks_off_when_asked_for_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def garbage(*_: object) -> None:
        raise ProtocolError("a frame of -5 bytes")
    monkeypatch.setattr("course_tools.trace.command.read_topic", garbage)
    assert door(["trace", "--", *APPLICATION, "KAFKA_BOOTSTRAP_SERVERS", "on", "m0"]) == 2
    assert "broke (a frame of -5 bytes)." in capsys.readouterr().err


def test_arguments_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--nonsense"])
    assert "--nonsense" in capsys.readouterr().err
