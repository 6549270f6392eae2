"""The line between two processes of a report: whoever is slow on purpose gains nothing by it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from course_tools.report.line import JsonLine, ProcessEnded


@pytest.fixture
def ends() -> Iterator[tuple[JsonLine, socket.socket]]:
    """Ours, and the other's as it is."""
    ours, theirs = socket.socketpair()
    yield JsonLine(ours), theirs
    ours.close()
    theirs.close()


DRIPS = """import os, sys, time
end = time.monotonic() + 5
while time.monotonic() < end:
    os.write(1, sys.argv[1].encode())
"""


@pytest.mark.parametrize("drop", ["1", "1\n"])
def test_one_that_drips_is_late(ends: tuple[JsonLine, socket.socket], drop: str) -> None:
    """Also one whose drops are lines, for somebody who waits for another one until a moment."""
    line, other = ends
    with subprocess.Popen([sys.executable, "-c", DRIPS, drop], stdout=other) as process:
        end = time.monotonic() + 1
        with pytest.raises(ProcessEnded) as ended:
            while True:
                line.receive(end - time.monotonic())
        time.sleep(0.3)
        assert ended.value.late and process.poll() is None, "it drips still"
        process.kill()


def test_what_is_said_in_time_is_heard_and_one_that_hangs_up_is_not_late(ends: tuple[JsonLine, socket.socket]) -> None:
    line, other = ends
    other.send(b'{"a": 1}\nno JSON\n')
    assert line.receive(5) == {"a": 1} and line.receive() is None
    other.close()
    with pytest.raises(ProcessEnded) as ended:
        line.receive(5)
    assert not ended.value.late
