"""Kafka's decision table: which row decides on a batch, and what each row says.

The numbers are those of the list that the embedded broker was built from. A row that ends in a number is
refused with that error.
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.core.producer_state import MAX_SEQUENCE, Batch, ProducerStateEntry, increment_sequence

Range = tuple[int, int, int]  # epoch, first sequence, last sequence
# Rows of a batch that is stored unless an earlier one of its producer still waits for the coordinator.
STORED = {"D1", "D10", "D12", "D13", "D15", "D16", "D17", "D22"}


def row_of(entry: ProducerStateEntry | None, batch: Batch, stored: Sequence[Range]) -> str:
    """The row of the decision table that decides on a batch which passed every check before the rule."""
    if not batch.has_producer_id:
        return "D18"
    if batch.base_sequence < 0:
        return "D19"
    if entry is None or entry.producer_epoch < 0:
        return "D16" if batch.base_sequence == 0 else "D17"
    if seen := entry.duplicate_of(batch):
        return "D2" if seen == entry.batches[-1] else "D3"
    if batch.producer_epoch != entry.producer_epoch:
        newer = "D10" if batch.base_sequence == 0 else "D11"
        return "D9" if batch.producer_epoch < entry.producer_epoch else newer
    if not entry.batches:
        return "D12" if batch.base_sequence == 0 else "D12 not 0"
    if entry.is_next(batch.base_sequence):
        return _in_order_row(entry, batch)
    return _out_of_order_row(entry, batch, stored)


def _in_order_row(entry: ProducerStateEntry, batch: Batch) -> str:
    if entry.current_txn_first_offset is not None:
        return "D22" if batch.transactional else "D21"
    if entry.last_sequence == MAX_SEQUENCE:
        return "D13"
    return "D15" if batch.last_sequence < batch.base_sequence else "D1"


def _out_of_order_row(entry: ProducerStateEntry, batch: Batch, stored: Sequence[Range]) -> str:
    first, last = batch.base_sequence, batch.last_sequence
    if (batch.producer_epoch, first, last) in stored:
        return "D4"
    if entry.last_sequence == MAX_SEQUENCE and first == 1:
        return "D14"
    if any(b.last_sequence == last and b.first_sequence < first for b in entry.batches):
        return "D5"
    if any(b.first_sequence <= last and first <= b.last_sequence for b in entry.batches):
        return "D6"
    if first == 0:
        return "D8"
    return "D7" if 0 < first - increment_sequence(entry.last_sequence, 1) < 1 << 30 else "behind"


DECISION_TABLE = {
    "D1": "exactly next: stored",
    "D2": "the last batch again: duplicate",
    "D3": "one of the four batches before it again: duplicate",
    "D4": "a batch older than five again: 45",
    "D5": "the tail of a remembered batch: 45",
    "D6": "overlaps remembered batches, split otherwise: 45",
    "D7": "a gap: 45",
    "D8": "0 again in the same epoch: 45",
    "D9": "an older epoch: 47",
    "D10": "a newer epoch from 0: stored, the older one is fenced",
    "D11": "a newer epoch not from 0: 45",
    "D12": "after a marker with a newer epoch, from 0: stored",
    "D12 not 0": "after a marker with a newer epoch, not from 0: 45",
    "D13": "0 after 2147483647: stored",
    "D14": "1 after 2147483647: 45",
    "D15": "a batch across 2147483647: stored",
    "D16": "an unknown id from 0: stored",
    "D17": "an unknown id not from 0: by version",
    "D17 bumping": "an unknown id not from 0, in a transaction of version 2: 45",
    "D18": "no id: stored",
    "D19": "an id without a sequence: 87",
    "D20": "a control batch from a client: 87",
    "D21": "not transactional while a transaction is open: 48",
    "D22": "transactional and next, a transaction is open: stored",
    "D23 added": "first batch of a transaction, the coordinator knows of it",
    "D23 not added": "first batch of a transaction, the coordinator does not know of it",
    "D23 other epoch": "first batch of a transaction, with an epoch that is not the coordinator's",
    "D23 unknown id": "first batch of a transaction, of a producer without transactional id",
    "D23 late": "later than a batch that the coordinator was asked about and that isn't stored: 45",
    "D24": "two batches for one partition: 87",
    "behind": "behind the last, in none of these ways: 45",
    "crc": "a checksum that does not fit: 2",
    "offset": "a base offset other than 0: 87",
    "delta": "a last offset delta that does not fit: 87",
    "liar": "fewer records than the header says: 87",
    "empty": "no records: 87",
    "acks2": "acks=2: 21",
    "nameless": "transactional records without a transactional id: 53",
    "init": "a transactional id asks for its epoch",
    "bump": "a transactional producer asks for its next epoch",
    "bump, other epoch": "… with an epoch that is not the newest",
    "fence": "… while its transaction is open: aborted with a newer epoch",
    "add": "a partition joins the transaction",
    "add, other epoch": "… by a producer that is not the newest",
    "commit": "commit: a marker in each partition",
    "commit, nothing open": "commit without a transaction",
    "commit, other epoch": "commit by a producer that is not the newest",
    "abort": "abort: a marker in each partition",
    "abort, nothing open": "abort without a transaction",
    "abort, other epoch": "abort by a producer that is not the newest",
    "delete": "DeleteRecords",
    "delete, out of range": "DeleteRecords beyond the end",
    "new id": "the producer restarts and gets a new id",
}
