"""The workflows for forks, as far as that goes without GitHub: they parse, ask for nothing that is not there, and hold no secret."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
KNOWN_KEYS = {"name", "id", "if", "uses", "with", "run", "env", "shell"}
pytestmark = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def loaded(path: Path) -> dict[str, Any]:
    """The workflow; YAML 1.1 reads the key `on` as a truth value."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


def steps(path: Path) -> list[dict[str, Any]]:
    """Every step of every job."""
    return [step for job in loaded(path)["jobs"].values() for step in job["steps"]]


def scripts(path: Path) -> list[str]:
    """What the steps run."""
    return [step["run"] for step in steps(path) if "run" in step]


def test_it_has_the_shape_of_a_workflow(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["name"] and workflow["on"]
    for job in workflow["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert 0 < job["timeout-minutes"] <= 60
    for step in steps(path):
        assert set(step) <= KNOWN_KEYS
        assert ("uses" in step) != ("run" in step)


def test_actions_are_of_a_fixed_version(path: Path) -> None:
    for step in steps(path):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v4"))


def test_every_make_target_exists(path: Path) -> None:
    wanted = {target for script in scripts(path) for target in re.findall(r"\bmake ([a-z-]+)", script)}
    assert wanted and wanted <= TARGETS


def test_every_file_that_is_named_exists(path: Path) -> None:
    for script in scripts(path):
        for name in re.findall(r"(?<![\w./])((?:tools|tests|lesson_lib|notebooks)/[\w./*-]+|docker-compose\.yml)", script):
            assert list(ROOT.glob(name)), name


def test_the_scripts_can_be_read_by_a_shell(path: Path) -> None:
    for script in scripts(path):
        assert shlex.split(script, comments=True)
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_there_is_no_secret_and_no_right_too_many(path: Path) -> None:
    """Expressions stand in `env`, never in a script, where a title of somebody's could become a command."""
    assert "secrets." not in path.read_text(encoding="utf-8")
    assert loaded(path)["permissions"]["contents"] == "read"
    assert all("${{" not in script for script in scripts(path))


def test_every_step_before_that_is_named_has_that_name(path: Path) -> None:
    for job in loaded(path)["jobs"].values():
        ids = {step.get("id") for step in job["steps"]}
        assert set(re.findall(r"steps\.(\w+)\.", str(job["steps"]))) <= ids
        matrix = job.get("strategy", {}).get("matrix", {})
        keys = set(matrix) - {"include"} | {key for row in matrix.get("include", []) for key in row}
        assert set(re.findall(r"matrix\.(\w+)", str(job["steps"]))) <= keys


def test_every_python_is_one_that_the_course_takes(path: Path) -> None:
    wanted = SpecifierSet(re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1])
    for version in re.findall(r'"(3\.\d+)"', path.read_text(encoding="utf-8")):
        assert wanted.contains(f"{version}.0")
