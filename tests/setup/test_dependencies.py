"""pyproject.toml, requirements.lock and environment.yml name the same packages in the same versions."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT, LOCK, ENVIRONMENT = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "requirements.lock", "environment.yml")
)


def lock_pins(lock: str) -> dict[str, Requirement]:
    """Name -> pin of every package in the lock."""
    return by_name(line.rstrip(" \\") for line in lock.splitlines() if re.match("[a-z0-9]", line))


def environment_pins(environment: str) -> dict[str, Requirement]:
    """Name -> pin of every package that pip installs for conda users, the course itself left out."""
    (pip,) = (entry["pip"] for entry in yaml.safe_load(environment)["dependencies"] if isinstance(entry, dict))
    assert pip[-1] == "--editable ."
    return by_name(pip[:-1])


def by_name(lines) -> dict[str, Requirement]:
    """Requirements by canonical name."""
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


def version(pin: Requirement) -> str:
    """The one version that a pin allows."""
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"{pin} is not an exact pin"
    return specifier.version


def disagreements(pyproject: str, lock: str, environment: str) -> list[str]:
    """Everything in which the three files do not say the same; empty when they agree."""
    project = tomllib.loads(pyproject)["project"]
    locked, conda = lock_pins(lock), environment_pins(environment)
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    wanted = by_name([*project["dependencies"], *extras])
    found = [f"{name} is not locked" for name in wanted if name not in locked]
    found += [
        f"{name} is locked outside its range"
        for name in wanted.keys() & locked.keys()
        if not wanted[name].specifier.contains(version(locked[name]))
    ]
    found += [f"{name} differs in environment.yml" for name in conda if str(conda[name]) != str(locked.get(name))]
    found += [f"{name} is missing in environment.yml" for name in by_name(project["dependencies"]) if name not in conda]
    (python,) = (line for line in yaml.safe_load(environment)["dependencies"] if str(line).startswith("python="))
    if not SpecifierSet(project["requires-python"]).contains(python.removeprefix("python=") + ".0"):
        found.append("environment.yml names a Python that pyproject.toml does not allow")
    return found


def needed_by_lessons() -> set[str]:
    """The names of every package that the lessons' dependencies need on this machine, by what is installed."""
    todo = [Requirement(line) for line in tomllib.loads(PYPROJECT)["project"]["dependencies"]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in metadata.requires(requirement.name) or []:
            child = Requirement(line)
            if child.marker is None or any(
                child.marker.evaluate({"extra": extra}) for extra in ["", *requirement.extras]
            ):
                todo.append(child)
    return {name for name, _ in seen}


def test_the_three_files_agree():
    assert disagreements(PYPROJECT, LOCK, ENVIRONMENT) == []


def test_conda_users_get_everything_that_a_lesson_needs():
    assert needed_by_lessons() - environment_pins(ENVIRONMENT).keys() == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject", '"kafka-python==3.0.12"', '"kafka-python==3.0.11"', "kafka-python is locked outside its range"),
        ("pyproject", '"hypothesis', '"hypothesis-of-ours', "hypothesis-of-ours is not locked"),
        ("environment", "kafka-python==3.0.12", "kafka-python==3.0.11", "kafka-python differs in environment.yml"),
        ("environment", "      - kafka-python==3.0.12\n", "", "kafka-python is missing in environment.yml"),
        (
            "environment",
            "python=3.12",
            "python=3.10",
            "environment.yml names a Python that pyproject.toml does not allow",
        ),
        ("lock", "kafka-python==3.0.12", "kafka-python==3.0.13", "kafka-python differs in environment.yml"),
    ],
)
def test_a_planted_mismatch_is_found(file, old, new, complaint):
    files = {"pyproject": PYPROJECT, "lock": LOCK, "environment": ENVIRONMENT}
    assert old in files[file]
    files[file] = files[file].replace(old, new)
    assert complaint in disagreements(**files)


def test_the_lock_holds_hashes_and_names_no_place_to_download_from():
    pins_with_hashes = re.findall(r"^[a-z0-9]\S+==\S+( ; .*)? \\\n +--hash=sha256:[0-9a-f]{64}", LOCK, re.MULTILINE)
    assert len(pins_with_hashes) == len(lock_pins(LOCK)) > 100
    assert not re.search(r"://|^\s*(-i|-f|--index|--extra-index|--find-links|--trusted-host)", LOCK, re.MULTILINE)


def test_what_is_installed_is_what_is_locked():
    locked = {name: version(pin) for name, pin in lock_pins(LOCK).items() if not pin.marker or pin.marker.evaluate()}
    assert {name: metadata.version(name) for name in locked} == locked
