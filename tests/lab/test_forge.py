"""The bench for hand-made batches: on the toy, and on brokers by their address."""

import time

import pytest

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.errors import LessonError
from lesson_lib.lab.forge import fetch_batches, forge
from lesson_lib.lab.header_table import explain_header
from lesson_lib.lab.lab import start_lab
from tests.raw import topics_at

STORY = [
    ((7, 0, 0), "stored at offset 0"),
    ((7, 0, 0), "duplicate of offset 0: success, nothing stored"),
    ((7, 0, 2), "refused: 45 out of order sequence number"),
    ((7, 0, 1, 3), "stored at offset 1"),
    ((7, 0, 1, 2), "refused: 45 out of order sequence number"),
    ((7, 1, 1), "refused: 45 out of order sequence number"),
    ((7, 1, 0), "stored at offset 4"),
    ((7, 0, 1, 3), "refused: 47 invalid producer epoch"),
    ((), "stored at offset 5"),
    ((8, 0, 5), "stored at offset 6"),
    ((7, 1, -1), "refused: 87 invalid record"),
    ((7, 1, -5), "refused: 87 invalid record"),
    ((7, 1, -2**31), "refused: 87 invalid record"),
    ((9, -2, 0), "refused: 47 invalid producer epoch"),
]


def tell(bench):
    return [str(bench.send(*numbers)) for numbers, _ in STORY]


def test_the_toy_answers_in_words():
    assert tell(forge(PartitionLog())) == [words for _, words in STORY]


@pytest.mark.parametrize(("release", "said"), [("4.4", "stored at offset 0"), ("4.5", "refused: 45 out of order sequence number")])
def test_a_release_names_the_rule(release, said):
    assert str(forge(release).send(7, 0, 3)) == said


def test_a_release_before_1_0_is_a_mistake_in_one_sentence():
    with pytest.raises(LessonError, match="not a Kafka release"):
        forge("0.11")


@pytest.mark.parametrize("target", [5, None, ["localhost:9092"]])
def test_what_is_no_broker_is_a_mistake_in_one_sentence(target):
    for call in (forge, lambda broker: fetch_batches(broker, "t")):
        with pytest.raises(LessonError, match="host:port"):
            call(target)


def test_an_ip_address_is_no_release(monkeypatch):
    def nobody(address):
        raise LessonError(f"asked for {address}")
    monkeypatch.setattr("lesson_lib.lab.forge.RawClient", nobody)
    with pytest.raises(LessonError, match=r"asked for 127\.0\.0\.1"):
        forge("127.0.0.1")


def test_the_memory_of_the_toy():
    bench = forge(PartitionLog())
    assert "nobody" in str(bench.describe_producers())
    tell(bench)
    assert [(r.producer_id, r.epoch, r.last_sequence) for r in bench.describe_producers().rows] == [(7, 1, 0), (8, 0, 5)]


def test_an_open_transaction_shows_where_it_began():
    bench = forge(PartitionLog(KafkaVersion(3, 5)))
    bench.send()
    assert bench.send(3, 0, 0, transactional=True).base_offset == 1
    assert str(bench.send(3, 0, 1)) == "refused: 48 invalid txn state"
    assert bench.describe_producers().rows[0].txn_start_offset == 1


TOO_LARGE = [((2**63, 0, 0), "id must be"), ((1, 2**15, 0), "epoch must be"), ((1, 0, 2**31), "sequence must be")]


@pytest.mark.parametrize("numbers, said", TOO_LARGE)
def test_numbers_that_do_not_fit_are_refused_in_words(numbers, said):
    with pytest.raises(LessonError, match=said):
        forge(PartitionLog()).send(*numbers)


def test_no_broker_is_said_in_words():
    with pytest.raises(LessonError, match="No broker answers"):
        forge("127.0.0.1:1")


def test_the_embedded_broker_answers_the_same():
    with EmbeddedBroker() as broker:
        bench = forge(broker)
        assert tell(bench) == [words for _, words in STORY]
        assert [(r.producer_id, r.epoch, r.last_sequence) for r in bench.describe_producers().rows] == [(7, 1, 0), (8, 0, 5)]
        assert [explain_header(b)["base_sequence"] for b in fetch_batches(broker, bench.topic)] == [0, 1, 0, -1, 5]
        bench.close()


def test_a_topic_that_does_not_exist_is_said_in_words():
    with EmbeddedBroker() as broker, pytest.raises(LessonError, match="does not show nowhere-0"):
        fetch_batches(broker, "nowhere")


@pytest.mark.kafka
def test_apache_kafka_answers_the_same(kafka_address):
    bench = forge(kafka_address)
    try:
        assert tell(bench) == [words for _, words in STORY]
        assert [(r.producer_id, r.epoch, r.last_sequence) for r in bench.describe_producers().rows] == [(7, 1, 0), (8, 0, 5)]
        assert len(fetch_batches(kafka_address, bench.topic)) == 5
    finally:
        bench.close()


@pytest.mark.kafka
def test_what_was_forged_in_a_lab_goes_with_it(kafka_address: str) -> None:
    lab = start_lab(kafka_address)
    bench = forge(lab)
    assert bench.bench.topic.endswith(lab.topics.suffix)
    bench.send(7, 0, 0)
    lab.stop()
    end = time.monotonic() + 20
    while (left := bench.bench.topic in topics_at(kafka_address)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
