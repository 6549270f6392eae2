"""`read` on bytes made by hand, on the embedded broker, and on what Apache Kafka wrote on its disk."""

from __future__ import annotations

import base64
import os
import re
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.record.util import calc_crc32c

from course_tools.read.command import main
from course_tools.read.equal_records import ON_PURPOSE, EqualRecords, KeptBatch
from course_tools.read.findings import LogRead
from course_tools.read.on_disk import BatchInLog, of_file
from course_tools.read.picture import as_history
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.lab.forge import forge
from lesson_lib.wire.messages import ProtocolError
from lesson_lib.wire.record_batch import batch_bytes, marker, read_header

ROOT = Path(__file__).parents[3]
CLEAN = "No copy, no gap, no open transaction.\n"


def compared(records: int) -> str:
    """The last line about a log that is no longer than the window."""
    return f"Keys and values of {records} records were compared, each with all before it.\n"


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
    assert said.endswith(CLEAN + compared(3)) and said.splitlines()[2].split() == ["7", "0,", "1", "3", "3", "0", "to", "2", "1"]


@pytest.mark.parametrize(("batches", "sentence"), [
    ([numbered(0, 0), numbered(1, 1), numbered(2, 1)],
     "Copy: at offset 2 producer id 7, epoch 0 has sequence 1, which is in this log already."),
    ([numbered(0, 0), numbered(1, 2)],
     "Gap: before offset 1 producer id 7, epoch 0 goes on with sequence 2, and 1 is not in this log."),
    ([stored(0, producer_id=7, producer_epoch=0, base_sequence=0, transactional=True)],
     "Open transaction: producer id 7 since offset 0; read_committed consumers wait there."),
])
def test_what_is_wrong_is_named(segment: Callable[..., str], capsys: pytest.CaptureFixture[str], batches: list[bytes],
                                sentence: str) -> None:
    assert main([segment(*batches)]) == 1
    assert sentence in capsys.readouterr().out


def test_after_2147483647_comes_0_and_the_start_of_a_log_is_no_gap(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([segment(numbered(40, 2**31 - 1), numbered(41, 0))]) == 0
    assert capsys.readouterr().out.endswith(CLEAN + compared(2))


def test_every_batch_of_a_copied_stretch_is_a_copy_and_what_goes_on_behind_it_is_no_gap(
        segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    sequences = (0, 1, 2, 1, 2, 3)
    assert main([segment(*(numbered(offset, sequence) for offset, sequence in enumerate(sequences)))]) == 1
    said = capsys.readouterr().out
    assert said.count("Copy: at offset") == 2 and "Gap" not in said


def test_a_marker_that_is_cut_off_is_named_and_passed_over(segment: Callable[..., str],
                                                           capsys: pytest.CaptureFixture[str]) -> None:
    cut = bytearray(numbered(1, -1))[:61]
    struct.pack_into(">i", cut, 8, 61 - 12)
    struct.pack_into(">h", cut, 21, 0x30)  # transactional, control
    struct.pack_into(">I", cut, 17, calc_crc32c(cut[21:]))
    assert main([segment(numbered(0, 0), bytes(cut), numbered(2, 1))]) == 1
    said = capsys.readouterr().out
    assert "Broken: at offset 1 a marker is cut off." in said and "3 batches" in said


def test_equal_contents_are_a_suspicion_and_no_more(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([segment(stored(0, b"tea"), stored(1, b"rum"), stored(2, b"tea"))]) == 0
    said = capsys.readouterr().out
    assert ("Suspected copy: the record at offset 2 holds the same key and value as the one at offset 0, both without a "
            f"producer id.\n{ON_PURPOSE}\n" + compared(3)) in said
    assert said.count("Suspected copy") == 1


def test_a_value_that_comes_all_the_time_is_one_sentence(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """As in a metadata log, whose controller writes the same record twice a second."""
    assert main([segment(*(stored(n, b"tick") for n in range(60)))]) == 0
    said = capsys.readouterr().out
    assert "1 key and value comes more than 10 times, in 60 records: only counted" in said and "Suspected" not in said


def test_committed_offsets_are_numbered_by_the_coordinator_and_no_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins each batch of a transaction at 0 again; seen in what Apache Kafka 4.4.0 wrote."""
    folder = tmp_path / "__consumer_offsets-0"
    for name, status in (("orders-0", 1), (folder.name, 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.log").write_bytes(numbered(0, 0) + numbered(1, 0))
        assert main([str(tmp_path / name / "0.log")]) == status
    assert capsys.readouterr().out.count("Copy:") == 1


def test_control_records_of_a_metadata_log_end_no_transaction(segment: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """They have a producer's control bit and types beyond abort and commit, such as 2: another leader."""
    leader_change = bytearray(marker(-1, -1, commit=False, coordinator_epoch=0, timestamp=0))
    assert leader_change[66:70] == b"\0\0\0\0"  # version 0, type 0
    leader_change[69] = 2
    struct.pack_into(">I", leader_change, 17, calc_crc32c(leader_change[21:]))
    assert main([segment(bytes(leader_change))]) == 0
    assert "aborted" not in capsys.readouterr().out


def changed(batch: bytes, at: int, form: str, number: int) -> bytes:
    """The batch with another number in one field of its header."""
    data = bytearray(batch)
    struct.pack_into(form, data, at, number)
    return bytes(data)


ONE = numbered(1, 1)
ANOTHER = numbered(90, 0, producer_id=4)  # a whole batch, inside of a record
CONTAINS = changed(numbered(1, 1, ANOTHER), 17, ">I", 1)
OLD = changed(ONE, 16, ">b", 1)


@pytest.mark.parametrize(("middle", "why"), [
    (b"\xff" * 90, "no batch begins here"), (b"\x02" * 3_000_001, "no batch begins here"), (bytes(700), "no batch begins here"),
    (b"x", "no batch begins here"), (ONE[:40], "no batch begins here"), (bytes(16) + ONE[16:40], "no batch begins here"),
    (changed(ONE, 8, ">i", 5), "no batch begins here"), (changed(ONE, 8, ">i", -1), "no batch begins here"),
    (changed(ONE, 8, ">i", 2**31 - 1), "no batch begins here"), (changed(ONE, 8, ">i", 2**20), "its length goes beyond the file"),
    (changed(ONE, 8, ">i", 80), "its checksum is wrong"), (ONE[:-1] + b"?", "its checksum is wrong"), (CONTAINS, "its checksum is wrong"),
    (ONE[:-2], "its checksum is wrong"), (changed(ONE, 23, ">i", -2), "no batch begins here"),
    (OLD, "batches of format 1, older than Kafka 0.11"), (OLD * 3, "batches of format 1, older than Kafka 0.11"),
], ids=range(17))
def test_broken_bytes_are_named_and_passed_over(segment: Callable[..., str], capsys: pytest.CaptureFixture[str],
                                                middle: bytes, why: str) -> None:
    """What lies in front of them is read, and so is what lies behind: nothing of it, and nothing else."""
    before, behind = numbered(0, 0), [numbered(2, 2), numbered(3, 3)]
    assert main([segment(before, middle, *behind)]) == 1
    said = capsys.readouterr().out
    assert f"Broken: at byte {len(before)} {why}; {len(middle):,} byte" in said and said.count("Broken") == 1
    assert said.startswith("00000000000000000000.log: 3 batches\n") and " 4 " not in said


@pytest.mark.parametrize(("end", "why"), [(ONE[:-3], "the last batch is cut off"), (ONE[:30], "the last batch is cut off"),
                                          (b"\xff" * 90, "no batch begins here"), (ONE[:-1] + b"?", "its checksum is wrong")])
def test_so_are_those_at_the_end(segment: Callable[..., str], capsys: pytest.CaptureFixture[str], end: bytes, why: str) -> None:
    assert main([segment(numbered(0, 0), end)]) == 1
    said = capsys.readouterr().out
    assert f"Broken: at byte {len(numbered(0, 0))} {why}; {len(end)} bytes passed over." in said and "log: 1 batches" in said


def test_a_picture_says_which_batches_it_shows(segment: Callable[..., str], tmp_path: Path) -> None:
    """All of them, or those around what is wrong; markers too; no values."""
    def drawn(*batches: bytes) -> str:
        main([segment(*batches), "--html", str(tmp_path / "log.html")])
        page = (tmp_path / "log.html").read_text()
        assert "secret" not in page and "secret" not in base64.b64decode(re.search(r"base64,([^\"]*)", page)[1]).decode()
        return page
    few = drawn(numbered(0, 0, b"secret"), stored(1, b"secret"), numbered(2, 1))
    assert "All batches are drawn." in few and "What is in the log" in few
    many = drawn(*(numbered(n, n + 3 * (n > 600)) for n in range(1000)))
    assert "40 of 1,000 batches are drawn, from offset 582 to 621: around the first thing that is wrong." in many
    calm = drawn(*(numbered(n, n) for n in range(1000)))
    assert "40 of 1,000 batches are drawn, from offset 0 to 39: the first ones." in calm
    again = drawn(stored(0, b"secret"), *(numbered(n, n) for n in range(1, 900)), stored(900, b"secret"))
    assert "21 of 901 batches are drawn, from offset 0 to 900: around the first suspected copy." in again


def test_a_log_as_a_history() -> None:
    """A batch that is there twice is the same batch again, also where equal bytes are all that says so."""
    ended = BatchInLog(read_header(numbered(4, -1)), b"")
    found = [BatchInLog(read_header(one), one[61:]) for one in (numbered(0, 0), numbered(1, 0), stored(2, b"tea"), stored(3, b"tea"))]
    read = LogRead().take(found)
    read.shown.append(KeptBatch(ended.header, marker="commit"))
    run = as_history(read, "orders-0")
    assert [(e.batch, e.try_no) for e in run.of(Kind.SEND)] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [e.offset for e in run.of(Kind.VERDICT)] == [0, 1, 2, 3] and [e.what for e in run.of(Kind.MARKER)] == ["commit"]
    svg = show(run, "arrivals").svg
    assert "commit of P7" in svg and "found in a log" in svg and "Copy: at offset 1" in svg


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(batches: int) -> int:
        path = tmp_path / f"{batches}.log"
        with path.open("wb") as file:
            for n in range(batches):
                file.write(numbered(n, n, struct.pack(">i", n) + bytes(1000)))
            file.write(b"\x02" * 1000 * batches)  # and bytes to search through
        tracemalloc.start()
        read = LogRead(records=EqualRecords(1_000)).take(of_file(path))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read.batches == batches and not read.findings and len(read.broken) == 1 and not read.records.again
        return top
    assert peak(30_000) < 1.2 * peak(10_000)  # 10,000 headers are remembered, too


@pytest.mark.parametrize(("argv", "words"), [
    (["/no/such.log"], "/no/such.log cannot be read: No such file or directory."), (["127.0.0.1:1", "orders"], "127.0.0.1:1"),
    (["/no/such.snapshot"], "cannot be read"), ([__file__ + ".snapshot"], "cannot be read")])
def test_what_cannot_be_read_is_one_sentence(argv: list[str], words: str) -> None:
    with pytest.raises(LessonError, match=words.replace(".", r"\.")):
        main(argv)


def test_a_broker_that_answers_garbage_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def garbage(*_: object) -> None:
        raise ProtocolError("a frame of -5 bytes")
    with EmbeddedBroker() as broker:
        monkeypatch.setattr("lesson_lib.wire.requests.RawClient.ask", garbage)
        with pytest.raises(LessonError, match=rf"broker at {broker.address} broke \(a frame of -5 bytes\)\."):
            main([broker.address, "orders"])


def test_a_snapshot_is_the_last_batch_of_each_producer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Apache Kafka 4.4.0 wrote it after three batches of id 7 and one of id 9 with an open transaction (compared by hand)."""
    entries = struct.pack(">qhiqiqiq", 7, 0, 2, 2, 0, 1_700_000_000_000, -1, -1), struct.pack(">qhiqiqiq", 9, 3, 0, 3, 0, 0, 1, 3)
    path = tmp_path / "00000000000000000004.snapshot"
    path.write_bytes(struct.pack(">hIi", 1, 0, 2) + b"".join(entries))
    assert main([str(path)]) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines()[2:]]
    page = tmp_path / "snapshot.html"
    assert main([str(path), "--html", str(page)]) == 0 and said.strip() in page.read_text()
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
    assert CLEAN + "Keys and values" in capsys.readouterr().out


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
    assert "1 committed, 1 aborted" in said and said.count("Suspected copy") == 1
    assert "1 record was left out, of aborted transactions" in said
    for data in (ROOT / ".kafka").glob(f"{kafka_address.split(':')[1]}/data/{topic}-0"):
        assert main([str(data / "00000000000000000000.log")]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == said.splitlines()[1:]
    admin.delete_topics([topic])
    admin.close()
