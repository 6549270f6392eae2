"""A leader's memory of its producers, as DescribeProducers (KIP-664) tells it: a table for a notebook and as text.

A broker tells the last sequence only; the five remembered ranges themselves stay inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADINGS = ("producer id", "epoch", "last sequence", "transaction open since offset")


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One producer id on one partition. -1 stands for none; `last_timestamp` is in milliseconds since 1970."""

    producer_id: int
    epoch: int
    last_sequence: int
    last_timestamp: int = -1
    coordinator_epoch: int = -1
    txn_start_offset: int = -1

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in words."""
        opened = "none open" if self.txn_start_offset < 0 else str(self.txn_start_offset)
        last = "none in this epoch" if self.last_sequence < 0 else str(self.last_sequence)
        return (str(self.producer_id), str(self.epoch), last, opened)


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """All producer ids of one partition."""

    rows: tuple[MemoryRow, ...]

    def __str__(self) -> str:
        lines = [HEADINGS, *(row.cells for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
        text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join(text if self.rows else [*text, "(nobody is remembered)"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row.cells) + "</tr>" for row in self.rows)
        return (f"<table><caption>What the leader remembers</caption><thead><tr>{head}</tr></thead>"
                f"<tbody>{rows or '<tr><td colspan=4>nobody</td></tr>'}</tbody></table>")
