"""What replicas change, seen on a cluster of Apache Kafka whose settings are Kafka's defaults: one story, and what was seen in it.

Broker 1 leads and broker 2 follows. 2 is frozen; 1 takes some records and is killed; 2 goes on and leads, for it was in sync: no
unclean election is needed. Then 1 comes back and follows. In the end 2 is stopped in order, and 1 leads once more. Each fixture is
a part of the story and keeps what it saw, so that tests do not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaProducer

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.lab.forge import forge
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import batch_bytes
from lesson_lib.wire.requests import RawClient

from .replicas import BROKERS, Cluster, cluster, wait_until

pytestmark = pytest.mark.kafka(own=True)
OLD, NEW = BROKERS
TOPICS: dict[str, dict[str, str]] = {"one": {}, "all": {}, "strict": {"min.insync.replicas": "2"}, "five": {}}
ONE, ALL = 1, -1
TOLD_WITHIN = 120
# Else kafka-python waits up to 30 s before it tries a broker again that did not answer.
AGAIN = {"retry_backoff_ms": 100, "reconnect_backoff_max_ms": 200}
NOT_ENOUGH_REPLICAS, NOT_LEADER = 19, 6
OUT_OF_ORDER = "refused: 45 out of order sequence number"
AFTERWARDS, AT_LAST = (6, 5, 4, 3, 2, 1, 0, 7), (7, 6, 5, 4, 3, 2, 8)


@dataclass(frozen=True)
class Clients:
    """Two real producers and a connection without any client behind it, all of them to the first leader."""

    one: KafkaProducer
    idempotent: KafkaProducer
    by_hand: RawClient


@dataclass(frozen=True)
class Killed:
    """Seen while the follower was frozen, up to the leader's end. `on_disk` is the leader's copy of each topic."""

    in_sync: list[int]
    told_one: int
    told_all: bool
    answered: bool
    on_disk: dict[str, list[str]]
    told_all_later: int


@dataclass(frozen=True)
class Leads:
    """Seen with the follower as the only replica. Answers are (error, offset), or the forge's words."""

    logs: dict[str, list[str]]
    told_next: int
    strict: list[tuple[int, int]]
    five: list[str]


@dataclass(frozen=True)
class Back:
    """Seen when the killed broker was in sync again."""

    on_disk: list[list[str]]
    strict: tuple[int, int]
    to_follower: tuple[int, int]


def by_hand(topic: str, acks: int) -> Any:
    """A request to store one record, without numbers."""
    return requests.produce(topic, 0, batch_bytes([b"by hand"]), acks=acks)


def produced(kafka: Cluster, broker: int, topic: str, acks: int) -> tuple[int, int]:
    """What that broker answers to it: error and offset."""
    with RawClient(kafka.brokers[broker].address) as client:
        part = client.ask(by_hand(topic, acks)).responses[0].partition_responses[0]
    return part.error_code, part.base_offset


def is_answered(client: RawClient) -> bool:
    """Whether an answer came before the connection ended."""
    try:
        return bool(client.receive())
    except ConnectionError:
        return False


def replies(target: str | PartitionLog, sequences: Iterable[int]) -> list[str]:
    """What a broker, or the toy, says to batches of producer 7 on "five"."""
    with closing(forge(target, "five")) as bench:
        return [str(bench.send(7, 0, n)) for n in sequences]


def duplicate(offset: int) -> str:
    return f"duplicate of offset {offset}: success, nothing stored"


@pytest.fixture(scope="module")
def kafka(kafka_jars: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two brokers, and topics that the first of them leads and the second one follows."""
    with cluster(kafka_jars, tmp_path_factory.mktemp("replicas")) as kafka:
        for topic, configs in TOPICS.items():
            kafka.make_topic(topic, [OLD, NEW], configs)
        yield kafka


@pytest.fixture(scope="module")
def clients(kafka: Cluster) -> Iterator[Clients]:
    with (closing(KafkaProducer(bootstrap_servers=kafka.addresses, acks=1, enable_idempotence=False, **AGAIN)) as one,
          closing(KafkaProducer(bootstrap_servers=kafka.addresses, **AGAIN)) as idempotent,
          RawClient(kafka.brokers[OLD].address) as by_hand):
        yield Clients(one, idempotent, by_hand)


@pytest.fixture(scope="module")
def killed(kafka: Cluster, clients: Clients) -> Killed:
    """Records that both have; the follower is frozen; records that only the leader has; the leader is killed."""
    replies(kafka.brokers[OLD].address, range(7))
    for topic, producer in {"one": clients.one, "all": clients.idempotent, "strict": clients.idempotent}.items():
        # After this a producer knows the leader, and asks the frozen broker nothing.
        producer.send(topic, b"before").get(TOLD_WITHIN)
    kafka.brokers[NEW].freeze()
    waiting = clients.idempotent.send("all", b"with acks=all")
    wait_until(lambda: kafka.log_end(OLD, "all") == 2, "the leader appends what kafka-python sent")
    clients.by_hand.send(by_hand("all", ALL))
    wait_until(lambda: kafka.log_end(OLD, "all") == 3, "the leader appends what was sent by hand")
    told_one, in_sync = clients.one.send("one", b"with acks=1").get(TOLD_WITHIN).offset, kafka.seen_by(OLD, "one")[1]
    told_all = waiting.is_done
    kafka.brokers[OLD].kill()
    kafka.brokers[NEW].thaw()
    for topic in TOPICS:
        kafka.wait_until_seen(NEW, topic, NEW, [NEW])
    return Killed(in_sync, told_one, told_all, is_answered(clients.by_hand), {topic: kafka.brokers[OLD].on_disk(topic) for topic in TOPICS},
                  waiting.get(TOLD_WITHIN).offset)


@pytest.fixture(scope="module")
def leads(kafka: Cluster, clients: Clients, killed: Killed) -> Leads:
    """The new leader is alone."""
    logs = {topic: kafka.brokers[NEW].on_disk(topic) for topic in TOPICS}
    told_next = clients.one.send("one", b"next").get(TOLD_WITHIN).offset
    strict = [produced(kafka, NEW, "strict", acks) for acks in (ALL, ONE)]
    return Leads(logs, told_next, strict, replies(kafka.brokers[NEW].address, AFTERWARDS))


@pytest.fixture(scope="module")
def back(kafka: Cluster, leads: Leads) -> Back:
    """The killed broker is started again and catches up."""
    kafka.brokers[OLD].start()
    for broker in BROKERS:
        for topic in TOPICS:
            kafka.wait_until_seen(broker, topic, NEW, BROKERS)
    return Back([kafka.brokers[n].on_disk("one") for n in BROKERS], produced(kafka, NEW, "strict", ALL), produced(kafka, OLD, "one", ONE))


@pytest.fixture(scope="module")
def at_last(kafka: Cluster, back: Back) -> list[str]:
    """The other one is stopped in order, and the one that had been killed leads: what it says to old batches."""
    kafka.brokers[NEW].process.terminate()
    kafka.wait_until_seen(OLD, "five", OLD, [OLD])
    return replies(kafka.brokers[OLD].address, AT_LAST)


@pytest.mark.fact("acks-and-replicas", "acked-record-gone")
def test_with_acks_1_a_record_that_was_acked_can_be_lost(killed: Killed, leads: Leads, back: Back) -> None:
    """With `acks=1` the leader answers when it has appended: the record is in one log.

    Told ok at offset 1 it is gone with its leader, for the other had not copied it yet; offset 1 goes to the next record.
    """
    assert (killed.in_sync, killed.told_one, killed.on_disk["one"]) == ([OLD, NEW], 1, ["before", "with acks=1"])
    assert leads.logs["one"] == ["before"]
    assert leads.told_next == killed.told_one
    assert back.on_disk == [["before", "next"]] * 2


@pytest.mark.fact("acks-and-replicas")
def test_with_acks_all_nothing_is_acked_that_can_be_lost(killed: Killed, leads: Leads) -> None:
    """With `acks="all"` the answer comes when every replica in sync has it: no ok while one is frozen, so nothing that was told ok is lost.

    The leader dies with the only copy of a batch, not acked yet; kafka-python sends it again, and the new leader has it once.
    """
    assert killed.on_disk["all"] == ["before", "with acks=all", "by hand"]
    assert not killed.told_all and not killed.answered
    assert (killed.told_all_later, leads.logs["all"]) == (1, ["before", "with acks=all"])


@pytest.mark.fact("acks-and-replicas", "error-19")
def test_too_few_replicas_are_refused_with_acks_all_only(leads: Leads, back: Back) -> None:
    """`min.insync.replicas` can insist on another replica in sync: with `acks="all"` error 19, NOT_ENOUGH_REPLICAS, until it is back."""
    assert leads.logs["strict"] == ["before"]
    assert leads.strict == [(NOT_ENOUGH_REPLICAS, -1), (0, 1)]
    assert back.strict == (0, 2)


@pytest.mark.fact("error-6")
def test_who_does_not_lead_refuses(back: Back) -> None:
    """Error 6, NOT_LEADER_OR_FOLLOWER: "I am not the leader just now"."""
    assert back.to_follower == (NOT_LEADER, -1)


@pytest.mark.fact("log-is-memory")
def test_a_new_leader_knows_the_last_five_batches(leads: Leads, kafka_version: str) -> None:
    """Who copies the log as it grows has the memory: a new leader knows all five batches with their offsets, and refuses older ones."""
    toy = PartitionLog(KafkaVersion.of(kafka_version))
    replies(toy, range(7))
    toy.fail_over()
    assert leads.five == replies(toy, AFTERWARDS) == [*map(duplicate, (6, 5, 4, 3, 2)), *[OUT_OF_ORDER] * 2, "stored at offset 7"]


@pytest.mark.fact("restart-then-lead")
def test_a_leader_that_was_restarted_knows_fewer(at_last: list[str], kafka_version: str) -> None:
    """Killed, started, in sync again and then leader, it knew one batch from before and the one that it had copied since."""
    toy = PartitionLog(KafkaVersion.of(kafka_version))
    replies(toy, range(7))
    toy.restart_after_crash()
    replies(toy, [7])
    assert at_last == replies(toy, AT_LAST) == [*map(duplicate, (7, 6)), *[OUT_OF_ORDER] * 4, "stored at offset 8"]
