"""The page of a room, and what is handed in there. A few requests from one room, on http.server.

There is no password: whoever reaches it can hand in, and nobody can read what others handed in. A client
that hangs is cut off after a while; of many at once, those beyond a bound are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import SHUT_RDWR, socket
from socketserver import ThreadingTCPServer
from string import Template
from threading import BoundedSemaphore, Thread, Timer
from typing import Any

from course_tools.room.copy_folder import CopyFolder, NotTaken
from lesson_lib.errors import LessonError
from lesson_lib.teach.hand_in import LARGEST

PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
SECONDS = 60.0  # for one request, whatever it is
AT_ONCE = 60
HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
           ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; "
            "script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"))


class Desk(ThreadingTCPServer):
    """Listens on (host, port) and puts what is handed in into `copies`.

    `words` fill in the page. `say` is told a sentence about each hand-in. LessonError where it can't listen.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, copies: CopyFolder, say: Callable[[str], None]) -> None:
        self.copies, self.say, self.visitors = copies, say, set[str]()
        self.page = b""
        self._places = BoundedSemaphore(AT_ONCE)
        try:
            super().__init__((host, port), _Visit)
        except (OSError, OverflowError) as error:
            raise LessonError(f"The page for learners can't listen on {host}:{port} "
                              f"({getattr(error, 'strerror', None) or error}): choose another "
                              "--page-port.") from None

    def open(self, words: Mapping[str, str]) -> None:
        """Fill in the page, and serve in a thread until `shutdown`."""
        self.page = PAGE.substitute(words, largest=LARGEST).encode()
        Thread(target=self.serve_forever, args=(0.1,), daemon=True, name="desk").start()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a place for one more."""
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one client; a timer hangs up on one that takes too long."""
        timer = Timer(SECONDS, _hang_up, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is no trouble of ours."""
        if not isinstance(error := sys.exception(), OSError):
            self.say(f"A request failed ({error!r}); nothing that was handed in is lost.")


def _hang_up(request: socket) -> None:
    with suppress(OSError):
        request.shutdown(SHUT_RDWR)


class _Visit(BaseHTTPRequestHandler):
    """One request."""

    server: Desk
    server_version, sys_version = "room", ""

    def do_GET(self) -> None:
        """The page."""
        if self.path.partition("?")[0] not in ("/", "/index.html"):
            self._answer(404, b"There is only one page here: /", "text/plain")
            return
        self.server.visitors.add(self.client_address[0])
        self._answer(200, self.server.page, "text/html")

    def do_POST(self) -> None:
        """A hand-in."""
        try:
            taken = self.server.copies.take(self._body())
            named = ", ".join(name.removesuffix(".ipynb") for name in taken.notebooks)
            answers = f" and {taken.answers} answer{'s' * (taken.answers != 1)}" * bool(taken.answers)
            self.server.say(f"{taken.learner} handed in {named}{answers}")
            status, said = 200, f"Handed in as {taken.learner}: {named}{answers}."
        except NotTaken as why:
            status, said = why.status, str(why)
        self._answer(status, said.encode(), "text/plain")

    def _body(self) -> bytes:
        """NotTaken for what can't be a hand-in, before any of it is read."""
        length = self.headers.get("Content-Length") or ""
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        if not (is_json and length.isascii() and length.isdigit()):
            status = 411 if is_json else 415
            raise NotTaken("Hand in on the page, or with hand_in(...) in a notebook.", status)
        if len(length) > 12 or int(length) > LARGEST:
            self.close_connection = True
            raise NotTaken(f"That's too large: at most {LARGEST // 2**20} MB are taken.", 413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise NotTaken("It broke off on the way. Hand in once more.")
        return body

    def _answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        about = ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(content)))
        for name, value in (*about, *HEADERS):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for hand-ins."""
