"""`python -m course_tools.publish book`, or `slides`: what `make book` and `make slides` call."""

from __future__ import annotations

import sys
from pathlib import Path

from course_tools.publish.book import make_book
from course_tools.publish.execute import ROOT, lessons, run_all
from course_tools.publish.slides import make_slides

MAKERS = {"book": make_book, "slides": make_slides}


def main(arguments: list[str]) -> int:
    """Run the lessons, make one of the two of them in build/, or in the folder given, and say where it is."""
    if not arguments or arguments[0] not in MAKERS or len(arguments) > 2:
        print(f"Say which one, and where to if not to build/: python -m course_tools.publish {' or '.join(MAKERS)} [folder]")
        return 2
    what, *where = arguments
    folder = Path(where[0]) if where else ROOT / "build" / what
    pages = MAKERS[what](folder, run_all(lessons()))
    print(f"The {what} can be read: open {pages[0]} in a browser; nothing in {folder} needs the network.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
