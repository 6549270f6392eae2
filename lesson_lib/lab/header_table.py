"""A batch header byte by byte: a table for a notebook, a text table for everybody else.

`explain_header(data)` takes the bytes of a whole batch or of its header alone, as they are in a produce
request, in a fetch response or in a log segment on disk: they are the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from lesson_lib.core.batch import Batch
from lesson_lib.errors import LessonError
from lesson_lib.text_table import aligned, html_table
from lesson_lib.wire.record_batch import FIELDS, HEADER_SIZE, attribute_words, header_bytes, read_header

HEADINGS = ("at byte", "bytes", "field", "value", "what it is for")
IDEMPOTENCE = frozenset({"producer_id", "producer_epoch", "base_sequence"})


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """One field: where it starts, its bytes in hexadecimal, name, value, and a sentence on what it is for."""

    offset: int
    bytes: str
    field: str
    value: int
    words: str


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """The header of one batch. `table["base_sequence"]` is the value of a field."""

    rows: tuple[HeaderRow, ...]

    def __getitem__(self, field: str) -> int:
        for row in self.rows:
            if row.field == field:
                return row.value
        known = ", ".join(row.field for row in self.rows)
        raise LessonError(f"A batch header has no field {field!r}; it has {known}.")

    def __str__(self) -> str:
        rows = ((str(row.offset), row.bytes, row.field, _shown(row)) for row in self.rows)
        return "\n".join(aligned([HEADINGS[:4], *rows]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        caption = f"The {HEADER_SIZE} bytes in front of the records"
        return html_table(caption, HEADINGS, map(_html_cells, self.rows))


def explain_header(batch: bytes | Batch) -> HeaderTable:
    """The header of a batch, field by field. LessonError when there are fewer than 61 bytes."""
    data = header_bytes(batch)
    try:
        values = read_header(data)
    except ValueError as error:
        raise LessonError(f"Give explain_header a whole batch: {error}.") from None
    return HeaderTable(tuple(
        HeaderRow(field.start, data[field.start:field.end].hex(" "), field.name, value, field.meaning)
        for field, value in zip(FIELDS, values, strict=True)))


def _shown(row: HeaderRow) -> str:
    """The value as a reader wants it: a checksum in hexadecimal, bits in words, a timestamp with its date."""
    if row.field == "crc":
        return f"{row.value:#010x}"
    if row.field == "attributes":
        return f"{row.value} ({attribute_words(row.value)})"
    return f"{row.value}{_date(row.value)}" if row.field.endswith("timestamp") else str(row.value)


def _date(milliseconds: int) -> str:
    try:
        date = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f" ({date:%Y-%m-%d %H:%M:%S} UTC)" if milliseconds > 0 else ""


def _html_cells(row: HeaderRow) -> tuple[str, ...]:
    name = f"<b>{row.field}</b>" if row.field in IDEMPOTENCE else row.field
    return str(row.offset), f"<code>{row.bytes}</code>", name, escape(_shown(row)), escape(row.words)
