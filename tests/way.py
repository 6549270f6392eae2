"""The rooms that a piece of work goes through: the modules of lesson_lib in which something is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def rooms(install: Callable[[Any], None] = sys.setprofile) -> Iterator[set[str]]:
    """Those in which something is called in the block. `install` puts a profile function in place, in every thread that counts."""
    seen: set[str] = set()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        _, found, room = frame.f_code.co_filename.rpartition("lesson_lib/")
        if event == "call" and found:
            seen.add(room.removesuffix(".py"))
    before = sys.getprofile()
    install(look)
    try:
        yield seen
    finally:
        install(before)
