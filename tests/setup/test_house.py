"""The house: which room may know which, no circle of imports, nothing too small or too wide, a map that leads somewhere.

Imports are read from the source, so one under `TYPE_CHECKING` or inside a function counts like any other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("lesson_lib", "course_tools")
DOOR = "lesson_lib/__main__.py"  # names the commands of course_tools, as text
# Room -> the rooms of lesson_lib that it may import. A file directly in lesson_lib is a room of its own.
ARROWS = {
    "core": (),
    "errors": ("core",),
    "text_table": (),
    "faults": ("core", "errors"),
    "history": ("core", "errors", "faults", "text_table"),
    "sim": ("core", "errors", "faults", "history"),
    "explorer": ("core", "errors", "faults", "history", "sim", "text_table"),
    "wire": ("core", "errors"),
    "broker": ("core", "errors", "faults", "history", "wire"),
    "proxy": ("core", "errors", "faults", "history", "wire"),
    "lab": ("core", "errors", "faults", "history", "text_table", "wire", "broker", "proxy"),
    "draw": ("core", "errors", "faults", "history", "text_table"),
    "teach": ("core", "errors", "faults", "history", "text_table", "sim", "explorer", "lab", "draw"),
    "jupyter": ("errors", "teach", "lab"),
}
SHORT, WIDE = 40, 110


def sources(package: str) -> list[Path]:
    """Every Python file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """Dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of both packages."""
    return {module_of(path): path for package in PACKAGES for path in sources(package)}


def imported(source: str) -> Iterator[str]:
    """Dotted names that a source may import: `from a import b` gives `a.b` and, where that is no module, `a`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def known(name: str, names: dict[str, Path]) -> str | None:
    """The module of ours that an imported name stands for: itself, or the one that holds it."""
    return name if name in names else next((head for head in [name.rpartition(".")[0]] if head in names), None)


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports. A package stands for its `__init__`."""
    found = {}
    for name, path in modules().items():
        targets = (known(target, modules()) for target in imported(path.read_text(encoding="utf-8")))
        found[name] = {target for target in targets if target and target != name}
    return found


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports; empty when there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def room(module: str) -> str:
    """The room of a module of lesson_lib, `(top)` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "(top)"


def forbidden(arrows: dict[str, set[str]]) -> list[str]:
    """Every import that leads where it may not."""
    return [f"{module} imports {target}" for module, targets in arrows.items() if module.startswith("lesson_lib.")
            for target in sorted(targets) if not allowed(room(module), target)]


def allowed(from_room: str, target: str) -> bool:
    """Whether a room may import a module: its own files, and what ARROWS names."""
    if not target.startswith("lesson_lib."):
        return False
    return from_room in (room(target), "__main__") or room(target) in ARROWS[from_room]


def test_there_is_no_circle_of_imports():
    assert circle(graph()) == []


def test_every_import_points_down():
    assert forbidden(graph()) == []


@pytest.mark.parametrize(("module", "target"), [
    ("lesson_lib.core.producer_state", "lesson_lib.history.event"), ("lesson_lib.sim.toy_broker", "lesson_lib.lab.lab"),
    ("lesson_lib.draw.picture", "lesson_lib.sim.run"), ("lesson_lib.teach.ask", "course_tools.doctor"),
    ("lesson_lib.draw.picture", "lesson_lib"),
])
def test_a_planted_import_is_found(module, target):
    assert forbidden({module: {target}}) == [f"{module} imports {target}"]


def test_a_planted_circle_is_found():
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_late_and_typing_imports_count():
    source = "if TYPE_CHECKING:\n    from lesson_lib.a import B\ndef f():\n    import lesson_lib.c\n"
    assert set(imported(source)) == {"lesson_lib.a.B", "lesson_lib.c"}


def test_course_tools_is_named_by_the_door_alone():
    naming = [str(path.relative_to(ROOT)) for path in sources("lesson_lib")
              if "course_tools" in path.read_text(encoding="utf-8")]
    assert naming == [DOOR]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_a_sliver(package):
    short = {module_of(path): lines for path in sources(package) if path.name not in ("__init__.py", "__main__.py")
             and (lines := len(path.read_text(encoding="utf-8").splitlines())) < SHORT}
    assert short == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_lines_end_at_110_characters(package):
    wide = [f"{path.relative_to(ROOT)}:{number}" for path in sources(package)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if len(line) > WIDE]
    assert wide == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_says_what_it_is_and_a_folder_what_belongs_there(package):
    silent = [module_of(path) for path in sources(package) if not says_enough(path)]
    assert silent == []


def says_enough(path: Path) -> bool:
    """A sentence for a module, at least two for a folder."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return len(re.findall(r"[.:?](?=\s|$)", said)) >= (2 if path.name == "__init__.py" else 1)


def type_names() -> dict[str, list[str]]:
    """Name of a class, or of a type such as `Address = tuple[str, int]` -> the modules that define it."""
    found: dict[str, list[str]] = {}
    for name, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.ClassDef():
                    found.setdefault(node.name.lstrip("_"), []).append(name)
                case ast.Assign(targets=[ast.Name(id)], value=ast.Subscript() | ast.BinOp()) if re.match("_?[A-Z][a-z]", id):
                    found.setdefault(id.lstrip("_"), []).append(name)
    return found


def test_the_name_of_a_class_or_type_has_one_meaning():
    assert {name: homes for name, homes in type_names().items() if len(homes) > 1} == {}
    assert {"Address", "Script", "FaultScriptLike"} <= type_names().keys()


def map_of_the_house() -> list[str]:
    """The files that lesson_lib's first lines name, in reading order."""
    said = ast.get_docstring(ast.parse((ROOT / "lesson_lib" / "__init__.py").read_text(encoding="utf-8"))) or ""
    return re.findall(r"^ *\d+\. `([\w/]+\.py)`", said, re.MULTILINE)


def test_the_map_names_files_in_the_order_of_the_imports():
    names = ["lesson_lib." + file.removesuffix(".py").replace("/", ".") for file in map_of_the_house()]
    assert 8 <= len(names) <= 10 and set(names) <= modules().keys()
    for place, name in enumerate(names):
        assert not reached(name) & set(names[place + 1:]), f"{name} needs a file that is read later"


def reached(module: str) -> set[str]:
    """Every module that one needs, directly or through others."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        todo += (new := graph()[todo.pop()] - seen)
        seen |= new
    return seen
