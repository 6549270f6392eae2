"""Forged batches against kafka-python's own reader, and the header table against the header."""

import re
import struct
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch

from lesson_lib.core.producer_state import Batch
from lesson_lib.errors import LessonError
from lesson_lib.lab.header_table import explain_header
from lesson_lib.wire.record_batch import FIELDS, HEADER_SIZE, attribute_words, batch_bytes, split_batches

FORGED = batch_bytes([b"m0", b"m1", b"m2"], producer_id=4000, producer_epoch=3, base_sequence=17, transactional=True,
                     timestamp=1_780_000_000_123)


def test_kafka_python_reads_what_was_forged():
    batch = DefaultRecordBatch(FORGED)
    assert batch.validate_crc()
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (4000, 3, 17)
    assert batch.is_transactional and not batch.is_control_batch
    assert [(r.offset, r.value, r.timestamp) for r in batch] == [(n, b"m%d" % n, 1_780_000_000_123) for n in range(3)]


def test_without_an_id_the_three_fields_are_there_and_minus_one():
    table = explain_header(batch_bytes([b"m0"]))
    assert (table["producer_id"], table["producer_epoch"], table["base_sequence"]) == (-1, -1, -1)
    assert HEADER_SIZE == 61


@pytest.mark.parametrize("field, value", [("last_offset_delta", 7), ("base_offset", 5), ("records_count", 0), ("base_sequence", -1)])
def test_a_wrong_field_keeps_a_right_checksum(field, value):
    forged = batch_bytes([b"m0"], producer_id=1, producer_epoch=0, base_sequence=0, wrong={field: value})
    assert explain_header(forged)[field] == value
    assert DefaultRecordBatch(forged).validate_crc()


def test_a_wrong_checksum_stays_wrong():
    assert not DefaultRecordBatch(batch_bytes([b"m0"], wrong={"crc": 1})).validate_crc()


def test_control_and_transactional_are_bits_of_one_field():
    assert DefaultRecordBatch(batch_bytes([b"m0"], control=True)).is_control_batch
    assert attribute_words(0x34) == "compression zstd, timestamps by the client, transactional, control"


def test_the_fields_fill_the_header_without_a_gap():
    assert FIELDS[0].start == 0
    assert [f.end for f in FIELDS] == [*(f.start for f in FIELDS[1:]), HEADER_SIZE]
    assert sum(struct.calcsize(">" + f.format) for f in FIELDS) == HEADER_SIZE


def test_the_table_shows_each_byte_once_and_in_order():
    table = explain_header(FORGED)
    assert bytes.fromhex("".join(data for _, data, *_ in table.rows()).replace(" ", "")) == FORGED[:HEADER_SIZE]
    line = next(line for line in str(table).splitlines() if " base_sequence " in line)
    assert line.split() == ["53", "00", "00", "00", "11", "base_sequence", "17"]
    assert "<code>00 00 00 11</code>" in table._repr_html_()
    assert re.findall("<b>(.*?)</b>", table._repr_html_()) == ["producer_id", "producer_epoch", "base_sequence"], "idempotence's own"


@pytest.mark.parametrize("size", [0, 60])
def test_too_few_bytes_are_refused_in_words(size):
    with pytest.raises(LessonError, match=f"61 bytes, these are only {size}"):
        explain_header(FORGED[:size])


def test_an_unknown_field_is_named():
    with pytest.raises(LessonError, match="no field 'sequence'"):
        explain_header(FORGED)["sequence"]


def test_split_leaves_out_what_is_cut_off():
    other = batch_bytes([b"x"])
    assert split_batches(FORGED + other) == [FORGED, other]
    assert split_batches(FORGED + other[:-1]) == [FORGED]
    assert split_batches(b"") == []


@pytest.mark.parametrize("wrong", [b"short", None, 5, ["m0"], Batch(1, 7, 0, 0)])
def test_what_is_no_batch_gets_a_sentence(wrong: Any) -> None:
    with pytest.raises(LessonError, match="Give explain_header a whole batch"):
        explain_header(wrong)
