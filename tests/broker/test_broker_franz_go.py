"""A suite that nobody here wrote: tests of franz-go, a client in Go, at the version that `go/go.mod` pins, on the embedded broker.

Of its 43 tests those that talk to a broker and take no longer than a few seconds. The rest was run by hand, with 2,000 records: all pass.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lesson_lib.broker.embedded import EmbeddedBroker

MODULE = Path(__file__).with_name("go")
TESTS = ("TestPing", "TestAddRemovePartitions", "TestIssue325", "TestIssue810", "TestIssue831", "TestConsumeRegex",
         "TestGroupSimple", "TestPauseIssue489", "TestGroupETL", "TestTxnEtl")  # the last two with one way to share partitions
SUBTESTS = ("range",)
SECONDS = 900  # so that nothing hangs for ever; the first time most of it goes into the compiler


def go(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One go command in the module."""
    return subprocess.run(["go", *command], cwd=MODULE, env={**os.environ, **more}, capture_output=True, text=True,
                          timeout=SECONDS, check=False)


def needs_go(*modules: str) -> None:
    """Skip where Go is not here, or these modules of `go.mod` cannot be had."""
    if not shutil.which("go"):
        pytest.skip("needs Go: install it")
    if go("mod", "download", *modules).returncode:
        pytest.skip(f"needs the source of {' and '.join(modules)}: Go fetches it when it can reach a module proxy")


def test_franz_go_tests_pass(embedded: EmbeddedBroker) -> None:
    needs_go("github.com/twmb/franz-go")
    run = go("test", "-count=1", "-v", "-vet=off", "-run", f"^({'|'.join(TESTS)})$/^({'|'.join(SUBTESTS)})$",
             "github.com/twmb/franz-go/pkg/kgo", KGO_SEEDS=embedded.address, KGO_TEST_RF="1", KGO_TEST_RECORDS="2000")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert set(re.findall(r"^--- PASS: (\w+)", run.stdout, re.M)) == set(TESTS)
