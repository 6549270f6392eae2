"""`python -m lesson_lib.publish book`: what `make book` and `make slides` call."""

from __future__ import annotations

import sys

from lesson_lib.publish.book import make_book
from lesson_lib.publish.execute import ROOT, lessons, run_all


def main(what: str) -> int:
    """Make one of them and say where it is."""
    pages = make_book(ROOT / "build" / "book", run_all(lessons()))
    print(f"The book is ready: open {pages[0].relative_to(ROOT)} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
