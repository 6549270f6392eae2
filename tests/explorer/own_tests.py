"""Our own tests, called with a wrong rule in the place of Kafka's: which of them would catch it?

A module of tests is loaded once more, every log that it makes belongs to the broker in question, and its tests are called one
by one, with each of their parameters. A fixture is a function of that module without arguments.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lesson_lib.sim.run as run
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog

MakesLog = Callable[..., PartitionLog]


def outcomes(path: Path, makes_log: MakesLog, only: str = "") -> Iterator[tuple[str, bool]]:
    """Each test of the module at `path` with each of its parameters: its name, and whether it passes with such logs.

    They are called as they are asked for; `only` is the name of one of them.
    """
    def made(version: KafkaVersion = DEFAULT_VERSION, *_: Any, **__: Any) -> PartitionLog:
        return makes_log(version=version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "log_of", made)
        module = _loaded(path)
        patch.setattr(module, "PartitionLog", made, raising=False)
        for name, given in _calls(module):
            if not only or f"{name}{given}" == only:
                yield f"{name}{given}", _passes(module, name, given)


def _calls(module: ModuleType) -> list[tuple[str, dict[str, Any]]]:
    return [(name, given) for name, test in vars(module).items() if name.startswith("test_") for given in _parameters(test)]


def _loaded(path: Path) -> ModuleType:
    """The module anew: nobody else's copy of it is touched."""
    spec = importlib.util.spec_from_file_location(f"with_another_rule.{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    """The arguments of each call that its `parametrize` marks ask for."""
    columns = []
    for mark in getattr(test, "pytestmark", []):
        names = [n.strip() for n in mark.args[0].split(",")] if isinstance(mark.args[0], str) else list(mark.args[0])
        columns.append([dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in mark.args[1]])
    for chosen in product(*columns):
        yield {name: value for one in chosen for name, value in one.items()}


def _passes(module: ModuleType, name: str, given: dict[str, Any]) -> bool:
    test = getattr(module, name)
    fixtures = {fixture for fixture in inspect.signature(test).parameters if fixture not in given}
    try:
        test(**given, **{fixture: getattr(module, fixture).__wrapped__() for fixture in fixtures})
    except Exception:  # noqa: BLE001 - whatever a wrong rule leads to
        return False
    return True
