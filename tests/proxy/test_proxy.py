"""The fault proxy with sockets: frames by hand, other people's clients, several nodes, and bytes that are no frames."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from kafka.protocol.admin import DescribeClusterRequest
from kafka.protocol.metadata import ApiVersionsRequest, FindCoordinatorRequest, MetadataResponse

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.faults import parse_script
from lesson_lib.history import Event, Kind
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import BatchInFlight, BatchKey, Recording
from lesson_lib.wire import messages, requests
from lesson_lib.wire.record_batch import batch_bytes, read_header
from lesson_lib.wire.requests import RawClient, make_topic
from tests.raw import hung_up, send_bytes

Record = Callable[[str], Recording]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with a topic t of one partition."""
    with EmbeddedBroker() as broker:
        with RawClient(broker.address) as client:
            make_topic(client, "t")
        yield broker


@pytest.fixture
def proxy(broker: EmbeddedBroker) -> Iterator[FaultProxy]:
    """A proxy in front of it."""
    proxy = FaultProxy(("127.0.0.1", broker.port)).start()
    yield proxy
    proxy.stop()


@pytest.fixture
def record(proxy: FaultProxy) -> Record:
    """Begins a recording under a script given as text."""
    return lambda script="": proxy.record(Recording(parse_script(script)))


def in_flight(partition: int, rides_along: bool = False) -> BatchInFlight:
    """A batch for that partition."""
    return BatchInFlight(Event(0, Kind.SEND, partition=partition), read_header(batch_bytes([b"m"])), rides_along)


def produce(client: RawClient, value: str = "m", *, acks: int = -1, **numbers: int) -> None:
    """Send one batch; its answer is for the caller to receive."""
    client.send(requests.produce("t", 0, batch_bytes([value.encode()], timestamp=1, **numbers), acks=acks))


def answer(client: RawClient) -> tuple[int, int]:
    """(error, offset) of the oldest unanswered batch."""
    part = client.receive().responses[0].partition_responses[0]
    return part.error_code, part.base_offset


def test_answers_leave_in_order_whoever_gives_them(proxy: FaultProxy, record: Record) -> None:
    record("2: refuse 19; 4: delay 100; 6: store and answer 20")
    with RawClient(proxy.address) as client:
        client.versions  # noqa: B018 - so that nothing else is asked in between
        for n in range(7):
            produce(client, f"m{n}")
        assert [answer(client) for _ in range(7)] == [(0, 0), (19, -1), (0, 1), (0, 2), (0, 3), (20, -1), (0, 5)]


def test_a_dropped_connection_loses_what_was_sent_behind(proxy: FaultProxy, record: Record) -> None:
    recording = record("2: lose ack")
    with RawClient(proxy.address) as client:
        client.versions  # noqa: B018
        for n in range(4):
            produce(client, f"m{n}")
        assert answer(client) == (0, 0)
        with pytest.raises(ConnectionError):
            answer(client)
    assert recording.wait_until_idle(2)
    assert [(e.kind, e.attempt, e.what) for e in recording.events[-4:]] == [
        (Kind.DROP, 0, ""), (Kind.LOST, 2, "answer"), (Kind.LOST, 3, "request"), (Kind.LOST, 4, "request")]


def test_no_answer_overtakes_one_that_is_held_back(proxy: FaultProxy, record: Record) -> None:
    """The connection drops once the second request is handled; kafka-python had hung up at an answer that was not the next."""
    recording = record("1: cut 2 0")
    with RawClient(proxy.address) as client:
        client.versions  # noqa: B018
        produce(client)
        client.send(requests.metadata("t"))
        produce(client)
        with pytest.raises(ConnectionError):
            client.receive()
    assert recording.wait_until_idle(2)
    assert [(e.kind, e.attempt, e.what) for e in recording.events[-3:]] == [
        (Kind.DROP, 0, ""), (Kind.LOST, 1, "answer"), (Kind.LOST, 2, "answer")]


def test_nobody_waits_with_an_answer_to_a_client_that_has_left(proxy: FaultProxy, record: Record) -> None:
    recording = record("1-2: delay 60000")
    with RawClient(proxy.address) as client:
        for n in range(3):
            produce(client, f"m{n}")
        assert recording.wait_until(lambda: recording.attempts == 3, 5)
    assert recording.wait_until_idle(5)
    assert [event.attempt for event in recording.events if event.what == "stored"] == [1, 2, 3]


def test_what_was_refused_and_comes_again_is_the_same_batch_and_what_was_stored_is_not(proxy: FaultProxy, record: Record) -> None:
    recording = record("1: refuse 19")
    with RawClient(proxy.address) as client:
        for expected in ((19, -1), (0, 0), (0, 1)):
            produce(client)
            assert answer(client) == expected
    assert [(e.batch, e.try_no) for e in recording.events if e.kind == Kind.SEND] == [(0, 1), (0, 2), (1, 1)]


def test_a_request_for_two_partitions_meets_the_first_fault_that_names_one_of_them(proxy: FaultProxy, record: Record) -> None:
    record("1: refuse 19; 4: refuse 20")
    with RawClient(proxy.address) as client:
        make_topic(client, "two", 2)
        both = requests.produce("two", 0, batch_bytes([b"m"]))
        both.topic_data[0].partition_data += requests.produce("two", 1, batch_bytes([b"n"])).topic_data[0].partition_data
        told = [[part.error_code for part in client.ask(both).responses[0].partition_responses] for _ in range(3)]
    assert told == [[19, 19], [20, 20], [0, 0]]


@pytest.mark.parametrize("fault, state", [("lose ack", "CompleteCommit"), ("lose request", "Ongoing")])
def test_what_is_lost_on_the_way_from_a_coordinator_is_done(proxy: FaultProxy, record: Record, broker: EmbeddedBroker, fault: str,
                                                            state: str) -> None:
    recording = record(f"EndTxn 1: {fault}")
    with RawClient(proxy.address) as client:
        first, again = (client.ask(requests.init_producer_id("x")) for _ in range(2))
        who = ("x", again.producer_id, again.producer_epoch)
        for _ in range(2):
            client.ask(requests.add_partitions(*who, "t", [0]))
        client.send(requests.end_txn(*who, commit=True))
        assert hung_up(client)
    assert broker.cluster.coordinator.entries["x"].state == state
    assert [e.producer_epoch for e in recording.events if e.kind == Kind.INIT] == [first.producer_epoch, again.producer_epoch] == [0, 1]
    steps = [e.what for e in recording.events if e.kind == Kind.TXN]
    assert steps == ["begin", "add partition", "add partition", *["commit"] * (fault == "lose ack")]


def test_the_only_node_of_a_cluster_is_the_one_that_is_talked_to_whatever_it_calls_itself() -> None:
    with EmbeddedBroker(advertised=("a.name.that.leads.nowhere", 0)) as broker, FaultProxy(("127.0.0.1", broker.port)) as proxy:
        with RawClient(proxy.address) as client:
            (node,) = client.ask(requests.metadata("t")).brokers
        assert (node.host, node.port) == ("127.0.0.1", proxy.port)


def test_a_silent_connection_stays_open_and_answers_nothing_more(proxy: FaultProxy, record: Record) -> None:
    recording = record("1: lose ack silently")
    with RawClient(proxy.address, timeout=0.3) as client:
        client.versions  # noqa: B018
        produce(client)
        client.send(ApiVersionsRequest(), 0)
        with pytest.raises(TimeoutError):
            client.receive()
    assert recording.wait_until(lambda: recording.events[-1].kind == Kind.DROP, 2)
    assert [e.kind for e in recording.events] == [Kind.SEND, Kind.VERDICT, Kind.LOST, Kind.TIMEOUT, Kind.DROP]


def test_a_repeated_request_has_one_answer_and_two_verdicts(proxy: FaultProxy, record: Record) -> None:
    recording = record("1: repeat")
    with RawClient(proxy.address) as client:
        produce(client, producer_id=7, producer_epoch=0, base_sequence=0)
        assert answer(client) == (0, 0)
        produce(client, producer_id=7, producer_epoch=0, base_sequence=1)
        assert answer(client) == (0, 1)
    assert [(e.what, e.offset) for e in recording.events if e.kind == Kind.VERDICT] == [("stored", 0), ("duplicate", 0), ("stored", 1)]


def test_acks_0_has_a_verdict_and_no_answer(proxy: FaultProxy, record: Record, broker: EmbeddedBroker) -> None:
    recording = record("")
    with RawClient(proxy.address) as client:
        produce(client, acks=0)
        produce(client, "n")
        assert answer(client) == (0, 1)
    assert [e.kind for e in recording.events if e.attempt == 1] == [Kind.SEND, Kind.VERDICT]
    assert broker.log("t").log_end_offset == 2


def test_a_refused_batch_with_acks_0_costs_the_connection(proxy: FaultProxy, record: Record) -> None:
    record("1: refuse 19")
    with RawClient(proxy.address) as client:
        produce(client, acks=0)
        assert hung_up(client)


def test_a_batch_that_is_none_is_the_brokers_to_refuse(proxy: FaultProxy, record: Record) -> None:
    recording = record("1: lose ack")
    with RawClient(proxy.address) as client:
        client.send(requests.produce("t", 0, b"no batch at all"))
        assert answer(client)[0] > 0
    assert recording.attempts == 0


def test_forged_verdicts_are_written_down(proxy: FaultProxy, record: Record) -> None:
    recording = record("")
    with RawClient(proxy.address) as client:
        for sequence in (0, 5, 1):
            produce(client, producer_id=7, producer_epoch=0, base_sequence=sequence)
        assert [answer(client)[0] for _ in range(3)] == [0, 45, 0]
    assert [(e.what, int(e.error)) for e in recording.events if e.kind == Kind.VERDICT] == [("stored", 0), ("refused", 45), ("stored", 0)]
    assert recording.short_ids == {7: 1}


def test_what_a_buried_client_still_sends_does_not_arrive(proxy: FaultProxy, record: Record, broker: EmbeddedBroker) -> None:
    recording = record("1+: lose request")
    with RawClient(proxy.address) as client, RawClient(broker.address) as direct:
        client.versions  # noqa: B018 - so that the connection was there before
        proxy.dead.add("forge")
        recording.close()
        produce(client, "late")
        assert hung_up(client)
        produce(direct, "first")
        assert answer(direct) == (0, 0)


def test_a_killed_client_is_dead_on_each_of_its_connections(proxy: FaultProxy, record: Record) -> None:
    recording = record("1: kill producer")
    with RawClient(proxy.address) as one, RawClient(proxy.address) as other:
        other.versions  # noqa: B018 - so that the connection was there before
        produce(one, "m0")
        assert hung_up(one)
        produce(other, "late")
        assert hung_up(other)
    assert recording.attempts == 1


def test_every_address_is_ours(proxy: FaultProxy, broker: EmbeddedBroker) -> None:
    port = int(proxy.address.rpartition(":")[2])
    with RawClient(proxy.address) as client:
        assert [node.port for node in client.ask(requests.metadata("t")).brokers] == [port]
        found = client.ask(FindCoordinatorRequest(key="g", key_type=0, coordinator_keys=["g"]))
        assert [node.port for node in found.coordinators] == [port]
        assert [node.port for node in client.ask(DescribeClusterRequest()).brokers] == [port]


def test_versions_are_held_back_to_what_the_proxy_can_read(proxy: FaultProxy) -> None:
    with RawClient(proxy.address) as client:
        assert client.versions[messages.PRODUCE][1] <= 12 and client.versions[messages.API_KEYS["Fetch"]][1] <= 12


def test_a_cluster_of_three_has_three_listeners(proxy: FaultProxy) -> None:
    nodes = [MetadataResponse.MetadataResponseBroker(node_id=n, host=f"node-{n}", port=9092) for n in range(3)]
    message = MetadataResponse(brokers=nodes, topics=[])

    async def rewrite() -> list[tuple[str, int]]:
        await proxy.rewrite(message, proxy.upstream)
        return [(node.host, node.port) for node in message.brokers]

    addresses = asyncio.run_coroutine_threadsafe(rewrite(), proxy._loop).result(5)
    assert len({port for _, port in addresses}) == 3 and {host for host, _ in addresses} == {"127.0.0.1"}
    for host, port in addresses:
        socket.create_connection((host, port), 2).close()
    proxy.stop()
    for host, port in addresses:
        with pytest.raises(OSError):
            socket.create_connection((host, port), 2)


def test_librdkafka_goes_through_it(proxy: FaultProxy, record: Record) -> None:
    recording = record("2: lose ack")
    producer = Producer({"bootstrap.servers": proxy.address, "enable.idempotence": True, "linger.ms": 0, "log_level": 0})
    for n in range(3):
        producer.produce("t", f"m{n}".encode())
        assert producer.flush(10) == 0
    assert [e.what for e in recording.events if e.kind == Kind.VERDICT] == ["stored", "stored", "duplicate", "stored"]
    assert [e.batch for e in recording.events if e.kind == Kind.SEND] == [0, 1, 1, 2]


@pytest.mark.parametrize("fault", ["restart broker", "crash broker", "fail over", "forget idle ids"])
def test_a_broker_that_is_not_ours_cannot_be_hurt(proxy: FaultProxy, record: Record, fault: str) -> None:
    with pytest.raises(LessonError, match=f"'{fault}' needs a broker of the course's own"):
        record(f"1: {fault}")


@pytest.mark.parametrize("error", [29, 31, 32, 87])
def test_a_script_can_say_what_brokers_say_to_producers(proxy: FaultProxy, record: Record, error: int) -> None:
    recording = record(f"1: refuse {error}")
    with RawClient(proxy.address) as client:
        produce(client)
        assert answer(client) == (error, -1)
    assert [(e.what, e.error) for e in recording.events if e.kind == Kind.VERDICT] == [("refused", error)]


@pytest.mark.parametrize("error", [50, 52])
def test_and_nothing_else(record: Record, error: int) -> None:
    with pytest.raises(LessonError, match=f"No broker answers a produce request with error {error}"):
        record(f"1: refuse {error}")


def garbage(rng: random.Random) -> bytes:
    """Bytes that look like a request more or less: random, lying about their length, or with a header and no body."""
    body = rng.randbytes(rng.randrange(80))
    header = struct.pack(">hhih", rng.choice([0, 0, 3, 10, 18, 22, 26, 60]), rng.randrange(-1, 14), 7, -1)
    return rng.choice([
        struct.pack(">i", len(body)) + body,
        struct.pack(">i", rng.choice([-1, 0, 2**31 - 1, 200 * 1024 * 1024, len(body) + 9])) + body,
        struct.pack(">i", len(header) + len(body)) + header + body,
        body,
    ])


def test_no_bytes_stop_it(proxy: FaultProxy, record: Record) -> None:
    rng = random.Random(20)
    record("1+: lose ack")
    threads = threading.active_count()
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", int(proxy.address.rpartition(":")[2])), 2) as connection:
            try:
                connection.sendall(garbage(rng))
                connection.shutdown(rng.choice([socket.SHUT_WR, socket.SHUT_RDWR]))
            except OSError:
                pass
    record("")
    end = time.monotonic() + 30
    while not proxy.broker_answers():  # a busy machine may not get through the queue of connections within the proxy's two seconds
        assert time.monotonic() < end, proxy.trouble
    with RawClient(proxy.address) as client:
        produce(client)
        assert answer(client) == (0, 0)
    assert threading.active_count() == threads


def test_a_frame_that_claims_to_be_huge_closes_the_connection(proxy: FaultProxy) -> None:
    with RawClient(proxy.address) as client:
        send_bytes(client, struct.pack(">i", messages.MAX_FRAME_BYTES + 1))
        assert hung_up(client)


def test_a_frame_that_never_ends_keeps_nobody_else_waiting(proxy: FaultProxy, record: Record) -> None:
    record("")
    with RawClient(proxy.address) as stuck, RawClient(proxy.address) as client:
        send_bytes(stuck, struct.pack(">i", 1000) + b"only this much")
        produce(client)
        assert answer(client) == (0, 0)


def test_a_broker_that_is_not_there_closes_the_connection() -> None:
    proxy = FaultProxy(("127.0.0.1", 1)).start()
    with RawClient(proxy.address) as client:
        client.send(ApiVersionsRequest(), 0)
        assert hung_up(client)
    assert proxy.gone_since < time.monotonic()
    proxy.stop()


def gone(proxy: FaultProxy) -> None:
    """Wait until the proxy has noticed that all its clients are gone."""
    deadline = time.monotonic() + 10
    while proxy._clients:
        assert time.monotonic() < deadline, "a client that hung up is still there"
        time.sleep(0.005)


@pytest.mark.parametrize("distance", [0, 0.01])
def test_who_leaves_with_all_its_answers_has_given_up_nothing(proxy: FaultProxy, record: Record, distance: float) -> None:
    proxy.distance, recording = distance, record("")
    with RawClient(proxy.address) as client:
        produce(client)
        assert answer(client) == (0, 0)
    gone(proxy)
    assert [event.kind for event in recording.events] == [Kind.SEND, Kind.VERDICT, Kind.ACK]


@pytest.mark.parametrize("sent, untold, full", [(0, 3, False), (1, 3, False), (2, 3, True), (1, 1, True), (0, 1, False)])
def test_a_window_is_full_when_the_client_has_sent_all_it_can(sent: int, untold: int, full: bool) -> None:
    recording = Recording(max_in_flight=2, batches_in_flight=[in_flight(0)] * sent, untold=Counter({0: untold}))
    assert recording.window_full() is full


@pytest.mark.parametrize("one_of_each, requests, full", [
    (False, ["01"], False), (False, ["01", "0"], True), (False, ["01", "01"], True),
    (True, ["01"], True), (True, ["0"], False), (True, ["0", "1"], True)])
def test_batches_that_share_a_request_take_one_slot(one_of_each: bool, requests: list[str], full: bool) -> None:
    sent = [in_flight(int(partition), place > 0) for request in requests for place, partition in enumerate(request)]
    recording = Recording(max_in_flight=2, one_of_each=one_of_each, batches_in_flight=sent, untold=Counter({0: 2, 1: 2, 2: 0}))
    assert recording.window_full() is full


def test_nothing_comes_from_a_partition_whose_next_batch_backs_off() -> None:
    """Before it is sent again, or after another batch of the partition was: a newer one that was refused goes to the front."""
    recording = Recording(max_in_flight=3, untold=Counter({0: 2}))
    recording.back_off("any", 0)
    assert recording.window_full()
    recording.untold[1] = 1
    assert not recording.window_full()
    recording.batches_in_flight.append(in_flight(1))
    assert recording.window_full()
    records = batch_bytes([b"m"], timestamp=1)
    recording.send("any", 1, BatchKey.of("t", 0, records), records)
    assert not recording.window_full()


@pytest.mark.parametrize("sent, others, full", [(2, 0, False), (2, 1, True), (1, 1, False), (1, 2, True), (3, 0, True)])
def test_a_request_without_a_batch_takes_a_slot_too(sent: int, others: int, full: bool) -> None:
    """After error 6 kafka-python asks for Metadata; who waited for its next batch now would wait for ever."""
    recording = Recording(max_in_flight=3, batches_in_flight=[in_flight(0)] * sent, untold=Counter({0: 9}))
    assert recording.window_full(others) is full


@pytest.mark.parametrize("heard, ended", [
    ([], False), (["first begin"], False), (["first begin", "first commit"], True),
    (["first begin", "second begin", "second commit"], True), (["first begin", "first abort", "second begin"], False)])
def test_of_two_producers_with_one_id_the_newer_says_whether_a_marker_must_come(heard: list[str], ended: bool) -> None:
    """The commit of the first may never have been answered: then nothing was heard of its end."""
    steps = [line.split() for line in heard]
    recording = Recording(events=[Event(t, Kind.TXN, what, lane, producer_id=7) for t, (lane, what) in enumerate(steps)])
    assert recording.has_ended(7) is ended
    assert not recording.has_ended(8)
