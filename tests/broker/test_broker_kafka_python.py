"""kafka-python against the embedded broker: producers, consumers, groups, admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import NewPartitions, NewTopic
from kafka.errors import InvalidProducerEpochError, KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient
from lesson_lib.wire.requests import make_topic as make_raw_topic

from .logs import make_topic, values

OLD_AND_NEW = pytest.mark.parametrize("embedded", ["1.0", "2.4", "2.8", "3.6", "4.4"], indirect=True)
T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture
def client(embedded: EmbeddedBroker) -> Iterator[Callable[..., Any]]:
    """`client(KafkaProducer, ...)`: a client of the embedded broker, closed at the end."""
    opened = []

    def make(kind: Any, *topics: str, **settings: Any) -> Any:
        opened.append(kind(*topics, bootstrap_servers=embedded.address, **settings))
        return opened[-1]

    yield make
    for one in opened:
        with suppress(KafkaTimeoutError, KafkaError):
            one.close(timeout=2) if isinstance(one, KafkaProducer) else one.close()


def send(producer: KafkaProducer, *messages: str) -> list[int]:
    """The offset that each message got."""
    return [producer.send("t", value.encode(), partition=0).get(10).offset for value in messages]


def read(consumer: KafkaConsumer, count: int) -> list[tuple[int, str]]:
    """The next `count` records as (offset, value). Long polls: kafka-python 3.0.12 loses its place in a group that forms meanwhile."""
    found: list[tuple[int, str]] = []
    for _ in range(15):
        if len(found) >= count:
            break
        for records in consumer.poll(1_000).values():
            found += [(record.offset, record.value.decode()) for record in records]
    return found


@OLD_AND_NEW
@pytest.mark.parametrize("idempotent", [False, True])
def test_producer_and_consumer_by_assignment(embedded: EmbeddedBroker, client: Any, idempotent: bool):
    make_topic(embedded, partitions=2)
    assert send(client(KafkaProducer, enable_idempotence=idempotent), "a", "b", "c") == [0, 1, 2]
    assert (0 in embedded.log("t").producers) is idempotent
    consumer = client(KafkaConsumer)
    consumer.assign([T0, T1])
    consumer.seek(T0, 1)
    assert read(consumer, 2) == [(1, "b"), (2, "c")]
    assert consumer.beginning_offsets([T0]) == {T0: 0}
    assert consumer.end_offsets([T0, T1]) == {T0: 3, T1: 0}


@OLD_AND_NEW
def test_transactions(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded, partitions=2)
    producer = client(KafkaProducer, transactional_id="x")
    producer.init_transactions()
    producer.begin_transaction()
    assert send(producer, "a", "b") == [0, 1]
    producer.commit_transaction()
    producer.begin_transaction()
    assert send(producer, "c") == [3]
    producer.abort_transaction()
    producer.begin_transaction()
    send(producer, "d")
    producer.send_offsets_to_transaction({T1: OffsetAndMetadata(7, "note", -1)}, "g")
    assert "g" not in embedded.cluster.offsets.committed
    assert embedded.log("t").last_stable_offset == 5
    producer.commit_transaction()
    assert values(embedded) == ["a", "b", "<commit>", "c", "<abort>", "d", "<commit>"]
    for isolation, seen in (("read_committed", "abd"), ("read_uncommitted", "abcd")):
        consumer = client(KafkaConsumer, isolation_level=isolation)
        consumer.assign([T0])
        consumer.seek_to_beginning()
        assert "".join(value for _, value in read(consumer, len(seen))) == seen
    group = client(KafkaConsumer, group_id="g", enable_auto_commit=False)
    assert group.committed(T1) == 7


def test_read_committed_waits_for_an_open_transaction(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    producer, plain = client(KafkaProducer, transactional_id="x"), client(KafkaProducer)
    producer.init_transactions()
    producer.begin_transaction()
    send(producer, "a")
    send(plain, "b")
    consumer = client(KafkaConsumer, isolation_level="read_committed")
    consumer.assign([T0])
    consumer.seek_to_beginning()
    assert consumer.end_offsets([T0]) == {T0: 0}
    assert consumer.poll(600) == {}
    producer.commit_transaction()
    assert read(consumer, 2) == [(0, "a"), (1, "b")]


def test_second_producer_with_the_same_transactional_id_fences_the_first(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    zombie, successor = client(KafkaProducer, transactional_id="x"), client(KafkaProducer, transactional_id="x")
    zombie.init_transactions()
    zombie.begin_transaction()
    send(zombie, "z0")
    successor.init_transactions()
    with pytest.raises(InvalidProducerEpochError):
        send(zombie, "z1")
    assert eventually(zombie._transaction_manager.has_fatal_error)  # it asks for a new epoch first, which would abort what is open
    successor.begin_transaction()
    send(successor, "s0")
    successor.commit_transaction()
    assert values(embedded) == ["z0", "<abort>", "s0", "<commit>"]


@OLD_AND_NEW
def test_group_commits_and_goes_on_from_there(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    send(client(KafkaProducer), "a", "b", "c")
    first = client(KafkaConsumer, "t", group_id="g", auto_offset_reset="earliest", enable_auto_commit=False)
    assert len(read(first, 3)) == 3
    first.commit({T0: OffsetAndMetadata(2, "", -1)})
    first.close()
    second = client(KafkaConsumer, "t", group_id="g", auto_offset_reset="earliest", enable_auto_commit=False)
    assert read(second, 1) == [(2, "c")]


def test_two_members_share_the_partitions_and_one_inherits_them(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded, partitions=2)
    members = [client(KafkaConsumer, "t", group_id="g", heartbeat_interval_ms=200) for _ in range(2)]
    for member in members:  # a leader that does not know the topic yet assigns nothing, and kafka-python does not make up for it
        assert eventually(partial(knows_both, member))
    stop = False

    def poll(member: KafkaConsumer) -> None:
        while not stop:
            member.poll(200)

    threads = [Thread(target=poll, args=(member,), daemon=True) for member in members]
    for thread in threads:
        thread.start()
    try:
        assert eventually(lambda: sorted(len(m.assignment()) for m in members) == [1, 1])
        assert members[0].assignment() | members[1].assignment() == {T0, T1}
    finally:
        stop = True
        for thread in threads:
            thread.join()
    members[0].close()
    assert eventually(lambda: members[1].poll(200) == {} and members[1].assignment() == {T0, T1})


def knows_both(member: KafkaConsumer) -> bool:
    """Whether a consumer has the metadata of both partitions."""
    return member.partitions_for_topic("t") == {0, 1}


def test_static_member_comes_back_and_its_former_self_is_fenced(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    send(client(KafkaProducer), "a", "b")
    settings = {"group_id": "g", "group_instance_id": "one", "auto_offset_reset": "earliest", "enable_auto_commit": False}
    former = client(KafkaConsumer, "t", **settings)
    assert read(former, 2) == [(0, "a"), (1, "b")]
    later = client(KafkaConsumer, "t", **settings)
    assert read(later, 2) == [(0, "a"), (1, "b")]
    assert len(embedded.cluster.groups["g"].members) == 1
    with pytest.raises(KafkaError):
        former.commit()


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within a generous time."""
    deadline = monotonic() + 30
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(0.02)
    return True


def test_topics_come_and_go(embedded: EmbeddedBroker, client: Any):
    admin = client(KafkaAdminClient)
    admin.create_topics([NewTopic("a", 2, 1), NewTopic("b", 1, 1)])
    assert sorted(admin.list_topics()) == ["a", "b"]
    assert [len(t["partitions"]) for t in admin.describe_topics(["a"])] == [2]
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic("a", 1, 1)])
    admin.create_partitions({"a": NewPartitions(3)})
    assert len(embedded.cluster.topics["a"].logs) == 3
    admin.delete_topics(["a", "b"])
    assert admin.list_topics() == []


def test_admin_looks_in(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    producer = client(KafkaProducer, transactional_id="x")
    producer.init_transactions()
    producer.begin_transaction()
    send(producer, "a", "b")
    admin = client(KafkaAdminClient)
    (state,) = admin.describe_producers([T0])[T0].active_producers
    assert (state.producer_id, state.producer_epoch, state.last_sequence) == (0, 0, 1)
    assert state.current_transaction_start_offset == 0
    described = admin.describe_transactions(["x"])["x"]
    assert (described.state.value, described.topic_partitions) == ("Ongoing", {T0})
    producer.commit_transaction()
    assert admin.delete_records({T0: 1})[T0]["low_watermark"] == 1
    assert admin.describe_cluster()["brokers"][0]["port"] == embedded.port
    consumer = client(KafkaConsumer, "t", group_id="g", auto_offset_reset="earliest")
    assert read(consumer, 1) == [(1, "b")]
    assert [group["group_id"] for group in admin.list_groups()] == ["g"]
    assert admin.describe_groups(["g"])["g"]["group_state"] == "Stable"
    consumer.close()
    admin.delete_groups(["g"])
    assert admin.list_groups() == []


def test_transaction_that_takes_too_long_is_aborted(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    producer = client(KafkaProducer, transactional_id="x", transaction_timeout_ms=60_000)
    producer.init_transactions()
    producer.begin_transaction()
    send(producer, "a")
    start = embedded.cluster.now()
    embedded.cluster.now = lambda: start + 60_100
    assert eventually(lambda: values(embedded) == ["a", "<abort>"])
    with pytest.raises(InvalidProducerEpochError):
        send(producer, "b")


def test_clients_go_on_after_a_restart_of_the_broker(embedded: EmbeddedBroker, client: Any):
    make_topic(embedded)
    producer = client(KafkaProducer)
    consumer = client(KafkaConsumer)
    consumer.assign([T0])
    consumer.seek_to_beginning()
    assert send(producer, "a") == [0]
    assert read(consumer, 1) == [(0, "a")]
    for fault in ("restart broker", "crash broker", "fail over"):
        embedded.happen(fault)
        sent = send(producer, "b")
        assert [offset for offset, _ in read(consumer, 1)] == sent
    assert values(embedded) == ["a", "b", "b", "b"]


@pytest.mark.parametrize(("release", "guess"), [("3.9", (3, 9)), ("4.2", (4, 2)), ("4.4", (4, 3))])
def test_its_guess_of_the_release_is_the_one_it_makes_of_apache_kafka(release: str, guess: tuple[int, int]) -> None:
    """By the versions of the APIs; it knows none behind 4.3."""
    with EmbeddedBroker(release) as broker:
        assert guessed(broker.address) == guess


@pytest.mark.kafka
def test_so_does_apache_kafka(kafka_address: str, kafka_version: str) -> None:
    assert guessed(kafka_address) == min((4, 3), tuple(map(int, kafka_version.split(".")[:2])))


def guessed(address: str) -> tuple[int, int]:
    producer = KafkaProducer(bootstrap_servers=address)
    producer.close()
    return producer.config["api_version"]


def sizes(address: str) -> list[Any]:
    """What is said of a topic of two partitions with one batch, of a partition that it has not, and of no topic."""
    with RawClient(address) as raw:
        make_raw_topic(raw, "sizes", 2)
        raw.ask(requests.produce("sizes", 0, BATCH))
        asked = [raw.ask(requests.request("DescribeLogDirs", topics=[{"topic": topic, "partitions": [0, 1, 7]}]))
                 for topic in ("sizes", "never-made")]
        raw.ask(requests.delete_topic("sizes"))
    return [[(topic.name, sorted((one.partition_index, one.partition_size) for one in topic.partitions))
             for folder in answer.results for topic in folder.topics] for answer in asked]


BATCH = batch_bytes([b"x"])
SIZES = [[("sizes", [(0, len(BATCH)), (1, 0)])], []]


def test_how_large_a_topic_is(embedded: EmbeddedBroker) -> None:
    assert sizes(embedded.address) == SIZES


@pytest.mark.kafka
def test_how_large_it_is_on_apache_kafka(kafka_address: str) -> None:
    assert sizes(kafka_address) == SIZES
