"""A coverage-guided fuzzer for the embedded broker's requests, for a bounded time: `python -m tests.broker.fuzz_broker --seconds 60`.

It is not part of the test run and needs `atheris` (Python 3.11, Linux), which is not in the lock: `pip install atheris`.
The fuzzer changes frames until they reach new lines of the decoder and of the handlers. A frame may be refused (ProtocolError);
anything else that a handler raises is a finding: it is printed together with the frame, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lesson_lib", "kafka.protocol"]):
    from lesson_lib.broker import connection, handlers  # noqa: F401 - the handlers register themselves
    from lesson_lib.broker.cluster import Cluster
    from lesson_lib.wire import messages as wire

from tests.broker.test_broker_robust import FRAMES, SERVED

MOST_TOPICS = 50
WAITING_SECONDS = 0.02


async def answer(cluster: Cluster, frame: bytes) -> None:
    """One frame as if it had come over a connection; a request that waits is given up soon."""
    try:
        await asyncio.wait_for(connection.answer(cluster, frame), WAITING_SECONDS)
    except (wire.ProtocolError, TimeoutError):
        pass


class Target:
    """A broker without a socket that keeps its state from frame to frame, and is made anew now and then."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.cluster = Cluster()

    def __call__(self, data: bytes) -> None:
        """Called by the fuzzer, which takes any exception for a finding."""
        if "t" not in self.cluster.topics or len(self.cluster.topics) > MOST_TOPICS:
            self.cluster = Cluster()
            self.cluster.create_topic("t", 2)
        self.loop.run_until_complete(answer(self.cluster, data))


def main() -> None:
    """Write the right frames as a start, and fuzz from there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as corpus:
        headers = [struct.pack(">hhih", key, high, 7, -1) for key, (_, high) in SERVED.items()]
        for number, frame in enumerate([*FRAMES, *headers]):
            Path(corpus, str(number)).write_bytes(frame)
        options = [f"-max_total_time={seconds}", "-max_len=600", "-rss_limit_mb=2000", "-timeout=5", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={os.getcwd()}/fuzz-", corpus], Target())
        atheris.Fuzz()


if __name__ == "__main__":
    main()
