"""Every run that a lesson makes, and every picture that it draws, is an address that brings back the same."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lesson_lib.draw import Picture
from lesson_lib.explorer.explore import Exploration
from lesson_lib.history import History
from lesson_lib.history.link import MOST, SITE, link_to, unpacked
from lesson_lib.lab.choose_broker import VARIABLE, WORLD
from lesson_lib.lab.lab import Lab
from lesson_lib.teach.open_link import THEIRS, Opened
from tests.notebooks.conftest import NOTEBOOKS


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def made(request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The runs, explorations and pictures of a lesson, whose cells run here, in virtual time."""
    monkeypatch.setenv(SITE, "https://a-university.example.org/kafka/sent-twice-stored-once")
    monkeypatch.setenv(WORLD, "virtual")
    monkeypatch.delenv(VARIABLE, raising=False)  # CI has a broker, which no virtual world reaches
    monkeypatch.setenv("LESSON_PROGRESS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found: list[Any] = []
    drawing = import_module("lesson_lib.draw.picture")
    draw = drawing._picture

    def drawn(runs: Any, *more: Any, **named: Any) -> Picture:
        found.extend([*runs, picture := draw(runs, *more, **named)])
        return picture
    monkeypatch.setattr(drawing, "_picture", drawn)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(request.param.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            found += [value for value in names.values() if isinstance(value, History | Exploration)]
    if isinstance(lab := names.get("lab"), Lab):
        lab.stop()
    return list({id(one): one for one in found}.values())


def test_it_comes_back(made: list[Any]) -> None:
    assert len(made) > 1
    for one in made:
        if not one.call:
            assert is_by_hand(one), one
            continue
        link = link_to(one.call) if isinstance(one, Picture) else one.link()
        assert 0 < len(link.address) <= MOST, link
        opened = Opened(unpacked(link.address))
        opened.run()
        assert same(opened.picture if isinstance(one, Picture) else opened.result, one), link


def is_by_hand(one: Any) -> bool:
    """Whether it is of a client that the lesson drove itself, call by call (`lab.history()`)."""
    return one.settings.world == "real" if isinstance(one, History) else "real client" in one.svg


def same(one: Any, other: Any) -> bool:
    """Whether they show the same, except for whose a rule is said to be."""
    if isinstance(one, History):
        return (one.events, one.logs) == (other.events, other.logs)
    if isinstance(one, Picture):
        return one.table.split("\n") == other.table.split("\n") and (THEIRS in one.svg or one.svg == other.svg)
    return str(one) == str(other)
