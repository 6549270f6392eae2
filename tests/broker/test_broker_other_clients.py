"""librdkafka and aiokafka, which share no code with the broker, against the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin import NewTopic as AIONewTopic
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lesson_lib.broker.embedded import EmbeddedBroker

from .logs import make_topic, values

OLD_AND_NEW = pytest.mark.parametrize("embedded", ["2.1", "2.8", "3.6", "4.4"], indirect=True)
SECONDS = 15
LOG_LEVEL_ERROR = 3


def rdkafka(kind: Any, broker: EmbeddedBroker, **settings: Any) -> Any:
    """A librdkafka client, its log lines about connections that end with the broker left out."""
    names = {name.replace("_", "."): value for name, value in settings.items()}
    quiet = {"log.connection.close": False, "log_level": LOG_LEVEL_ERROR}
    return kind({"bootstrap.servers": broker.address, **quiet, **names})


def send(producer: Producer, *messages: str) -> list[int]:
    """The offset that each message got."""
    offsets: list[int] = []

    def told(error: Any, message: Any) -> None:
        offsets.append(-1 if error else message.offset())

    for value in messages:
        producer.produce("t", value.encode(), partition=0, on_delivery=told)
        producer.flush(SECONDS)
    return offsets


def read(consumer: Consumer, count: int) -> list[str]:
    """The values of the next `count` records."""
    found: list[str] = []
    deadline = monotonic() + SECONDS
    while len(found) < count and monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message.value().decode())
    return found


@OLD_AND_NEW
@pytest.mark.parametrize("idempotent", [False, True])
def test_librdkafka_producer(embedded: EmbeddedBroker, idempotent: bool):
    make_topic(embedded)
    assert send(rdkafka(Producer, embedded, enable_idempotence=idempotent), "a", "b", "c") == [0, 1, 2]
    assert values(embedded) == ["a", "b", "c"]


def test_librdkafka_five_in_flight(embedded: EmbeddedBroker):
    make_topic(embedded)
    producer = rdkafka(Producer, embedded, enable_idempotence=True, linger_ms=0, batch_num_messages=1)
    for number in range(200):
        producer.produce("t", str(number).encode(), partition=0)
    assert producer.flush(SECONDS) == 0
    assert values(embedded) == [str(number) for number in range(200)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_come_back_as_they_went(embedded: EmbeddedBroker, codec: str):
    make_topic(embedded)
    assert send(rdkafka(Producer, embedded, compression_type=codec), "m" * 1000) == [0]
    consumer = rdkafka(Consumer, embedded, group_id="g", check_crcs=True, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("t", 0, 0)])
    assert read(consumer, 1) == ["m" * 1000]
    assert len(embedded.log("t").batches[0].batch.payload) < 500
    consumer.close()


@OLD_AND_NEW
def test_librdkafka_transactions_groups_and_read_committed(embedded: EmbeddedBroker):
    make_topic(embedded)
    producer = rdkafka(Producer, embedded, transactional_id="x")
    producer.init_transactions(SECONDS)
    for value, end in (("a", producer.commit_transaction), ("b", producer.abort_transaction)):
        producer.begin_transaction()
        send(producer, value)
        end(SECONDS)
    consumer = rdkafka(Consumer, embedded, group_id="g", check_crcs=True, auto_offset_reset="earliest",
                       isolation_level="read_committed", enable_auto_commit=False)
    consumer.subscribe(["t"])
    assert read(consumer, 1) == ["a"]
    producer.begin_transaction()
    send(producer, "c")
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), SECONDS)
    producer.commit_transaction(SECONDS)
    assert [partition.offset for partition in consumer.committed([TopicPartition("t", 0)], SECONDS)] == [1]
    assert read(consumer, 1) == ["c"]
    consumer.commit(asynchronous=False)
    consumer.close()
    assert values(embedded) == ["a", "<commit>", "b", "<abort>", "c", "<commit>"]


def test_librdkafka_goes_on_after_restarts_and_a_fail_over(embedded: EmbeddedBroker):
    make_topic(embedded)
    producer = rdkafka(Producer, embedded, enable_idempotence=True, reconnect_backoff_ms=20)
    consumer = rdkafka(Consumer, embedded, group_id="g", auto_offset_reset="earliest", reconnect_backoff_ms=20)
    consumer.assign([TopicPartition("t", 0, 0)])
    assert (send(producer, "0"), read(consumer, 1)) == ([0], ["0"])
    for offset, fault in enumerate(("restart broker", "crash broker", "fail over"), 1):
        embedded.happen(fault)
        assert (send(producer, str(offset)), read(consumer, 1)) == ([offset], [str(offset)])
    consumer.close()


def test_librdkafka_zombie_is_fenced(embedded: EmbeddedBroker):
    make_topic(embedded)
    zombie, successor = rdkafka(Producer, embedded, transactional_id="x"), rdkafka(Producer, embedded, transactional_id="x")
    zombie.init_transactions(SECONDS)
    zombie.begin_transaction()
    send(zombie, "z0")
    successor.init_transactions(SECONDS)
    with pytest.raises(KafkaException) as raised:
        zombie.commit_transaction(SECONDS)
    assert raised.value.args[0].fatal()
    assert values(embedded) == ["z0", "<abort>"]


def test_librdkafka_admin(embedded: EmbeddedBroker):
    admin = rdkafka(AdminClient, embedded)
    admin.create_topics([NewTopic("t", 2, 1)])["t"].result(SECONDS)
    assert len(admin.list_topics(timeout=SECONDS).topics["t"].partitions) == 2
    assert [node.port for node in admin.describe_cluster().result(SECONDS).nodes] == [embedded.port]
    consumer = rdkafka(Consumer, embedded, group_id="g")
    consumer.subscribe(["t"])
    consumer.poll(1)
    assert [group.group_id for group in admin.list_consumer_groups().result(SECONDS).valid] == ["g"]
    consumer.close()
    admin.delete_consumer_groups(["g"])["g"].result(SECONDS)
    admin.delete_topics(["t"])["t"].result(SECONDS)
    assert embedded.cluster.topics == {}


@OLD_AND_NEW
def test_aiokafka(embedded: EmbeddedBroker):
    make_topic(embedded)
    assert asyncio.run(_aiokafka(embedded.address)) == (0, ["a", "b"])
    assert values(embedded) == ["a", "b", "<commit>", "c", "<abort>"]
    assert embedded.cluster.offsets.committed["g"]["t", 0].offset >= 2


async def _aiokafka(address: str) -> tuple[int, list[str]]:
    idempotent = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True)
    offset = await _using(idempotent, lambda: idempotent.send_and_wait("t", b"a", partition=0))
    transactional = AIOKafkaProducer(bootstrap_servers=address, transactional_id="x")
    await _using(transactional, lambda: _commit_and_abort(transactional))
    consumer = AIOKafkaConsumer("t", bootstrap_servers=address, group_id="g", auto_offset_reset="earliest",
                                isolation_level="read_committed", enable_auto_commit=False)
    return offset.offset, await _using(consumer, lambda: _read_and_commit(consumer))


@OLD_AND_NEW
def test_aiokafka_admin_and_plain_producer(embedded: EmbeddedBroker):
    assert asyncio.run(_aiokafka_admin(embedded.address)) == ([0, 1], ["t"], [])


async def _aiokafka_admin(address: str) -> tuple[list[int], list[str], list[str]]:
    admin, plain = AIOKafkaAdminClient(bootstrap_servers=address), AIOKafkaProducer(bootstrap_servers=address)

    async def send_two() -> list[int]:
        return [(await plain.send_and_wait("t", b"a", partition=0)).offset for _ in range(2)]

    async def work() -> tuple[list[int], list[str], list[str]]:
        await admin.create_topics([AIONewTopic("t", 2, 1)])
        before = await admin.list_topics()
        offsets = await _using(plain, send_two)
        await admin.delete_topics(["t"])
        return offsets, before, await admin.list_topics()

    return await _using(admin, work, "close")


async def _using(client: Any, work: Callable[[], Any], end: str = "stop") -> Any:
    await client.start()
    try:
        return await work()
    finally:
        await getattr(client, end)()


async def _commit_and_abort(producer: AIOKafkaProducer) -> None:
    for value, end in ((b"b", producer.commit_transaction), (b"c", producer.abort_transaction)):
        await producer.begin_transaction()
        await producer.send_and_wait("t", value, partition=0)
        await end()


async def _read_and_commit(consumer: AIOKafkaConsumer) -> list[str]:
    found = [(await asyncio.wait_for(consumer.getone(), SECONDS)).value.decode() for _ in range(2)]
    await consumer.commit()
    return found
