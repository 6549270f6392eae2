"""What several commands need: the address of a broker, a file or a folder to write, something to say,
and an end that Ctrl-C asks for.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TextIO

from lesson_lib.errors import LessonError
from lesson_lib.wire import probe


def check_broker(address: str) -> None:
    """LessonError where `address` is not host:port, or no broker answers there."""
    try:
        probe.api_versions(*probe.split_address(address))
    except ValueError:
        raise LessonError(f"{address!r} is not host:port, such as localhost:9092.") from None
    except OSError:
        raise LessonError(f"No broker answers at {address}: start it, and name a plaintext "
                          "listener.") from None


@contextmanager
def asking(address: str) -> Iterator[None]:
    """LessonError where the broker hangs up, or answers what is no answer of Kafka's protocol."""
    try:
        yield
    except (OSError, LookupError) as error:  # the last: an answer without what was asked for
        raise LessonError(f"The connection to the broker at {address} broke ({error}).") from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """LessonError where it cannot be written."""
    try:
        yield
    except OSError as error:
        raise LessonError(f"{path} cannot be written: {error.strerror}.") from None


def write(path: Path, text: str) -> None:
    """Write a file. LessonError where it cannot be written."""
    with writing(path):
        path.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> None:
    """Make a folder for what takes minutes to make, if it isn't there. LessonError where nothing can be
    written into it.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()


def say(words: str, stream: TextIO | None = None, end: str = "\n") -> None:
    """Print it as far as the stream, standard output if none is named, can hold it."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    print(words.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True)


def within(seconds: float, holds: Callable[[], bool], pause: float = 0.05) -> bool:
    """Whether it holds within so many seconds; asked again after a pause, in seconds too."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(pause)
    return held


@contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` at the first SIGINT or SIGTERM, and let what is being done end by itself.

    An exception raised wherever Python happens to be would leave locks behind that other threads wait for. A
    second signal raises it all the same, for those who cannot wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        stop()
    before = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
