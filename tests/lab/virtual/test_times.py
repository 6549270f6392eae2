"""Time-outs, back-off and expiry of the real client and of the broker, to the millisecond: on a clock that nothing but them moves.

A request takes 4 ms: to the proxy, to the broker, and back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, ProducerFencedError

from lesson_lib import forge
from lesson_lib.lab.lab import Lab
from lesson_lib.lab.virtual.world import EPOCH, VirtualWorld

Seconds = Callable[[Callable[[], object]], float]
REQUEST = 0.004


@pytest.fixture
def topic(lab: Lab) -> str:
    """A topic with one record."""
    topic = lab.topic("orders")
    with lab.producer() as producer:
        producer.send(topic, b"m0").get()
    return topic


def warm(lab: Lab, topic: str, **options: Any) -> Any:
    """A producer that has connected, and knows the topic."""
    producer = lab.producer(**options)
    producer.send(topic, b"warm").get()
    return producer


def test_a_send_takes_one_request(lab: Lab, topic: str, seconds: Seconds) -> None:
    producer = warm(lab, topic)
    assert seconds(lambda: producer.send(topic, b"m1").get()) == REQUEST


def test_a_record_of_a_plain_producer_is_stamped_by_the_virtual_clock(lab: Lab, topic: str, world: VirtualWorld) -> None:
    with KafkaProducer(bootstrap_servers=lab.address) as producer:
        begin = int((EPOCH + world.now) * 1000)
        stamp = producer.send(topic, b"m1").get().timestamp
    assert begin <= stamp <= (EPOCH + world.now) * 1000


@pytest.mark.parametrize("linger_ms", [50, 1_000])
def test_a_batch_lingers(lab: Lab, topic: str, seconds: Seconds, linger_ms: int) -> None:
    producer = warm(lab, topic, linger_ms=linger_ms)
    assert seconds(lambda: producer.send(topic, b"m1").get()) == pytest.approx(linger_ms / 1000 + REQUEST)


@pytest.mark.parametrize("milliseconds", [450, 2_000, 120_000])
def test_a_record_expires_when_its_delivery_time_is_over(lab: Lab, topic: str, seconds: Seconds, milliseconds: int) -> None:
    producer = warm(lab, topic, delivery_timeout_ms=milliseconds, request_timeout_ms=300)
    lab.faults({"1+": "lose ack silently"})

    def send() -> None:
        with pytest.raises(KafkaTimeoutError, match=f"{milliseconds} ms has passed"):
            producer.send(topic, b"m1").get()
    assert seconds(send) == pytest.approx(milliseconds / 1000, abs=0.003)


@pytest.mark.parametrize("retry_backoff_ms", [100, 700])
def test_a_retry_waits_for_its_back_off(lab: Lab, topic: str, seconds: Seconds, retry_backoff_ms: int) -> None:
    producer = warm(lab, topic, retry_backoff_ms=retry_backoff_ms)
    lab.faults({1: "refuse 19"})
    assert seconds(lambda: producer.send(topic, b"m1").get()) == pytest.approx(2 * REQUEST - 0.002 + retry_backoff_ms / 1000)


@pytest.mark.parametrize("request_timeout_ms", [300, 1_500])
def test_a_silent_request_times_out(lab: Lab, topic: str, seconds: Seconds, request_timeout_ms: int) -> None:
    producer = warm(lab, topic, request_timeout_ms=request_timeout_ms, retry_backoff_ms=10)
    lab.faults({1: "lose ack silently"})
    took = seconds(lambda: producer.send(topic, b"m1").get())
    assert 0 < took - request_timeout_ms / 1000 < 0.05


def test_a_transaction_is_aborted_when_its_time_is_over(lab: Lab, topic: str) -> None:
    """The broker looks once a second."""
    shop = lab.producer(transactional_id="shop", transaction_timeout_ms=30_000)
    shop.init_transactions()
    shop.begin_transaction()
    shop.send(topic, b"m1").get()
    lab.sleep(29)
    assert lab.log(topic)[-1].txn == "open"
    lab.sleep(2)
    assert (lab.log(topic)[-1].kind, lab.log(topic)[-1].txn) == ("abort", "aborted")
    with pytest.raises(ProducerFencedError):
        shop.commit_transaction()


def test_a_day_passes_and_the_broker_forgets_idle_producers(lab: Lab, topic: str) -> None:
    """`producer.id.expiration.ms` is a day; the broker looks every ten minutes."""
    def remembered() -> str:
        bench = forge(lab, topic)
        found = str(bench.describe_producers())
        bench.close()
        return found

    lab.sleep(23 * 3600)
    assert "nobody" not in remembered()
    lab.sleep(3600 + 600)
    assert "nobody" in remembered()


def test_metadata_is_asked_for_again_when_it_is_old(lab: Lab, topic: str) -> None:
    warm(lab, topic, metadata_max_age_ms=5_000)
    before = lab.client_log().count("Updated metadata")
    producer = warm(lab, topic, metadata_max_age_ms=5_000)
    known = lab.client_log().count("Updated metadata")
    lab.sleep(51)
    assert known - before == 2 and producer is not None
    assert lab.client_log().count("Updated metadata") - known in (10, 20)


def group(lab: Lab) -> Any:
    """The one group of the broker."""
    (found,) = lab.choice.embedded.cluster.groups.values()
    return found


def test_heartbeats_keep_a_member_that_does_not_poll(lab: Lab, topic: str) -> None:
    """Until `max_poll_interval_ms` is over."""
    consumer = lab.consumer(topic, group_id="readers", session_timeout_ms=6_000, max_poll_interval_ms=30_000)
    assert len(list(consumer)) == 1
    lab.sleep(28)
    assert len(group(lab).members) == 1
    lab.sleep(3)
    assert len(group(lab).members) == 0


def test_a_member_whose_connection_is_dead_is_out_when_its_session_is_over(lab: Lab, topic: str, world: VirtualWorld) -> None:
    consumer = lab.consumer(topic, group_id="readers", session_timeout_ms=8_000, heartbeat_interval_ms=1_000)
    assert len(list(consumer)) == 1
    consumer._net._io_thread.abandon()  # its process is gone; nobody leaves the group
    lab.sleep(6.9)
    assert len(group(lab).members) == 1
    lab.sleep(1.2)
    assert len(group(lab).members) == 0


def test_three_members_share_three_partitions(lab: Lab, world: VirtualWorld) -> None:
    """Polled in turn they go on joining again, on sockets too (kafka-python forgets a join that ends between two polls); the
    broker has given each of them a partition nevertheless.
    """
    topic = lab.topic("shared", partitions=3)
    members: list[Any] = []
    took = []
    for count in (1, 2, 3):
        members.append(lab.consumer(topic, group_id="readers"))
        begin = world.now
        while not shared(lab, count):
            assert world.now - begin < 5
            for member in members:
                member.poll(500)
        took.append(round(world.now - begin, 3))
    assert took == [0.504, 2.015, 3.021]


def shared(lab: Lab, count: int) -> bool:
    """Whether the group has so many members, and each of them has partitions of its own."""
    groups = list(lab.choice.embedded.cluster.groups.values())
    given = [member.assignment for member in groups[0].members.values()] if groups else []
    return len(given) == len(set(given)) == count and all(given) and groups[0].state == "Stable"
