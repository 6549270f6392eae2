"""A broker that is none, and a machine that is at its limits: one sentence that says so, at the start and at the end."""

from __future__ import annotations

import random
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lesson_lib import start_lab
from lesson_lib.errors import LessonError
from lesson_lib.lab.forge import forge
from lesson_lib.wire.messages import REQUESTS

SERVED = b"".join(struct.pack(">hhh", key, 0, message.max_version) for key, message in REQUESTS.items())
Answer = Callable[[bytes], bytes]


def garbage(seed: int) -> Answer:
    """Random bytes with the right length and correlation id."""
    rng = random.Random(seed)
    return lambda request: rng.randbytes(rng.randrange(200))


@contextmanager
def liar(answer: Answer, *, framed: bool = True) -> Iterator[str]:
    """Something that answers ApiVersions as a broker does, and everything else by `answer(request)`; its address."""
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(4):
                request = self.rfile.read(struct.unpack(">i", head)[0])
                key, _, correlation_id = struct.unpack_from(">hhi", request)
                versions = struct.pack(">hi", 0, len(REQUESTS)) + SERVED
                body = struct.pack(">i", correlation_id) + (versions if key == 18 else answer(request))
                lie = key != 18 and not framed
                self.wfile.write(answer(request) if lie else struct.pack(">i", len(body)) + body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that does not come is not waited for."""
    monkeypatch.setattr("lesson_lib.wire.requests.LEADER_SECONDS", 0.1)
    monkeypatch.setattr("lesson_lib.lab.topics.ASK_SECONDS", 0.5)


LIES = [garbage(seed) for seed in range(12)] + [lambda _: bytes(64), lambda _: b"", lambda _: b"\xff" * 80]


@pytest.mark.parametrize("answer", LIES)
def test_a_broker_that_answers_garbage_is_one_sentence(answer: Answer) -> None:
    with liar(answer) as address:
        lab = start_lab(address, world="sockets")
        for call in (lambda: lab.topic("orders"), lambda: lab.log("orders"), lambda: forge(address), lab.history):
            try:
                call()
            except LessonError as error:
                assert str(error).endswith(".") and "\n" not in str(error)
        lab.stop()


@pytest.mark.parametrize("bytes_", [struct.pack(">i", -5), struct.pack(">i", 2**31 - 1), bytes(4), b"HTTP/1.1 400\r\n"])
def test_a_length_that_is_none_is_one_sentence(bytes_: bytes) -> None:
    with liar(lambda _: bytes_, framed=False) as address:
        lab = start_lab(address, world="sockets")
        with pytest.raises(LessonError, match="no topic|no partition|broke|answers"):
            lab.topic("orders")
        lab.stop()


def test_out_of_files_the_machine_is_named_and_not_the_broker() -> None:
    words = subprocess.run([sys.executable, "-c", """
import resource
from lesson_lib import start_lab
lab = start_lab("embedded", world="sockets")
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
try:
    lab.topic("orders")
except Exception as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
lab.stop()
"""], capture_output=True, text=True, timeout=60, check=False)
    assert "LessonError The embedded broker is running, but this machine won't open a connection" in words.stdout, words
    assert "start it again" not in words.stdout
