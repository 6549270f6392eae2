"""Records that are in a log twice, however they were batched and compressed; and what `read` says it looked at."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer, codec
from kafka.record.default_records import DefaultRecordBatchBuilder

from course_tools.read import equal_records, records
from course_tools.read.command import main
from course_tools.read.equal_records import ON_PURPOSE, EqualRecords
from course_tools.read.findings import SUSPICION, LogRead
from course_tools.read.on_disk import BatchInLog, of_file
from course_tools.read.picture import as_history
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.history import Kind
from lesson_lib.lab.forge import forge
from lesson_lib.wire import requests
from lesson_lib.wire.record_batch import COMPRESSIONS, HEADER_SIZE, marker, read_header
from lesson_lib.wire.unpack import UNPACKED_BY

Records = Sequence[tuple[bytes | None, bytes | None]]
FIVE = [(b"k%d" % n, b"order-%d" % n) for n in range(5)]


def batch(offset: int, held: Records, compression: str = "none", *, sequence: int | None = None, producer_id: int = 7,
          transactional: bool = False, time: int = 0, headers: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """A batch as it lies in a log, of a producer whose sequences are its offsets unless told."""
    numbers = producer_id, 0, offset if sequence is None else sequence
    builder = DefaultRecordBatchBuilder(2, COMPRESSIONS.index(compression), transactional, *numbers, 1 << 30)
    for delta, (key, value) in enumerate(held):
        builder.append(delta, 1_700_000_000_000 + time + delta * 90, key, value, list(headers))
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, offset)
    return bytes(data)


def ended(offset: int, *, commit: bool, producer_id: int = 7) -> bytes:
    data = bytearray(marker(producer_id, 0, commit=commit, coordinator_epoch=0, timestamp=0))
    struct.pack_into(">q", data, 0, offset)
    return bytes(data)


def one_by_one(offset: int, held: Records, **others: int) -> list[bytes]:
    return [batch(offset + n, [one], **others) for n, one in enumerate(held)]


def read(*batches: bytes, window: int = 1000) -> LogRead:
    return LogRead(records=EqualRecords(window)).take(BatchInLog(read_header(one), one[HEADER_SIZE:]) for one in batches)


def suspected(*batches: bytes, window: int = 1000) -> list[str]:
    return [one.sentence for one in read(*batches, window=window).records.suspicions]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_records_sent_again_in_another_batch_are_found(compression: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five one by one, a restart, then the same five in one batch, with another time and other headers."""
    if not getattr(codec, f"has_{compression}", lambda: True)():
        pytest.skip(f"{compression} is not installed")
    again = batch(5, FIVE, compression, producer_id=8, sequence=0, time=99, headers=[("trace", b"x")])
    path = tmp_path / "00000000000000000000.log"
    path.write_bytes(b"".join([*one_by_one(0, FIVE), again]))
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.endswith(
        "Suspected copy: the 5 records at offsets 5 to 9 (producer id 8, epoch 0, sequence 0) hold the same keys and "
        "values as those at 0 to 4 (producer id 7, epoch 0, sequence 0), in the same order.\n"
        f"{ON_PURPOSE}\nKeys and values of 10 records were compared, each with all before it.\n")


def test_a_real_client_that_starts_again_and_packs_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker, closing(forge(broker.address)) as bench:
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
        for _, value in FIVE:
            producer.send(bench.topic, value).get(30)
        producer.close()
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", linger_ms=500, compression_type="gzip")
        sent = [producer.send(bench.topic, value) for _, value in FIVE]
        producer.flush()
        assert sent[4].get(30).offset == 9
        producer.close()
        assert main([broker.address, bench.topic]) == 0
    assert "the 5 records at offsets 5 to 9" in capsys.readouterr().out


@pytest.mark.parametrize("other", [[(b"k", b"b")], [(None, b"a")], [(b"k", None)], [(b"k", b"")], [(b"", b"ka")], [(b"ka", b"")]])
def test_another_key_or_value_is_no_copy(other: Records) -> None:
    assert not suspected(batch(0, [(b"k", b"a")]), batch(1, other))


def test_records_of_any_size_are_read_as_kafkas_client_reads_them() -> None:
    """Lengths of one byte, two and more; the offsets of a batch from which compaction removed some."""
    chance = random.Random(5)
    held = [(chance.choice([None, b"", b"k" * size]), chance.choice([None, b"", b"v" * chance.choice((size, 9_000))]))
            for size in (1, 62, 63, 64, 127, 128, 8_191, 8_192, 20_000)]
    data = batch(40, held, headers=[("h", b"x" * 70)])
    kept = bytearray(data)
    struct.pack_into(">i", kept, 23, 11)  # the last three of twelve are gone: now deltas are believed, not counted
    for one in (data, bytes(kept)):
        digests, offsets = records.keys_and_values(read_header(one), one[HEADER_SIZE:])
        assert [*offsets] == [*range(40, 49)] and [held.index(entry) for entry in held] == [*map(digests.index, digests)]


def test_a_copy_between_other_records_and_one_of_a_part() -> None:
    """Each stretch is told, in the order of the log."""
    new = [(None, b"new-%d" % n) for n in range(3)]
    assert suspected(*one_by_one(0, FIVE), batch(5, [new[0], *FIVE[1:3], new[1]]), batch(9, [FIVE[4], new[2]])) == [
        "the 2 records at offsets 6 to 7 (producer id 7, epoch 0, sequence 6) hold the same keys and values as those at 1 "
        "to 2 (producer id 7, epoch 0, sequence 1), in the same order.",
        "the record at offset 9 (producer id 7, epoch 0, sequence 9) holds the same key and value as the one at offset 4 "
        "(producer id 7, epoch 0, sequence 4)."]


def test_values_that_come_all_the_time_are_counted_and_do_not_hide_a_copy() -> None:
    """A counter, a flag, tombstones: thousands of small equal ones, and among them ten that were sent again."""
    chance = random.Random(3)
    noise = [(None, chance.choice([b"", b"1", b"0", None])) for _ in range(3_000)]
    real = [(None, b"payment-%d" % n) for n in range(10)]
    mixed = [one for pair in zip(real, noise, strict=False) for one in pair]
    found = read(batch(0, noise[:1500]), batch(1500, mixed), batch(1520, noise[1500:]), batch(3020, mixed))
    said = found.records.suspicions
    assert len(said) == 1 and "offsets 3020 to 3038" in said[0].sentence and "the 10 records" in said[0].sentence
    assert found.records.counted()[1:] == ["4 keys and values come more than 10 times, in 3,020 records: only counted, as a state, "
                                       "a counter or a heartbeat does that."]


def test_many_copies_are_a_few_sentences_and_a_number() -> None:
    held = [(None, b"%d" % n) for n in range(500)]
    again = [one for n, one in enumerate(held) for one in (one, (None, b"new-%d" % n))]
    found = read(batch(0, held), batch(500, again), batch(1500, held[:40]))
    assert len(found.records.suspicions) == equal_records.MOST_TOLD
    assert any("the 40 records at offsets 1500 to 1539" in one.sentence for one in found.records.suspicions)
    assert found.records.counted()[:-1] == ["In all, 540 records hold the key and value of an earlier one."]


def test_a_copy_that_its_number_proves_is_not_suspected_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(batch(0, FIVE) + batch(5, FIVE, sequence=0))
    assert main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "Copy: at offset 5 producer id 7" in said and "uspected" not in said and "In all" not in said


def test_what_was_aborted_is_no_copy_and_no_original() -> None:
    """An aborted transaction's records, sent again and committed, are there once for who reads what is committed."""
    first = batch(0, FIVE, transactional=True)
    again = batch(6, FIVE, sequence=5, transactional=True)
    alone = read(first, ended(5, commit=False), again, ended(11, commit=True))
    assert not alone.records.suspicions and "5 records were left out, of aborted transactions" in alone.records.looked_at()[1]
    assert alone.about < SUSPICION
    assert not suspected(first, ended(5, commit=True), again, ended(11, commit=False))
    assert "the 5 records at offsets 6 to 10" in suspected(first, ended(5, commit=True), again, ended(11, commit=True))[0]
    assert "the 5 records at offsets 6 to 10" in suspected(first, ended(5, commit=True), again)[0]  # open at the end
    between = batch(5, FIVE, producer_id=8)
    assert not suspected(first, between, ended(10, commit=False))


def test_transactions_wait_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equal_records, "MOST_PENDING", 3)
    found = read(batch(0, FIVE, transactional=True), ended(5, commit=True), *one_by_one(6, FIVE))
    assert "3 records" in found.records.suspicions[0].sentence
    assert found.records.looked_at()[-1].startswith("2 records were not compared: 3 were waiting already")


def test_each_record_is_compared_with_at_least_the_window_before_it() -> None:
    def at_distance(between: int) -> bool:
        values = [b"again", *(b"%d" % n for n in range(between)), b"again"]
        return bool(suspected(batch(0, [(None, value) for value in values]), window=100))
    assert at_distance(0) and at_distance(50) and at_distance(99) and not at_distance(200)
    far = read(batch(0, [(None, b"%d" % n) for n in range(101)]), window=100).records
    assert far.looked_at() == ["Keys and values of 101 records were compared, each with at least the 100 before it "
                               "(--window 1000 looks further back)."]


def test_memory_is_bounded_by_the_window_whatever_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where every record is an old one again, and where nothing is."""
    monkeypatch.setattr(equal_records, "BATCHES_KNOWN", 10)

    def peak(rounds: int, *, fresh: bool) -> int:
        compare = EqualRecords(500)
        tracemalloc.start()
        for n in range(rounds):
            held = [(None, b"%d" % (m + 400 * n * fresh)) for m in range(400)]
            one = batch(400 * n, held + [(None, b"new%d" % n)])
            compare.take(BatchInLog(read_header(one), one[HEADER_SIZE:]))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top
    for fresh in (False, True):
        assert peak(60, fresh=fresh) < 1.3 * peak(20, fresh=fresh)


def test_numbers_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(batch(0, FIVE) + batch(5, FIVE))
    assert main([str(path), "--window", "0"]) == 0
    assert capsys.readouterr().out.endswith(
        "No number is there twice, no gap, no open transaction.\n"
        "Only numbers were looked at (--window 0): records sent again under other numbers are not found.\n")
    with pytest.raises(SystemExit):
        main([str(path), "--window", "-1"])
    assert "is no number of records" in capsys.readouterr().err


@pytest.mark.parametrize(("spoilt", "why"), [
    (lambda data: data[:HEADER_SIZE] + b"\x1f\x8b?", "its gzip does not unpack."),
    (lambda data: data[:22] + b"\x07" + data[23:], "its compression (7) is unknown"),
    (lambda data: data[:22] + b"\0" + data[23:], "its records do not fit their header"),
    (lambda data: batch(0, FIVE)[:57] + struct.pack(">i", 4) + batch(0, FIVE)[61:], "its records do not fit their header"),
], ids=range(4))
def test_a_batch_that_does_not_unpack_is_compared_as_a_whole_and_named(spoilt: Callable[[bytes], bytes], why: str) -> None:
    data = spoilt(batch(0, FIVE, "gzip"))
    again = struct.pack(">q", 5) + data[8:43] + b"\xff" * 14 + data[57:]  # without a producer's numbers
    found = read(data, again).records
    assert len(found.suspicions) == 1 and found.looked_at()[-1].startswith("2 batches were compared as a whole only: " + why)


@pytest.mark.parametrize("compression", COMPRESSIONS[2:])
def test_without_its_library_it_says_what_to_install(compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, f"has_{compression}", lambda: False)
    data = bytearray(batch(0, FIVE))
    data[22] |= COMPRESSIONS.index(compression)
    assert read(bytes(data)).records.looked_at() == [
        f"1 batch was compared as a whole only: {compression} is not installed (pip install {UNPACKED_BY[compression]})."]


@pytest.mark.parametrize("compression", COMPRESSIONS[1:])
def test_what_unpacks_to_gigabytes_stays_packed(compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not getattr(codec, f"has_{compression}")():
        pytest.skip(f"{compression} is not installed")
    monkeypatch.setattr(records, "LARGEST_UNPACKED", 2**20)
    data = batch(0, [(None, bytes(30 * 2**20))], compression)
    tracemalloc.start()
    found = read(data).records
    assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    tracemalloc.stop()
    assert "than 1 MB" in found.looked_at()[-1]
    assert len(suspected(batch(0, FIVE, compression), batch(5, FIVE))) == 1


def test_the_same_batch_compressed_is_drawn_as_the_same_batch() -> None:
    run = as_history(read(batch(0, FIVE, sequence=-1, producer_id=-1), batch(5, FIVE, "gzip", sequence=-1, producer_id=-1)), "orders-0")
    assert [(event.batch, event.try_no) for event in run.of(Kind.SEND)] == [(0, 1), (0, 2)]


def test_an_address_alone_lists_the_topics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "topics.html"
    with EmbeddedBroker() as broker:
        assert main([broker.address]) == 0
        assert capsys.readouterr().out == f"The broker at {broker.address} has no topic.\n"
        with requests.RawClient(broker.address) as client:
            requests.make_topic(client, "orders", 3)
        assert main([broker.address, "--html", str(page)]) == 0
        said = capsys.readouterr().out
    assert "orders  3\n" in said and said.endswith(f"Name one of them: python -m lesson_lib read {broker.address} TOPIC\n")
    assert "orders  3" in page.read_text()
    with pytest.raises(LessonError, match="No broker answers at '127.0.0.1:1'"):
        main(["127.0.0.1:1"])


def test_a_file_may_have_a_name_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders:9092").write_bytes(batch(0, FIVE))
    assert main(["orders:9092"]) == 0 and "5 records" in capsys.readouterr().out
    assert len(list(of_file(Path("orders:9092")))) == 1


def test_zstd_of_more_than_a_megabyte_as_java_packs_it() -> None:
    """Without the size of what is in it, at which kafka-python's own unpacking stops."""
    zstandard = pytest.importorskip("zstandard")
    plain = batch(0, [(None, bytes(3 * 2**20))])
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    packed = packer.compress(plain[HEADER_SIZE:]) + packer.flush()
    again = struct.pack(">q", 1) + plain[8:22] + b"\x04" + plain[23:53] + struct.pack(">i", 1) + plain[57:HEADER_SIZE] + packed
    assert len(suspected(plain, again)) == 1
