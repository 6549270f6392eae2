"""What brokers of different age do with an id that they do not know (D17) or know from a marker only (D12)."""

from __future__ import annotations

import pytest

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.producer_state import (
    MAX_SEQUENCE,
    Appended,
    Batch,
    BatchMetadata,
    ProducerStateEntry,
    Refused,
    Verdict,
)

OUT_OF_ORDER, UNKNOWN = (Refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER), Refused(ErrorCode.UNKNOWN_PRODUCER_ID))


def first_verdict(version: str, sequence: int, log_has_records: bool = False) -> Verdict:
    """What a broker of that release does with the first batch of an id."""
    log = PartitionLog(KafkaVersion.of(version))
    if log_has_records:
        log.append(Batch())
    return log.append(Batch(1, 7, 0, sequence))


@pytest.mark.parametrize(("version", "verdict"), [
    ("1.0", UNKNOWN), ("1.1", UNKNOWN), ("2.4", UNKNOWN), ("2.5", Appended(0)), ("3.6", Appended(0)), ("4.0", Appended(0)),
    ("4.4", Appended(0)), ("4.5", OUT_OF_ORDER), ("5.0", OUT_OF_ORDER)], ids=lambda v: f"D17 {v}" if isinstance(v, str) else "")
def test_unknown_id_not_from_zero_on_a_new_log(version: str, verdict: Verdict) -> None:
    assert first_verdict(version, 42) == verdict


@pytest.mark.parametrize(("version", "verdict"), [("2.4", UNKNOWN), ("2.5", Appended(1)), ("4.4", Appended(1)), ("4.5", Appended(1))],
                         ids=lambda v: f"D17 {v}" if isinstance(v, str) else "")
def test_unknown_id_not_from_zero_on_a_log_with_records(version: str, verdict: Verdict) -> None:
    assert first_verdict(version, 42, log_has_records=True) == verdict


@pytest.mark.parametrize("version", ["1.0", "2.4", "2.5", "4.4", "4.5"])
def test_D16_unknown_id_from_zero_is_stored_by_all(version: str) -> None:
    assert first_verdict(version, 0) == Appended(0)


def test_D17_a_log_emptied_by_delete_records_is_not_new() -> None:
    log = PartitionLog(KafkaVersion(4, 5))
    log.append(Batch())
    log.delete_records(1)
    assert log.append(Batch(1, 7, 0, 42)) == Appended(1)


@pytest.mark.parametrize(("version", "verdict"), [
    ("1.1", OUT_OF_ORDER), ("2.0.0", OUT_OF_ORDER), ("2.0.1", UNKNOWN), ("2.4", UNKNOWN), ("2.5", OUT_OF_ORDER),
    ("4.5", OUT_OF_ORDER)], ids=lambda v: f"D12 {v}" if isinstance(v, str) else "")
def test_an_id_known_from_a_marker_only(version: str, verdict: Verdict) -> None:
    log = PartitionLog(KafkaVersion.of(version))
    log.append_marker(7, 1, commit=True)
    assert log.append(Batch(1, 7, 1, 5)) == verdict
    assert log.append(Batch(1, 7, 1, 0)) == Appended(1)


def test_releases_are_read_and_compared() -> None:
    assert KafkaVersion.of("4.10.1") > KafkaVersion(4, 10) > KafkaVersion.of("4.9") > KafkaVersion.of("3.12")
    assert (str(KafkaVersion.of("2.0.1")), str(KafkaVersion.of("2.0.0"))) == ("2.0.1", "2.0")
    assert (str(DEFAULT_VERSION), KafkaVersion.of(DEFAULT_VERSION)) == ("4.4", DEFAULT_VERSION)


@pytest.mark.parametrize("wrong", ["", "4", "0.11", "four.four", "4.x", "-1.2"])
def test_what_is_no_release(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a Kafka release"):
        KafkaVersion.of(wrong)


def test_what_changed_when() -> None:
    changes = {v: (KafkaVersion.of(v).verifies_transactions, KafkaVersion.of(v).has_transaction_version_2)
               for v in ("3.5", "3.6", "3.9", "4.0")}
    assert changes == {"3.5": (False, False), "3.6": (True, False), "3.9": (True, False), "4.0": (True, True)}


@pytest.mark.parametrize(("version", "error"), [("1.0", 46), ("1.0.2", 46), ("1.1", 45), ("4.4", 45)])
def test_D4_an_old_batch_that_is_forgotten(version: str, error: int) -> None:
    log = PartitionLog(KafkaVersion.of(version))
    for sequence in range(8):
        log.append(Batch(1, 7, 0, sequence))
    assert log.append(Batch(1, 7, 0, 1)) == Refused(ErrorCode(error))
    assert log.append(Batch(1, 7, 0, 0)) == log.append(Batch(1, 7, 0, 9)) == OUT_OF_ORDER, "0 alone never was a duplicate"


@pytest.mark.parametrize(("version", "verdict"), [("2.3", UNKNOWN), ("2.4", Appended(6)), ("4.4", Appended(6))])
def test_an_id_all_of_whose_records_were_deleted(version: str, verdict: Verdict) -> None:
    log = PartitionLog(KafkaVersion.of(version))
    log.append(Batch(3, 7, 0, 0))
    log.append(Batch(3, 8, 0, 0))
    log.delete_records(3)
    assert log.append(Batch(1, 7, 0, 3)) == verdict
    assert log.append(Batch(1, 8, 0, 3)) == Appended(log.log_end_offset - 1), "the other one has a record left"


def test_before_2_4_the_ranges_of_deleted_batches_are_forgotten_one_by_one() -> None:
    log = PartitionLog(KafkaVersion(2, 3))
    for sequence in (0, 2, 4):
        log.append(Batch(2, 7, 0, sequence))
    log.delete_records(3)
    assert [b.first_sequence for b in log.producers[7].batches] == [2, 4], "of the second one a record is left"


def test_before_2_4_a_batch_across_the_highest_sequence_is_forgotten_once_its_last_record_is_deleted() -> None:
    log = PartitionLog(KafkaVersion(2, 3))
    log.producers[7] = ProducerStateEntry(0, (BatchMetadata(MAX_SEQUENCE - 1, MAX_SEQUENCE - 1, -1),))
    log.append(Batch(3, 7, 0, MAX_SEQUENCE))
    log.append(Batch(1, 7, 0, 2))
    log.delete_records(2)
    assert [b.first_sequence for b in log.producers[7].batches] == [MAX_SEQUENCE, 2], "its last record is at offset 2"
