"""`make lab`: JupyterLab on lesson 1, its address framed, and the last thing on the terminal.

JupyterLab prints the address in the middle of its log. Here it logs warnings and errors only
(`LAB_ARGS=--log-level=INFO` for all), and the address comes again after each of them. A browser that would
take over the terminal, as lynx does on a machine without a screen, isn't started.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
import webbrowser
from urllib.parse import urlsplit

from jupyter_server.serverapp import ServerApp
from jupyterlab.labapp import LabApp

QUIET = 1.0  # seconds without a line of the log until the address comes again


def opens_a_window(chosen: str = "") -> bool:
    """Whether there is a browser with a window of its own; one that was chosen has."""
    try:
        browser = webbrowser.get(chosen or None)
    except webbrowser.Error:
        return False
    return bool(chosen or os.environ.get("BROWSER")) or type(browser) is not webbrowser.GenericBrowser


def short_address(server: ServerApp) -> str:
    """Where lesson 1 is: the root leads there. With the token, it fits a line of 80."""
    if server.sock or server.custom_display_url:
        return server.public_url
    parts = urlsplit(server.public_url)
    host = socket.gethostname() if parts.hostname in ("0.0.0.0", "::") else parts.hostname
    return parts._replace(netloc=f"{host}:{parts.port}", path=server.base_url).geturl()


def over_ssh(port: int) -> str:
    """What to type at home where this machine is at the other end of an ssh connection, else nothing."""
    ends = os.environ.get("SSH_CONNECTION", "").split()
    if len(ends) != 4:
        return ""
    return ("This machine is at the other end of an ssh connection. First run this on your own:\n\n"
            f"    ssh -L {port}:localhost:{port} {getpass.getuser()}@{ends[2]}\n\n")


class LessonServer(ServerApp):
    """A Jupyter server whose last word is its address."""

    def start_app(self) -> None:
        """As ever, without the address in the log, and with it below."""
        self.open_browser = self.open_browser and opens_a_window(self.browser)
        self.log.addFilter(lambda record: "To access the server" not in record.getMessage())
        super().start_app()
        self.say_address()
        self.log.addHandler(_After(self))

    def say_address(self) -> None:
        """Print it."""
        opened = "Your browser opens lesson 1. If it doesn't, open this:"
        head = over_ssh(self.port) + (opened if self.open_browser else "Open this in a browser:")
        line = "=" * 80
        print("", line, head, "", short_address(self), "", "Ctrl+C stops JupyterLab.", line, "",
              sep="\n", file=sys.stderr, flush=True)


class _After(logging.Handler):
    """Has the address printed once the log has been quiet for a while."""

    def __init__(self, server: LessonServer) -> None:
        super().__init__(logging.WARNING)
        self.server, self.pending = server, None

    def emit(self, record: logging.LogRecord) -> None:
        """Called from any thread. A critical line is the one that says goodbye."""
        if record.levelno < logging.CRITICAL:
            self.server.io_loop.add_callback(self.wait)

    def wait(self) -> None:
        """Anew with each line."""
        if self.pending:
            self.server.io_loop.remove_timeout(self.pending)
        self.pending = self.server.io_loop.call_later(QUIET, self.server.say_address)


def main() -> None:
    """Start it, with JupyterLab's own options."""
    LabApp.serverapp_class = LessonServer
    LabApp.launch_instance(["--log-level=WARN", "--LabApp.log_level=WARN", *sys.argv[1:]])


if __name__ == "__main__":
    main()
