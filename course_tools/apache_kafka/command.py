"""`python -m lesson_lib kafka up|down`: Docker Compose where an engine answers, else Java."""

from __future__ import annotations

import argparse
import shutil
import subprocess

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.process import KafkaProcess, started
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import COMPOSE_FILE, Compose, read_compose
from lesson_lib.wire import probe

COMPOSE = ["docker", "compose", "--file", str(COMPOSE_FILE)]


def main(argv: list[str]) -> int:
    """Start or stop Apache Kafka; 0 when it is as asked. Raises LessonError when it cannot be."""
    compose = read_compose()
    parser = argparse.ArgumentParser(prog="python -m lesson_lib kafka", description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("--version", help=f"another Kafka version than {compose.version}; runs on Java")
    parser.add_argument("--port", type=int, help=f"up: another port than {compose.port}; runs on Java. down: "
                        "only the broker on this port")
    arguments = parser.parse_args(argv)
    if arguments.action == "down":
        down(arguments.port)
    else:
        up(arguments.version, arguments.port)
    return 0


def up(version: str | None = None, port: int | None = None) -> None:
    """Start it and say where it is; one that already runs there is left as it is."""
    compose = read_compose()
    broker = KafkaProcess(port or compose.port)
    if broker.pid():
        running = f"Apache Kafka {broker.version()} already runs at {broker.address}"
        if version not in (None, broker.version()):
            raise LessonError(f"{running}: choose another port for {version} with --port N, or stop it with "
                              "make kafka-down.")
        print(f"{running}.")
    elif version is None and port is None and has_engine():
        _compose_up(compose)
    elif not maven.java():
        raise LessonError("Neither Docker nor Java 17 is installed: install Docker, or Java 17 (or newer) "
                          "together with Maven. Lessons run without them, on the embedded broker.")
    else:
        version = version or compose.version
        broker.start(version)
        print(f"Apache Kafka {version} runs at {broker.address} (on Java; log in {broker.folder / 'log'}).")


def down(port: int | None = None) -> None:
    """Stop every broker that `up` started, or the one on `port`."""
    brokers = [broker for broker in started() if port in (None, broker.port)]
    stopped = [broker.address for broker in brokers if broker.stop()]
    if port is None and has_engine() and _compose("ps", "--quiet"):
        _compose("down")
        stopped.append("Docker Compose")
    print(f"Stopped Apache Kafka: {', '.join(stopped)}." if stopped
          else "No Apache Kafka of the course is running.")


def has_engine() -> bool:
    """True when a Docker engine answers and `docker compose` is there."""
    try:
        return bool(shutil.which("docker")) and all(
            subprocess.run(["docker", *asked], capture_output=True, timeout=20, check=False).returncode == 0
            for asked in (["info"], ["compose", "version"]))
    except (OSError, subprocess.TimeoutExpired):
        return False


def _compose_up(compose: Compose) -> None:
    address = f"{compose.host}:{compose.port}"
    if _compose("ps", "--quiet", "--status", "running"):
        print(f"Apache Kafka {compose.version} already runs at {address}.")
        return
    if not probe.is_free(compose.port):
        raise LessonError(f"Port {compose.port} is taken by another program: stop it, run make kafka again.")
    _compose("up", "--detach", "--wait")
    print(f"Apache Kafka {compose.version} runs at {address} (on Docker).")


def _compose(*arguments: str) -> str:
    run = subprocess.run([*COMPOSE, *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LessonError(f"docker compose {arguments[0]} failed: {reason}")
    return run.stdout.strip()
