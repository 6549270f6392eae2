"""What a batch holds, in each of Kafka's codecs, and how little of a batch that is too large stays in memory."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from kafka.codec import lz4_encode, snappy_encode, zstd_encode
from kafka.errors import UnsupportedCodecError

from lesson_lib.proxy.recording import BatchValues, as_text, content_of, values_in
from lesson_lib.wire.record_batch import COMPRESSIONS, HEADER_SIZE, batch_bytes, read_header, records_in
from lesson_lib.wire.unpack import MOST_UNPACKED

ENCODE = {"gzip": gzip.compress, "lz4": lz4_encode, "zstd": zstd_encode, "snappy": snappy_encode,
          "plain snappy": lambda data: snappy_encode(data, xerial_compatible=False)}


def packed(values: list[bytes], name: str) -> bytes:
    plain = batch_bytes(values, wrong={"attributes": COMPRESSIONS.index(name.removeprefix("plain "))})
    body = ENCODE[name](plain[HEADER_SIZE:])
    return plain[:8] + (len(body) + HEADER_SIZE - 12).to_bytes(4, "big") + plain[12:HEADER_SIZE] + body


@pytest.mark.parametrize("codec", ENCODE)
def test_the_values_are_those_that_were_packed(codec: str) -> None:
    values = [b"value %d" % n for n in range(40)]
    assert values_in(packed(values, codec)) == values_in(batch_bytes(values)) != BatchValues()
    assert values_in(packed(values, codec)).shown[:2] == ("value 0", "value 1")
    assert values_in(packed(values, codec)[:-9]) == BatchValues(), "cut off"


@pytest.mark.parametrize("codec", ENCODE)
def test_what_unpacks_to_more_than_we_want_is_not_unpacked(codec: str) -> None:
    bomb = packed([bytes(MOST_UNPACKED // 4)] * 8, codec)
    assert len(bomb) < MOST_UNPACKED / 10
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 32 MB"):
        records_in(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values_in(bomb) == BatchValues() and most < 3 * MOST_UNPACKED


@pytest.mark.parametrize("codec", ["snappy", "lz4", "zstd"])
def test_a_package_that_is_missing_is_named(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = packed([b"m"], codec)
    monkeypatch.setattr(f"kafka.codec.has_{codec}", lambda: False)
    with pytest.raises(UnsupportedCodecError, match=codec):
        records_in(batch)
    assert values_in(batch) == BatchValues()


def test_a_codec_that_kafka_does_not_have_is_no_batch_of_ours() -> None:
    batch = batch_bytes([b"m"], wrong={"attributes": 5})
    assert read_header(batch).attributes == 5 and values_in(batch) == BatchValues()


def test_a_large_batch_shows_no_values_and_is_known_by_all_of_them() -> None:
    values = [b"%d" % n for n in range(65)]
    seen = values_in(batch_bytes(values))
    assert seen.shown == () and seen.content == values_in(batch_bytes(values, timestamp=7)).content
    others = [values[:-1], [*values, b""], [*values[:-1], b"65"], [values[1], values[0], *values[2:]]]
    assert len({seen.content, *(values_in(batch_bytes(other)).content for other in others)}) == 5
    large = values_in(batch_bytes([bytes(40_000)] * 3))
    assert large.shown == () and large.content == content_of([as_text(bytes(40_000))] * 3)


def test_where_a_value_ends_counts_too() -> None:
    assert content_of(["ab", "c"]) != content_of(["a", "bc"]) != content_of(["abc"])


def test_a_broken_record_shows_no_values_and_raises_nothing() -> None:
    assert values_in(batch_bytes([b"abc"])[:-2]) == BatchValues()


@pytest.mark.parametrize(("value", "text"), [(b"m1", "m1"), ("ä".encode(), "ä"), (b"\xff\x00", "b'\\xff\\x00'"), (None, "null")])
def test_values_as_text(value: bytes | None, text: str) -> None:
    assert as_text(value) == text
