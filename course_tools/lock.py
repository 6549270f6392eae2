"""`python -m lesson_lib lock`: write requirements.lock and environment.yml from pyproject.toml, the one list
of dependencies.

For maintainers. Fetches uv, which resolves for every platform and Python at once, into a folder that it
throws away: learners never need it. `--upgrade` takes newer versions where pyproject.toml allows them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / "environment.yml"
HEADER = """\
# For conda, mamba and Binder: the versions of requirements.lock that the lessons need. `make lock` writes
# this file. Everything but Python comes from pip, because conda-forge has other versions of some packages,
# and other names for others. The hashes stay in the lock: pip takes either hashes or an editable install, and
# the last line is one.
name: sent-twice-stored-once
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def main(argv: list[str]) -> int:
    """Resolve everything with hashes for the lock, then the lessons' part for conda. Options go to uv."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "uv"],
                       check=True)
        _compile(folder, "--all-extras", "--generate-hashes", *argv, "--output-file", "requirements.lock")
        pins = _compile(folder, "--no-header", "--no-annotate", "--constraints", "requirements.lock")
    lines = [f"      - {pin}\n" for pin in [*pins.splitlines(), "--editable ."]]
    ENVIRONMENT.write_text(HEADER + "".join(lines), encoding="utf-8")
    return 0


def _compile(uv: str, *options: str) -> str:
    """What `uv pip compile` prints for pyproject.toml, for every platform from the oldest Python on."""
    command = [f"{uv}/bin/uv", "pip", "compile", "--universal", "--python-version", "3.11", "--fork-strategy",
               "fewest"]
    command += ["--custom-compile-command", "make lock", *options, "pyproject.toml"]
    environment = {**os.environ, "PYTHONPATH": uv}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE,
                          text=True).stdout
