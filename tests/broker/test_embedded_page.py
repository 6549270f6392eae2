"""The page about the embedded broker: its example runs, and what it says is served is what is served."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kafka.protocol.broker_version_data import BROKER_API_VERSIONS

from lesson_lib.broker.cluster import SETTINGS
from lesson_lib.broker.connection import VERSIONS
from lesson_lib.broker.embedded import NEWEST, EmbeddedBroker
from lesson_lib.broker.handlers.describe import BROKER_SETTINGS
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.faults import NAMES
from lesson_lib.wire.messages import REQUESTS

PAGE = (Path(__file__).resolve().parents[2] / "notebooks" / "embedded-broker.md").read_text(encoding="utf-8")


def test_the_example_passes(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python test\n(.*?)```", PAGE, re.S)
    (tmp_path / "test_orders.py").write_text(code, encoding="utf-8")
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], capture_output=True,
                         text=True, timeout=60, check=False, cwd=tmp_path)
    assert "3 passed" in run.stdout, run.stdout + run.stderr


ALONE = """
import sys

class Installed:  # nothing but Python and what the page says
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *PACKAGES}:
            raise ModuleNotFoundError(f"no {name}", name=name)

sys.meta_path.insert(0, Installed())
"""
ONE_RECORD = """
from kafka import KafkaProducer
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.proxy.proxy import FaultProxy
with EmbeddedBroker(auto_create_topics=True) as broker, FaultProxy(("127.0.0.1", broker.port), broker.hooks) as proxy:
    KafkaProducer(bootstrap_servers=proxy.address).send("orders", b"tea").get(10)
    print(broker.log("orders", 0).log_end_offset)
"""
COMMAND = "from lesson_lib.__main__ import main; sys.exit(main(['trace']))"


def run_alone(code: str) -> subprocess.CompletedProcess[str]:
    """Where only those packages are installed that the page's pip command names."""
    named = re.search(r"^pip install --no-deps (.*) path/to/the/clone$", PAGE, re.M).group(1).split()
    packages = {name.partition("==")[0].removesuffix("-python") for name in named} | {"lesson_lib"}
    return subprocess.run([sys.executable, "-c", f"PACKAGES = {packages}\n{ALONE}{code}"], capture_output=True, text=True, timeout=60,
                          check=False)


def test_it_can_be_installed_alone() -> None:
    run = run_alone(ONE_RECORD)
    assert run.stdout == "1\n", run.stderr


def test_a_command_that_is_not_installed_says_where_it_is() -> None:
    run = run_alone(COMMAND)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == ("trace isn't part of this installation, which holds lesson_lib alone: run it in a clone of the course, after "
                          "`make setup`.\n")


def test_what_is_served_is_in_the_table() -> None:
    rows = re.findall(r"^\| (\w+) \| (\d+) to (\d+) \|$", PAGE, re.M)
    served = {REQUESTS[key].__name__.removesuffix("Request"): versions for key, versions in VERSIONS.items()}
    assert [name for name, *_ in rows] == sorted(served)
    assert {name: (int(low), int(high)) for name, low, high in rows} == served


def test_as_many_settings_are_told_as_the_page_says() -> None:
    assert f"DescribeConfigs shows {len(SETTINGS)} settings of a topic and three of a broker" in PAGE and len(BROKER_SETTINGS) == 3


def test_whatever_else_a_broker_serves_is_named() -> None:
    named = {int(key) for key in re.findall(r"[A-Za-z] \((\d+)\)", PAGE.partition("What it doesn't")[2])}
    assert named == BROKER_API_VERSIONS[max(BROKER_API_VERSIONS)].keys() - VERSIONS.keys()


def test_its_faults_are_those_of_a_script() -> None:
    words = re.search(r"The words of a script are (.*?)\.\n", PAGE, re.S).group(1)
    named = {re.sub(r"[ \d]+$", "", word) for word in re.findall(r"`([a-z ]+[\d ]*)`", words)}
    assert EmbeddedBroker().hooks.keys() < named <= NAMES.keys()


def test_the_releases_are_those_that_are_known() -> None:
    first, last = re.search(r"from ([\d.]+) to ([\d.]+)$", PAGE, re.M).groups()
    assert KafkaVersion.of(last) == NEWEST
    assert KafkaVersion.of(first)
    with pytest.raises(ValueError, match=f"{re.escape(first)} or later"):
        KafkaVersion.of("0.11")
