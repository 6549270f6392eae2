"""A batch header byte by byte: a table for a notebook, a text table for everybody else.

`explain_header(data)` takes the bytes of a whole batch or of its header alone, as they are in a produce
request, in a fetch response or in a log segment on disk: they are the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from lesson_lib.errors import LessonError
from lesson_lib.text_table import aligned, html_table
from lesson_lib.wire import record_batch
from lesson_lib.wire.record_batch import FIELDS, HEADER_SIZE, Header, read_header

HEADINGS = ("at byte", "bytes", "field", "value", "what it is for")
IDEMPOTENCE = frozenset({"producer_id", "producer_epoch", "base_sequence"})


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """The header of one batch, and its bytes. `table["base_sequence"]` is the value of a field."""

    header: Header
    data: bytes

    def __getitem__(self, field: str) -> int:
        if field not in Header._fields:
            raise LessonError(f"A batch header has no field {field!r}; it has {', '.join(Header._fields)}.")
        return getattr(self.header, field)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """For each field where it starts, its bytes in hexadecimal, name, value, and what it is for."""
        for field, value in zip(FIELDS, self.header, strict=True):
            part = self.data[field.start:field.end].hex(" ")
            yield str(field.start), part, field.name, _shown(field.name, value), field.meaning

    def __str__(self) -> str:
        return "\n".join(aligned([HEADINGS[:4], *(row[:4] for row in self.rows())]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = ((start, f"<code>{data}</code>", f"<b>{name}</b>" if name in IDEMPOTENCE else name,
                 escape(value), escape(meaning)) for start, data, name, value, meaning in self.rows())
        return html_table(f"The {HEADER_SIZE} bytes in front of the records", HEADINGS, rows)


def explain_header(batch: bytes) -> HeaderTable:
    """The header of a batch, field by field. LessonError for no bytes, and for fewer than 61."""
    try:
        return HeaderTable(read_header(batch), batch)
    except (TypeError, ValueError) as error:
        raise LessonError(f"Give explain_header a whole batch: {error}.") from None


def _shown(field: str, value: int) -> str:
    """The value as a reader wants it: a checksum in hexadecimal, bits in words, a timestamp with its date."""
    if field == "crc":
        return f"{value:#010x}"
    if field == "attributes":
        return f"{value} ({record_batch.attribute_words(value)})"
    if field.endswith("timestamp") and value > 0:
        with suppress(ValueError, OverflowError, OSError):  # further away than a date can be
            return f"{value} ({datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return str(value)
