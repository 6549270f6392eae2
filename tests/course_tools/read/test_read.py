"""`read` on bytes made by hand, on the embedded broker, and on what Apache Kafka wrote on its disk."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from course_tools.read.command import main
from course_tools.read.findings import LogRead
from course_tools.read.on_disk import of_file
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab.forge import forge
from lesson_lib.wire.record_batch import batch_bytes

ROOT = Path(__file__).parents[3]
CLEAN = "No copy, no gap, no open transaction.\n"


def stored(offset: int, value: bytes = b"m", **numbers: int) -> bytes:
    """A batch as it lies in a log."""
    data = bytearray(batch_bytes([value], timestamp=1_700_000_000_000, **numbers))
    struct.pack_into(">q", data, 0, offset)
    return bytes(data)


@pytest.fixture
def segment(tmp_path: Path) -> Callable[..., str]:
    def write(*batches: bytes) -> str:
        path = tmp_path / "00000000000000000000.log"
        path.write_bytes(b"".join(batches))
        return str(path)
    return write


def numbered(offset: int, sequence: int, value: bytes = b"", producer_id: int = 7, epoch: int = 0) -> bytes:
    return stored(offset, value or b"v%d" % offset, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)


def test_a_log_in_order(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([segment(numbered(0, 0), numbered(1, 1), numbered(2, 0, epoch=1), bytes(500))]) == 0
    said = capsys.readouterr().out
    assert said.endswith(CLEAN) and said.splitlines()[2].split() == ["7", "0,", "1", "3", "3", "0", "to", "2", "1"]


@pytest.mark.parametrize(("batches", "sentence"), [
    ([numbered(0, 0), numbered(1, 1), numbered(2, 1)], "Copy at offset 2: producer id 7, epoch 0 has sequence 1 in this log already."),
    ([numbered(0, 0), numbered(1, 2)], "Gap before offset 1: producer id 7, epoch 0 goes on with sequence 2, and 1 is not in this log."),
    ([stored(0, producer_id=7, producer_epoch=0, base_sequence=0, transactional=True)],
     "Open transaction: producer id 7 since offset 0; read_committed consumers wait there."),
    ([numbered(0, 0), numbered(1, 1)[:-3]], "the last batch is cut off"),
    ([numbered(0, 0), b"\xff" * 90], "no batch begins here, and nothing says where the next one does"),
])
def test_what_is_wrong_is_named(segment: Callable[..., str], capsys: pytest.CaptureFixture[str], batches: list[bytes],
                                sentence: str) -> None:
    assert main([segment(*batches)]) == 1
    assert sentence in capsys.readouterr().out


def test_after_2147483647_comes_0_and_the_start_of_a_log_is_no_gap(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([segment(numbered(40, 2**31 - 1), numbered(41, 0))]) == 0
    assert capsys.readouterr().out.endswith(CLEAN)


def test_every_batch_of_a_copied_stretch_is_a_copy_and_what_goes_on_behind_it_is_no_gap(
        segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    sequences = (0, 1, 2, 1, 2, 3)
    assert main([segment(*(numbered(offset, sequence) for offset, sequence in enumerate(sequences)))]) == 1
    said = capsys.readouterr().out
    assert said.count("Copy at offset") == 2 and "Gap" not in said


def test_a_marker_that_is_cut_off_is_named_and_passed_over(segment: Callable[..., str],
                                                           capsys: pytest.CaptureFixture[str]) -> None:
    marker = bytearray(numbered(1, -1))[:61]
    struct.pack_into(">i", marker, 8, 61 - 12)
    struct.pack_into(">h", marker, 21, 0x30)  # transactional, control
    assert main([segment(numbered(0, 0), bytes(marker), numbered(2, 1))]) == 1
    said = capsys.readouterr().out
    assert "At offset 1: a marker that is cut off." in said and "3 batches" in said


def test_equal_contents_are_a_suspicion_and_no_more(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([segment(stored(0, b"tea"), stored(1, b"rum"), stored(2, b"tea"))]) == 0
    said = capsys.readouterr().out
    assert "Suspected copy at offset 2: the same keys and values as the batch at offset 0." in said and said.count("Suspected") == 1


def test_a_wrong_checksum_is_found_when_asked_for_and_passed_over(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    bad = bytearray(numbered(1, 1))
    bad[-1] ^= 1
    path = segment(numbered(0, 0), bytes(bad), numbered(2, 2))
    assert main([path]) == 0
    capsys.readouterr()
    assert main([path, "--checksums"]) == 1
    assert f"At byte {len(numbered(0, 0))}: its checksum is wrong." in capsys.readouterr().out


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(batches: int) -> int:
        path = tmp_path / f"{batches}.log"
        with path.open("wb") as file:
            for n in range(batches):
                file.write(numbered(n, n, bytes(1000)))
        tracemalloc.start()
        read = LogRead().take(of_file(path))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read.batches == batches and not read.findings
        return top
    assert peak(8_000) < 1.5 * peak(2_000)


@pytest.mark.parametrize(("argv", "words"), [
    (["/no/such.log"], "/no/such.log cannot be read: No such file or directory."), (["127.0.0.1:1", "orders"], "127.0.0.1:1"),
    (["/no/such.snapshot"], "cannot be read"), ([__file__ + ".snapshot"], "cannot be read")])
def test_what_cannot_be_read_is_one_sentence(argv: list[str], words: str) -> None:
    with pytest.raises(LessonError, match=words.replace(".", r"\.")):
        main(argv)


def test_a_snapshot_is_the_last_batch_of_each_producer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Apache Kafka 4.4.0 wrote it after three batches of id 7 and one of id 9 with an open transaction (compared by hand)."""
    entries = struct.pack(">qhiqiqiq", 7, 0, 2, 2, 0, 1_700_000_000_000, -1, -1), struct.pack(">qhiqiqiq", 9, 3, 0, 3, 0, 0, 1, 3)
    path = tmp_path / "00000000000000000004.snapshot"
    path.write_bytes(struct.pack(">hIi", 1, 0, 2) + b"".join(entries))
    assert main([str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [["7", "0", "2", "2", "-1"], ["9", "3", "0", "3", "1", "3"]]


def test_a_snapshot_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.snapshot").write_bytes(b"nonsense")
    with pytest.raises(LessonError, match="is no snapshot of producers"):
        main([str(tmp_path / "x.snapshot")])


def test_the_embedded_brokers_topic(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker, closing(forge(broker.address)) as bench:
        for sequence in (0, 1, 1, 2):
            bench.send(7, 0, sequence)
        assert main([broker.address, bench.topic]) == 0
        with pytest.raises(LessonError, match="no-such"):
            main([broker.address, "no-such"])
    assert capsys.readouterr().out.endswith(CLEAN)


@pytest.mark.kafka
def test_what_apache_kafka_wrote(kafka_address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its topic, and where it is a process of ours, its segment. A transaction is aborted there, and a plain batch repeated."""
    from kafka import KafkaProducer
    topic, admin = f"read-{os.getpid()}", KafkaAdminClient(bootstrap_servers=kafka_address)
    admin.create_topics([NewTopic(topic, 1, 1)])
    producer = KafkaProducer(bootstrap_servers=kafka_address, transactional_id=topic)
    producer.init_transactions()
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.send(topic, b"a").get(30)
        end()
    producer.close()
    with closing(forge(kafka_address, topic)) as bench:
        bench.send(values=["tea"])
        bench.send(values=["tea"])
    assert main([kafka_address, topic]) == 0
    said = capsys.readouterr().out
    assert "1 committed, 1 aborted" in said and said.count("Suspected copy") == 2
    for data in (ROOT / ".kafka").glob(f"{kafka_address.split(':')[1]}/data/{topic}-0"):
        assert main([str(data / "00000000000000000000.log"), "--checksums"]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == said.splitlines()[1:]
    admin.delete_topics([topic])
    admin.close()
