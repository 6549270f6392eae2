"""The page: one Markdown table with a row for each experiment and a column for each client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_tools.clients.experiments import EXPERIMENTS

PAGE = """\
<!-- Written by `python -m lesson_lib clients > notebooks/clients-compared.md`. \
Do not edit: a test runs it again. -->

# Clients compared

Four clients and the same faults. Every cell comes from a run: that client, through the fault proxy,
to {broker}. `m0 m1` are batches of one record each. Error 6 is
NOT_LEADER_OR_FOLLOWER, 45 is OUT_OF_ORDER_SEQUENCE_NUMBER, 46 is DUPLICATE_SEQUENCE_NUMBER. Timeouts and
back-offs are short here, and librdkafka doesn't start again from its bootstrap servers
(`metadata.recovery.strategy=none`). The table gives away some of what lessons 4 to 6 ask.

{table}
"""


def page(columns: Mapping[str, Sequence[str]], broker: str, missing: Mapping[str, str]) -> str:
    """The whole page; `columns` maps a client with its version to its cells."""
    lines = [row("", columns), row("---", ["---"] * len(columns))]
    lines += [row(one.question, [cells[i] for cells in columns.values()])
              for i, one in enumerate(EXPERIMENTS)]
    absent = "".join(f"\nNot run here: {name}. It takes {what}.\n" for name, what in missing.items())
    return PAGE.format(broker=broker, table="\n".join(lines)) + absent


def row(first: str, cells: Sequence[str] | Mapping[str, object]) -> str:
    """A line of the table."""
    return "| " + " | ".join((first, *cells)) + " |"


def columns_of(text: str) -> dict[str, dict[str, str]]:
    """Client with its version -> question -> cell, of a page."""
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines()
                      if line.startswith("|")]
    return {client: {cells[0]: cells[place] for cells in rows}
            for place, client in enumerate(head, start=len(rows[0]) - len(head))}
