"""`make bench`: every row, or only the groups named, as in `python -m tests.bench notebooks brokers`."""

from __future__ import annotations

import importlib
import sys

from tests.bench.table import Row, render

GROUPS = ("notebooks", "brokers", "simulation", "explorer", "stepper", "virtual", "read", "site")


def main(wanted: list[str]) -> int:
    """Measure the groups one after another and print the table."""
    rows: list[Row] = []
    for group in wanted or GROUPS:
        if group not in GROUPS:
            print(f"There is no group {group!r}; choose from {', '.join(GROUPS)}.")
            return 2
        print(f"measuring {group} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"tests.bench.{group}").rows()
    print(render(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
