"""An interrupt (Ctrl+C, the notebook's ■) is never lost in kafka-python, and breaks nothing in it.

kafka-python 3.0.12 runs its event loop on the caller's thread while a client starts and while a consumer polls, and takes an
interrupt that comes there for the failure of one task (`kafka.net.selector`). The learner would press ■ and nothing would end;
a client that was starting might wait for that task for ever.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def kept_interrupts(at_once: bool = True) -> Iterator[None]:
    """KeyboardInterrupt at the end of the block, for one that came in it and did not leave it. Nothing on other threads.

    With `at_once=False` a first interrupt waits for the end of the block, which should be near; a second one does not.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came = False

    def handle(number: int, frame: Any) -> None:
        nonlocal came
        waits, came = not (came or at_once), True
        if not waits:
            before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    except Exception:
        if came:  # the failure is what the library made of it
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
