"""`python -m lesson_lib doctor`: what is here, and what to do about what is not.

A line starts with `ok`, with `note` (something is missing that the lessons can do without) or with `STOP`
(the lessons cannot run). Only the standard library is imported at the top: this program has to run where
nothing else does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
LAB_PORT = 8888
VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True)
class Finding:
    """One line of the answer: `level` is ok, note or STOP."""

    level: str
    text: str


def main(argv: list[str]) -> int:
    """Print the findings; 1 when the lessons cannot run here, else 0."""
    return told(examine(), print)


def told(findings: Iterable[Finding], say: Callable[[str], object]) -> int:
    """Say each as it is found; 1 when one of them is in the way, else 0."""
    levels = set()
    for finding in findings:
        say(f"{finding.level:<5} {finding.text}")
        levels.add(finding.level)
    return int("STOP" in levels)


def examine() -> Iterator[Finding]:
    """Look at everything, in the order in which it is needed."""
    yield python()
    if sys.version_info >= OLDEST_PYTHON:
        packages = list(compare_packages(locked(), needed()))
        yield from packages
        yield docker()
        if all(finding.level != "STOP" for finding in packages):
            yield java()
            yield broker()
            yield lab_port()


def python() -> Finding:
    """The Python that runs this."""
    version = sys.version.split()[0]
    if sys.version_info < OLDEST_PYTHON:
        return Finding("STOP", f"Python {version} is too old: install 3.11 or newer, then run make setup")
    return Finding("ok", f"Python {version}")


def locked() -> dict[str, str]:
    """Name -> version of each package of the lock that this machine should have."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = (re.match(r"([a-z0-9.-]+)==(\S+)(?: ; (.*?))? \\$", line) for line in lines)
    try:
        from packaging.markers import Marker
    except ImportError:  # without the means to tell, only a pin for every machine is for this one
        Marker = None
    return {pin[1]: pin[2] for pin in pins if pin and (not pin[3] or Marker and Marker(pin[3]).evaluate())}


def needed() -> set[str]:
    """The packages that pyproject.toml lists for the lessons; the others are for tests."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split("[^A-Za-z0-9-]", line)[0].lower() for line in project["dependencies"]}


def compare_packages(lock: dict[str, str], lessons: set[str]) -> Iterator[Finding]:
    """What is installed against what is locked."""
    versions = {name: installed(name) for name in lock}
    missing = sorted((name for name in lock if versions[name] is None),
                     key=lambda name: (name not in lessons, name))
    other = [f"{name} {versions[name]} (locked: {pin})" for name, pin in sorted(lock.items())
             if versions[name] not in (None, pin)]
    if lessons.intersection(missing):
        yield Finding("STOP",
                      f"packages are missing: {_some(missing)}. Run make setup, and use .venv/bin/python")
    elif missing:
        yield Finding("note", f"packages for tests are missing: {_some(missing)}. make setup installs them")
    if other:
        yield Finding("note",
                      f"packages in other versions: {_some(other)}. make setup installs the right ones")
    if not missing and not other:
        yield Finding("ok", f"packages: {len(lock)}, all as in requirements.lock")


def installed(name: str) -> str | None:
    """The version of a package, None when it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")


def docker() -> Finding:
    """The Docker engine, which make kafka prefers."""
    if not shutil.which("docker"):
        return Finding("note",
                       "Docker: not installed. Only make kafka would use it, and can use Java instead")
    try:
        subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return Finding("note",
                       "Docker: installed, but no engine answers. Start one, or let make kafka use Java")
    return Finding("ok", "Docker: an engine answers; make kafka uses it")


def java() -> Finding:
    """Java and Maven, with which make kafka does without Docker."""
    from course_tools.apache_kafka import maven

    command = maven.java()
    if not command:
        return Finding("note", "Java: no 17 or newer. Only make kafka without Docker needs it: install Java "
                       "17 and Maven")
    java_version = f"Java {maven.java_version(command)}"
    if not shutil.which("mvn"):
        return Finding("note", f"{java_version}, but no Maven: make kafka without Docker needs both")
    return Finding("ok", f"{java_version} and Maven: make kafka works without Docker")


def broker() -> Finding:
    """The broker of live cells: the learner's choice, else the one of make kafka, else embedded."""
    from lesson_lib.lab.compose import read_compose

    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen == "embedded":
        return Finding("ok", f"broker: embedded, as {VARIABLE} says")
    compose = read_compose()
    try:
        address = first_usable(f"{compose.host}:{compose.port}" if chosen in ("", "compose") else chosen)
    except ValueError as error:
        return Finding("STOP", f"broker: {VARIABLE} must be host:port, but {error}")
    if address:
        return Finding("ok", f"broker: {address}{f' ({VARIABLE})' if chosen else ''}, {version_at(address)}")
    if chosen:
        return Finding("STOP", f"broker: none answers at {chosen}. Start it, or unset {VARIABLE}")
    return Finding("ok", f"broker: embedded. None at {compose.host}:{compose.port}; make kafka starts Apache "
                   "Kafka there")


def first_usable(addresses: str) -> str | None:
    """The first of a list where a Kafka broker answers; ValueError when one is not host:port."""
    from lesson_lib.wire import probe

    parts = [(part.strip(), probe.split_address(part)) for part in addresses.split(",")]
    return next((part for part, (host, port) in parts if probe.is_usable(host, port)), None)


def version_at(address: str) -> str:
    """The Kafka version at an address, as make kafka knows it, or else as its APIs tell."""
    from kafka.protocol.broker_version_data import BrokerVersionData

    from course_tools.apache_kafka.process import started
    from lesson_lib.wire import probe

    for process in started():
        if process.address == address and process.pid():
            return f"Apache Kafka {process.version()}, started by make kafka"
    known = BrokerVersionData(api_versions=probe.api_versions(*probe.split_address(address)))
    return f"which speaks the protocol of Kafka {'.'.join(map(str, known.broker_version[:2]))} or newer"


def lab_port() -> Finding:
    """The port on which JupyterLab listens unless told otherwise."""
    from lesson_lib.wire import probe

    if probe.is_free(LAB_PORT):
        return Finding("ok", f"port {LAB_PORT} is free for JupyterLab")
    return Finding("note", f"port {LAB_PORT} is taken: JupyterLab uses the next one, or LAB_ARGS='--port N'")
