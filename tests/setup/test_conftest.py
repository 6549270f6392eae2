"""A test that cannot run here is skipped with a plain word on what it needs, or fails where that thing is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

@pytest.mark.kafka
def test_kafka(): pass

@pytest.mark.kafka
def test_kafka_again(): pass

@pytest.mark.kafka(own=True)
def test_kafka_of_its_own(): pass

@pytest.mark.java
def test_java(): pass

@pytest.mark.browser
def test_browser(): pass

def test_anything(): pass
"""


def run_tests(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run TESTS on a machine that has neither Kafka nor Java nor a browser."""
    (folder / "test_them.py").write_text(TESTS)
    environment = {"PATH": os.devnull, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml", folder]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_each_group_is_named_with_what_it_needs(tmp_path):
    run = run_tests(tmp_path)
    assert run.returncode == 0, run.stdout
    told = run.stdout.partition("not run on this machine")[2]
    assert "2 skipped: needs a running Apache Kafka at 127.0.0.1:1: start it with `make kafka`" in told
    assert "2 skipped: needs Java 17 or newer together with Maven" in told
    assert "1 skipped: needs Chromium" in told
    assert "1 passed, 5 skipped" in told


def test_a_required_kafka_that_is_missing_is_a_failure(tmp_path):
    run = run_tests(tmp_path, REQUIRE_KAFKA="1")
    assert run.returncode == 1
    assert "REQUIRE_KAFKA=1, and this test needs a running Apache Kafka at 127.0.0.1:1" in run.stdout
    assert "REQUIRE_KAFKA=1, and this test needs Java 17 or newer together with Maven" in run.stdout
    assert "1 passed, 2 skipped, 3 errors" in run.stdout
