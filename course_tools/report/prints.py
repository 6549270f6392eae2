"""An IPython extension that bounds what a kernel prints: a gigabyte is refused before it is packed up to be sent.

A copy can take this off again; then the bounds on memory and on what arrives hold (`execute`).
"""

from __future__ import annotations

import os
from typing import Any

from ipykernel.iostream import OutStream

MOST = "LESSON_REPORT_PRINTS"  # characters, in the environment


class PrintsTooMuch(Exception):
    """Raised in the cell that prints more than a copy may."""


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython before the first cell."""
    write, most = OutStream.write, int(os.environ[MOST])
    printed = 0

    def counted(self: OutStream, text: str) -> int | None:
        nonlocal printed
        if printed + len(text) > most:
            raise PrintsTooMuch(f"a copy may print {most / 2**20:g} MB")
        printed += len(text)
        return write(self, text)
    OutStream.write = counted
