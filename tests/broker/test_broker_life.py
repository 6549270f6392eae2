"""The embedded broker as a process and as a thread: it starts, says where it is, and goes without a trace."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from lesson_lib.broker.cluster import wall_clock
from lesson_lib.broker.connection import HANDLERS
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient, make_topic
from tests.raw import hung_up

SECONDS = 20


def command(*options: str) -> subprocess.Popen[str]:
    """`python -m lesson_lib broker` with these options."""
    return subprocess.Popen([sys.executable, "-m", "lesson_lib", "broker", *options], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_it_is_interrupted(number: signal.Signals):
    process = command("--port", "0")
    try:
        words = process.stdout.readline().split()
        assert words[:2] == ["listening", "on"]
        with RawClient(words[2], timeout=SECONDS) as client:
            make_topic(client, "t")
            process.send_signal(number)
            assert hung_up(client)
        out, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_command_says_who_can_reach_it(host: str):
    process = command("--port", "0", "--host", host, "--advertised-host", "lab.example")
    try:
        listening, told = process.stdout.readline(), process.stdout.readline()
        port = listening.rpartition(":")[2].strip()
        assert listening == f"listening on 0.0.0.0:{port}\n"
        assert told.startswith(f"clients are told lab.example:{port}; there is no password")
    finally:
        process.kill()
        process.communicate()


def test_command_makes_topics_when_it_is_told_to():
    process = command("--port", "0", "--auto-create-topics")
    try:
        with RawClient(process.stdout.readline().split()[2], timeout=SECONDS) as client:
            asked = requests.request("Metadata", topics=[{"name": "new"}], allow_auto_topic_creation=True)
            assert client.ask(asked).topics[0].error_code == ErrorCode.NONE
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("options, words", [
    (["--port", "{busy}"], "address already in use"), (["--port", "70000"], "port must be 0-65535"),
    (["--port", "0", "--version", "banana"], "not a Kafka release"),

    (["--port", "0", "--version", "99.9"], "rules of Kafka 99.9 are not known"),
    (["--port", "0", "--host", "203.0.113.7"], "Nothing can listen")])
def test_command_says_in_one_sentence_why_it_cannot(options: list[str], words: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = command(*(port if option == "{busy}" else option for option in options))
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err.count("\n")) == (1, "", 1)
    assert words in err


def test_it_is_bound_to_this_machine_only():
    with EmbeddedBroker() as broker:
        (listening,) = broker._servers[0].sockets
        assert listening.getsockname()[0] == "127.0.0.1"


def test_start_and_stop_leave_no_thread_and_no_descriptor():
    def traces() -> tuple[int, int]:
        gc.collect()  # what other tests left
        return threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0

    EmbeddedBroker().start().stop()
    before = traces()
    for _ in range(20):
        with EmbeddedBroker() as broker, RawClient(broker.address) as client:
            make_topic(client, "t")
            client.send(requests.fetch("t", {0: 0}))
    assert traces() == before


def test_a_stopped_broker_can_be_stopped_again_and_looked_at():
    with EmbeddedBroker() as broker, RawClient(broker.address) as client:
        make_topic(client, "t")
        client.ask(requests.produce("t", 0, batch_bytes([b"m"])))
    broker.stop()
    assert broker.log("t").log_end_offset == 1
    with pytest.raises(LessonError, match="no partition 0 of a topic 'nowhere'"):
        broker.log("nowhere")


def test_the_same_port_again_and_a_busy_one():
    with EmbeddedBroker() as first:
        port = first.port
        with pytest.raises(LessonError, match="already in use"):
            EmbeddedBroker(port=port).start()
    with EmbeddedBroker(port=port) as second:
        assert second.port == port


def test_a_waiting_fetch_does_not_hold_up_the_stop():
    broker = EmbeddedBroker().start()
    with RawClient(broker.address) as client:
        make_topic(client, "t")
        fetch = requests.fetch("t", {0: 0})
        fetch.max_wait_ms, fetch.min_bytes = 25_000, 1
        client.send(fetch)
        broker.stop()
        assert hung_up(client)
    assert not [thread for thread in threading.enumerate() if thread.name == "embedded broker"]


def test_clients_are_told_the_advertised_address():
    with EmbeddedBroker(advertised=("localhost", 4711)) as broker, RawClient(broker.address) as client:
        make_topic(client, "t")
        (node,) = client.ask(requests.metadata("t")).brokers
        assert (node.host, node.port) == ("localhost", 4711)


def test_every_address_is_told_as_the_name_of_the_machine():
    with EmbeddedBroker(host="0.0.0.0") as broker:
        assert (broker.cluster.host, broker.cluster.port) == (socket.gethostname(), broker.port)
    with EmbeddedBroker(advertised=("lab.example", 0)) as broker:
        assert (broker.cluster.host, broker.cluster.port) == ("lab.example", broker.port)


def test_a_mistake_in_a_handler_ends_one_connection_and_prints_nothing(capfd: pytest.CaptureFixture[str],
                                                                       monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with EmbeddedBroker() as broker, RawClient(broker.address) as client, RawClient(broker.address) as other:
        make_topic(client, "t")
        monkeypatch.setitem(HANDLERS, 61, broken)
        client.send(requests.describe_producers("t", [0]))
        assert hung_up(client)
        assert other.ask(requests.metadata("t")).topics[0].error_code == ErrorCode.NONE
        assert [type(failure) for failure in broker.cluster.failures] == [ZeroDivisionError]
    assert capfd.readouterr() == ("", "")


def produce(client: RawClient, first: int, epoch: int = 0) -> tuple[int, int]:
    """Error and offset of one record of producer id 1."""
    records = batch_bytes([b"m"], producer_id=1, producer_epoch=epoch, base_sequence=first, timestamp=wall_clock())
    row = client.ask(requests.produce("t", 0, records)).responses[0].partition_responses[0]
    return row.error_code, row.base_offset


@pytest.mark.parametrize("faults, second_newest", [
    (["restart broker"], (45, -1)),  # a snapshot holds one batch of each id
    (["crash broker"], (45, -1)),  # recovery writes one too, and loads it
    (["fail over"], (0, 5)),
    (["restart broker", "fail over"], (0, 5)),  # the new leader has read the log itself
])
def test_what_is_remembered_after_faults(faults: list[str], second_newest: tuple[int, int]):
    with EmbeddedBroker() as broker:
        with RawClient(broker.address) as client:
            make_topic(client, "t")
            assert [produce(client, n) for n in range(7)] == [(0, n) for n in range(7)]
        for fault in faults:
            broker.happen(fault)
        with RawClient(broker.address) as client:
            assert produce(client, 6) == (0, 6)
            assert produce(client, 5) == second_newest
            assert produce(client, 7) == (0, 7)
            metadata = client.ask(requests.metadata("t")).topics[0].partitions[0]
            assert metadata.leader_epoch == len(faults), "whoever leads again begins a new epoch"


def test_a_forgotten_id_may_start_anywhere():
    with EmbeddedBroker() as broker, RawClient(broker.address) as client:
        make_topic(client, "t")
        produce(client, 0)
        assert produce(client, 5) == (45, -1)
        broker.happen("forget idle ids")
        assert produce(client, 5) == (0, 1)
