"""The line between two processes of a report: whoever is slow on purpose gains nothing by it."""

from __future__ import annotations

import socket
import threading
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


def dripping(end: socket.socket, drop: bytes, stop: threading.Event) -> None:
    """Say a little, again and again, for some seconds."""
    until = time.monotonic() + 5
    while not stop.wait(0.0002) and time.monotonic() < until:
        end.send(drop)


@pytest.mark.parametrize("drop", [b"1", b"1\n"])
def test_one_that_drips_is_late(ends: tuple[JsonLine, socket.socket], drop: bytes) -> None:
    """Also one whose drops are lines, for somebody who waits for another one until a moment."""
    line, other = ends
    stop = threading.Event()
    thread = threading.Thread(target=dripping, args=(other, drop, stop))
    thread.start()
    end = time.monotonic() + 0.3
    try:
        with pytest.raises(ProcessEnded) as ended:
            while True:
                line.receive(end - time.monotonic())
        assert ended.value.late and thread.is_alive(), "it was still dripping"
    finally:
        stop.set()
        thread.join()


def test_what_is_said_in_time_is_heard_and_one_that_hangs_up_is_not_late(ends: tuple[JsonLine, socket.socket]) -> None:
    line, other = ends
    other.send(b'{"a": 1}\nno JSON\n')
    assert line.receive(5) == {"a": 1} and line.receive() is None
    other.close()
    with pytest.raises(ProcessEnded) as ended:
        line.receive(5)
    assert not ended.value.late
