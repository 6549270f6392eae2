"""Start, find and stop an Apache Kafka that runs as a Java process of this machine.

Each port has its folder `.kafka/<port>` with the settings, the log, the data and the process id. A process is
ours when its id is in that file and its command line still names that folder's `server.properties`: an id
that the system has given to some other program since is left alone. As with the container, the data lives as
long as the broker does.

Differs from Kafka in: it is Kafka. Only the start script is ours.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.properties import as_text, outside_a_container, properties_from
from course_tools.command_line import within
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import ROOT, read_compose
from lesson_lib.wire import probe

STATE = ROOT / ".kafka"
HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 90.0, 20.0


@dataclass(frozen=True)
class KafkaProcess:
    """One Apache Kafka on `port` of `host`, an address of this machine; `state` has a folder a port."""

    port: int
    state: Path = STATE
    host: str = HOST

    @property
    def folder(self) -> Path:
        """Where its settings, log, data and process id are."""
        return self.state / str(self.port)

    @property
    def settings(self) -> Path:
        """Its `server.properties`; its path in a command line says that a process is this one."""
        return self.folder / "server.properties"

    @property
    def address(self) -> str:
        """`host:port`, for `bootstrap_servers`."""
        return f"{self.host}:{self.port}"

    def pid(self) -> int | None:
        """The process id while it runs; None when it does not."""
        try:
            pid = int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if str(self.settings) in command_line(pid) else None

    def version(self) -> str:
        """The Kafka version that was started last."""
        return (self.folder / "version").read_text()

    def start(self, version: str) -> None:
        """Start Kafka `version` with the settings of docker-compose.yml; return when it can be used.

        Raises LessonError when a port is taken, Java is missing, or Kafka stops or stays silent.
        """
        for port, host in (self.port, self.host), (self.port + 1, HOST):
            if not probe.is_free(port, host):
                raise LessonError(f"Port {port} is taken by another program: stop it, or choose another port "
                                  "with `python -m lesson_lib kafka up --port N` and set "
                                  f"KAFKA_BOOTSTRAP_SERVERS={HOST}:N.")
        self._format(version)
        self.resume()

    def _format(self, version: str) -> None:
        """Write the settings and format an empty storage, as the image does when a container starts."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        environment = read_compose().environment
        properties = outside_a_container(properties_from(environment), self.folder / "data", self.port,
                                         self.host)
        self.settings.write_text(as_text(properties), encoding="utf-8")
        (self.folder / "version").write_text(version)
        command = [*self._java("kafka.tools.StorageTool"), "format", "-t", environment["CLUSTER_ID"], "-c"]
        run = subprocess.run([*command, str(self.settings)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, check=False)
        (self.folder / "format.log").write_text(run.stdout)
        if run.returncode:
            raise LessonError(f"Kafka {version} could not format its storage: see {self.folder}/format.log.")

    def resume(self) -> None:
        """Start it with the data and the settings that it has, also once more when its process has ended. It
        has a session of its own, so that Ctrl-C in the shell does not end it."""
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen([*self._java("kafka.Kafka"), str(self.settings)],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       cwd=self.folder, start_new_session=True)
        (self.folder / "pid").write_text(str(process.pid))
        try:
            if not within(START_SECONDS, lambda: process.poll() is not None
                          or probe.is_usable(self.host, self.port)):
                raise LessonError(f"Kafka did not answer in {START_SECONDS:.0f} s: see {self.folder}/log.")
            if process.poll() is not None:
                raise LessonError(f"Kafka stopped while it started: the reason is in {self.folder}/log.")
        except BaseException:
            process.kill()
            process.wait()
            self.stop()
            raise
        # The broker outlives this program; a Popen that believes in its end does not warn about a child left
        # alone.
        process.returncode = 0

    def _java(self, main_class: str) -> list[str]:
        """The command line that runs one of Kafka's programs."""
        java = maven.java()
        if not java:
            raise LessonError("Apache Kafka needs Docker or Java: install Java 17 or newer, with Maven.")
        heap = read_compose().environment["KAFKA_HEAP_OPTS"].split()
        # Kafka's own start script takes it from there as well.
        tuning = os.environ.get("KAFKA_JVM_PERFORMANCE_OPTS", "").split()
        path = maven.classpath(maven.kafka_server(self.version()), self.state / "classpath")
        return [java, *heap, *tuning, "-cp", path, main_class]

    def stop(self) -> bool:
        """Stop it and forget its data; False when it was not running."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            try:
                within(STOP_SECONDS, lambda: not self.pid())
            finally:  # also where the one who waits is interrupted
                if self.pid():
                    os.kill(pid, signal.SIGKILL)
                    within(STOP_SECONDS, lambda: not self.pid())
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        (self.folder / "pid").unlink(missing_ok=True)
        return pid is not None


@contextmanager
def temporary(release: str) -> Iterator[str]:
    """The address of an Apache Kafka that runs on free ports for as long as it is needed."""
    process = KafkaProcess(probe.two_free_ports())
    process.start(release)
    try:
        yield process.address
    finally:
        process.stop()
        shutil.rmtree(process.folder, ignore_errors=True)


def started(state: Path = STATE) -> list[KafkaProcess]:
    """Every broker with a process id on file, running or not."""
    return [KafkaProcess(int(file.parent.name), state) for file in sorted(state.glob("[0-9]*/pid"))]


def command_line(pid: int) -> str:
    """The command line of a process; empty when there is none, or when it has ended."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True,
                          check=False).stdout
