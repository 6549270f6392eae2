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
from course_tools.trace.verdict import ALL_WELL, CANNOT_BE_TOLD, NOTHING_CAME, NOTHING_ELSE
from lesson_lib.__main__ import main as door
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.proxy.proxy import Upstream
from lesson_lib.wire.messages import PRODUCE, ProtocolError, Request

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
    assert trace(idempotence="off", values=("m0",)) == 0
    assert capsys.readouterr().out == f"{CANNOT_BE_TOLD} {NOTHING_ELSE}\n"


def test_an_application_that_fails_is_no_success(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert trace("--json", str(tmp_path / "run.json"), values=("m0", "fails")) == 2
    said = f"{ALL_WELL} Your application ended with status 3."
    assert capsys.readouterr().out == f"{said}\n"
    told = json.loads((tmp_path / "run.json").read_text())
    assert (told["verdict"], told["status"]) == (said, 2)


@pytest.mark.parametrize(("script", "sent"), [("9: lose ack", "1 request was sent"), ("2-3: refuse 6", "1 request was sent"),
                                              ("EndTxn 1: lose ack", "0 EndTxn requests were sent")])
def test_a_fault_that_never_came_was_not_tried(capsys: pytest.CaptureFixture[str], script: str, sent: str) -> None:
    assert trace("--faults", script, values=("m0",)) == 2
    assert capsys.readouterr().out == f"{ALL_WELL} The fault '{script}' never happened: {sent}.\n"


def test_a_fault_that_came_only_in_part_was_tried() -> None:
    assert trace("--faults", "1+: delay 1", values=("m0", "m1")) == 0


def test_what_was_refused_and_is_nowhere_is_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was stored, so there is nothing that could be said about copies and order."""
    assert trace("--faults", "1+: refuse 10", values=("m0",)) == 2
    out = capsys.readouterr().out
    assert out.startswith("No batch got an ok (1 answered with error 10 message too large): 1 is not in the log.")
    assert ALL_WELL not in out


@pytest.mark.parametrize("answer", [b"another", b""], ids=["to another request", "that is cut off"])
def test_a_broker_that_answers_garbage_is_not_fine(answer: bytes, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    """The batch went to it, and what it did with that nobody can know."""
    ask = Upstream.ask

    async def garbage(self: Upstream, request: Request, frame: bytes) -> bytes:
        if request.api_key != PRODUCE:
            return await ask(self, request, frame)
        if not answer:
            return b"\0\0\0\x06" + frame[8:12] + b"\xff\xff"
        raise ProtocolError("an answer to another request")
    monkeypatch.setattr(Upstream, "ask", garbage)
    sends = ("import os; from kafka import KafkaProducer as P\np = P(bootstrap_servers=os.environ['KAFKA_BOOTSTRAP_SERVERS'], retries=0)\n"
             "try: p.send('orders', b'm').get(2)\nexcept BaseException as error: print(error)\nos._exit(0)")
    assert main(["--", sys.executable, "-c", sends]) == 2
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("No batch got an ok (1 without an answer") and said.endswith("nobody here can know whether it is in the log.")


def test_a_topic_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The application did connect: telling it to would send its author the wrong way."""
    asks = ("import os; from kafka import KafkaProducer\n"
            "p = KafkaProducer(bootstrap_servers=os.environ['KAFKA_BOOTSTRAP_SERVERS'], max_block_ms=500)\n"
            "try: p.send('nowhere', b'm')\nexcept Exception as error: print('failed')")
    with EmbeddedBroker() as broker:
        assert main(["--broker", broker.address, "--", sys.executable, "-c", asks]) == 2
        only_looks = "import os; from kafka import KafkaConsumer as C; C(bootstrap_servers=os.environ['KAFKA_BOOTSTRAP_SERVERS']).topics()"
        assert main(["--broker", broker.address, "--", sys.executable, "-c", only_looks]) == 2
    said = "Your application connected and sent no produce request, so there is nothing to judge"
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"{said}: the broker does not have what it asked for, the topic 'nowhere'. Create it first.", f"{said}."]


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
    assert (process.returncode, out, err) == (2, f"{NOTHING_CAME}\n", ""), "what it was asked to end with says nothing"


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
    monkeypatch.setattr("lesson_lib.lab.as_history.read_topic", garbage)
    assert door(["trace", "--", *APPLICATION, "KAFKA_BOOTSTRAP_SERVERS", "on", "m0"]) == 2
    assert "broke (a frame of -5 bytes)." in capsys.readouterr().err


def test_arguments_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--nonsense"])
    assert "--nonsense" in capsys.readouterr().err
