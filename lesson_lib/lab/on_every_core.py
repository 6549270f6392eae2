"""A function for many arguments, in a process for each core: copies of this one, with all that it knows.

The process that asks runs nothing itself, so that its own lab stays as it was. Windows and web pages can't
copy a process; there it does all the work, in the same order.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

CAN_FORK = sys.platform in ("linux", "darwin")
LOOK_SECONDS, MOST_CHUNKS = 1.0, 40
SELDOM = 50_000  # objects between two looks for garbage; a look costs a run as much as a request
_work: Callable[[Any], Any]


@contextmanager
def on_every_core(work: Callable[[Any], Any]) -> Iterator[Callable[[Sequence[Any]], Iterator[Any]]]:
    """`map` for this function. What it raises is raised here, and an interrupt ends all of it."""
    if not CAN_FORK:
        yield lambda arguments: map(work, arguments)
        return
    import multiprocessing  # of no use in a web page, where each visit would load it
    from concurrent.futures import ProcessPoolExecutor
    with warnings.catch_warnings():  # of threads, from Python 3.12 on: a kernel's aren't in the copies
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork"), initializer=_begin,
                                 initargs=(work, os.getpid())) as processes:
            yield lambda arguments: processes.map(_do, arguments, chunksize=1 + len(arguments) // MOST_CHUNKS)


def _begin(work: Callable[[Any], Any], parent: int) -> None:
    """In a copy: leave interrupts and garbage to the parent, and end when it is gone."""
    global _work
    _work = work
    gc.freeze()
    gc.set_threshold(SELDOM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: None if os.getppid() == parent else os._exit(1))
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)


def _do(argument: Any) -> Any:
    return _work(argument)
