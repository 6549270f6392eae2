"""Was lesson_lib changed while a copy ran? The functions, classes and constants that judge, in a few characters each.

A kernel that was patched well enough can lie about this too; the verdicts do not depend on it. It is there so that a report can
say what a copy tried.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

_ROOMS = ("lesson_lib.core", "lesson_lib.sim", "lesson_lib.history", "lesson_lib.teach", "lesson_lib.faults")
_DEPTH = 12  # of what lies in what
_MARK = "lesson_lib, as it is now: "
QUESTION = f"from course_tools.report import fingerprint; print({_MARK!r} + fingerprint.as_json())"


def as_json() -> str:
    """What every loaded module holds that has a part in judging."""
    return json.dumps(digests([name for name in sorted(sys.modules) if _judges(name)]))


def _judges(module: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in _ROOMS)


def answer(printed: str) -> Iterator[dict[str, Any]]:
    """The line for the report, from what the kernel printed; `silent` when lesson_lib does not answer any more."""
    gone = {"silent": True}
    line = next((line for line in printed.splitlines() if line.startswith(_MARK)), None)
    try:
        yield {"library": dict(json.loads(line.removeprefix(_MARK)))} if line else gone
    except (ValueError, TypeError, RecursionError):
        yield gone


def changed(found: Mapping[str, Any]) -> list[str]:
    """The names whose content differs from what is loaded here."""
    here: dict[str, str] = {}
    for name in filter(_judges, {str(name).partition(":")[0] for name in found}):
        try:
            importlib.import_module(name)
            here |= digests([name])
        except ImportError:
            continue
    return sorted(name.replace(":", ".") for name, digest in here.items() if found.get(name, "gone") != digest)


def digests(modules: list[str]) -> dict[str, str]:
    """`module:name` to a digest, for each function and class that the module defines and for its constants in capitals."""
    return {f"{name}:{key}": hashlib.sha256(repr(_shape(value, name)).encode()).hexdigest()[:12]
            for name in modules if isinstance(module := sys.modules.get(name), ModuleType)
            for key, value in sorted(vars(module).items()) if _counts(value, key, name)}


def _counts(value: Any, key: str, module: str) -> bool:
    constant = key.isupper() and not key.startswith("_")
    return constant or getattr(value, "__module__", None) == module and (callable(value) or isinstance(value, type))


def _shape(value: Any, module: str, depth: int = _DEPTH) -> Any:
    """What a value is made of, without anything that differs from one process to the next."""
    value = getattr(value, "__wrapped__", value)
    inner = partial(_shape, module=module, depth=depth - 1)
    if depth == 0 or isinstance(value, ModuleType):
        return "…"
    if isinstance(value, type) and depth < _DEPTH:
        return value.__qualname__  # it has, or is, an entry of its own
    if isinstance(value, FunctionType):
        return "function", inner(value.__code__), inner(value.__defaults__ or ()), _cells(value, inner)
    if isinstance(value, CodeType):
        return "code", value.co_code, value.co_names, tuple(map(inner, value.co_consts))
    if isinstance(value, type):
        own = value.__module__ == module
        return value.__qualname__, tuple((k, inner(v)) for k, v in sorted(vars(value).items()) if own and _is_written(k, v))
    if isinstance(value, property | classmethod | staticmethod):
        return tuple(inner(f) for f in (getattr(value, "fget", None), getattr(value, "__func__", None)) if f is not None)
    if is_dataclass(value):
        return type(value).__qualname__, tuple((f.name, inner(getattr(value, f.name, None))) for f in fields(value))
    return _plain_shape(value, inner)


def _plain_shape(value: Any, inner: partial[Any]) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted(repr((inner(k), inner(v))) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(inner, value))
    if isinstance(value, set | frozenset):
        return tuple(sorted(repr(inner(part)) for part in value))
    return value if value is None or isinstance(value, str | bytes | int | float | complex) else type(value).__qualname__


def _is_written(key: str, value: Any) -> bool:
    """Whether a class attribute is somebody's code; what Python adds on its own differs between versions and processes."""
    return isinstance(value, FunctionType | property | classmethod | staticmethod) or not key.startswith("_") and not callable(value)


def _cells(function: FunctionType, inner: partial[Any]) -> Any:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(inner(cell.cell_contents))
        except ValueError:  # empty
            continue
    return tuple(found)
