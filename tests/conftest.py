"""What every test can ask for, and a plain word at the end on each group that could not run here.

A test that needs something from outside carries a marker: `kafka`, `java` or `browser`; `kafka(own=True)` starts an Apache Kafka
of its own. Where the thing is missing the test is skipped, and the summary names what it would take. REQUIRE_KAFKA=1 makes a
missing Apache Kafka a failure instead.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NoReturn

import hypothesis
import pytest

from course_tools.apache_kafka import maven
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe

pytest_plugins = ["tests.labs"]

# How long an example may take says nothing here: the machine may be busy with anything.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

# One JupyterLab, one run of every lesson; a report looks for processes that another report left behind.
TOGETHER = ("browser", "notebooks", "publish", "report")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@cache
def kafka_at() -> str:
    """Where the tests look for Apache Kafka: KAFKA_BOOTSTRAP_SERVERS, else the address in docker-compose.yml."""
    compose = read_compose()
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or f"{compose.host}:{compose.port}"


@cache
def without_kafka() -> str:
    """What is missing for `kafka` tests; empty when nothing is."""
    try:
        host, port = probe.split_address(kafka_at())
    except ValueError as error:
        return f"needs host:port in KAFKA_BOOTSTRAP_SERVERS, but {error}"
    if probe.is_usable(host, port):
        return ""
    return f"needs a running Apache Kafka at {kafka_at()}: start it with `make kafka`"


@cache
def without_java() -> str:
    """What is missing for `java` tests; empty when nothing is."""
    return "" if maven.java() and shutil.which("mvn") else "needs Java 17 or newer together with Maven: install both"


@cache
def chromium() -> str:
    """The path of a Chromium; empty when there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), "")


def without_browser() -> str:
    """What is missing for `browser` tests; empty when nothing is."""
    return "" if chromium() else "needs Chromium: install it, or set CHROMIUM to its path"


NEEDS: dict[str, Callable[[], str]] = {"kafka": without_kafka, "java": without_java, "browser": without_browser}


def pytest_configure() -> None:
    """Tests that run beside each other (pytest-xdist) are different learners: a lab clears away what its learner left behind."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["LESSON_LEARNER"] = f"{os.environ.get('LESSON_LEARNER', 'tests')}-{worker}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n 2` the tests of a module stay together, and those of a room that shares more than that: it is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByRoom(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module, room = nodeid.partition("::")[0], nodeid.split("/")[-2:-1]
            return room[0] if room and room[0] in TOGETHER else module
    return ByRoom(config, log)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for Apache Kafka before a lab in a virtual world is open, from where nothing can be seen of it."""
    if any(item.get_closest_marker("kafka") for item in session.items):
        without_kafka()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker asks for something that is not here."""
    for name, missing in NEEDS.items():
        if marker := item.get_closest_marker(name):
            if what := without_java() if marker.kwargs.get("own") else missing():
                go_without(what, required=name == "kafka")


def go_without(what: str, *, required: bool) -> NoReturn:
    """Skip the test that needs it; fail it where Apache Kafka is required, and this is about it."""
    if required and os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(f"REQUIRE_KAFKA=1, and this test {what}", pytrace=False)
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each group that did not run, how many tests it has, and what it would need."""
    reasons = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("not run on this machine")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


def reason_of(report: pytest.TestReport) -> str:
    """The reason that a skipped test gave."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


@pytest.fixture(scope="session")
def kafka_address() -> str:
    """`host:port` of Apache Kafka; for tests with the `kafka` marker."""
    return kafka_at()


@pytest.fixture(scope="session")
def kafka_version() -> str:
    """The release of that Apache Kafka: KAFKA_VERSION as `make drift` has it, else the one in docker-compose.yml."""
    return os.environ.get("KAFKA_VERSION") or read_compose().version


@pytest.fixture(scope="session")
def kafka_jars(kafka_version: str) -> str:
    """The class path of that Apache Kafka; for tests with the marker `kafka(own=True)`."""
    try:
        return maven.classpath(maven.kafka_server(kafka_version))
    except LessonError as error:
        go_without(f"needs Apache Kafka from Maven: {error}", required=True)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The path of Chromium, for Playwright's `executable_path`; for tests with the `browser` marker."""
    return chromium()


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Any]:
    """Chromium, closed after the module's last test: while it runs, Playwright's event loop stands in the way of everybody else's."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield browser
        browser.close()
