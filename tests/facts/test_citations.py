"""The classes that the lessons cite are in the Kafka that is pinned, with the members that they name."""

from __future__ import annotations

import re
import zipfile
from functools import cache
from pathlib import Path

import pytest

from lesson_lib.kafka_local import maven
from lesson_lib.kafka_local.compose import read_compose

from .register import all_cells

MEMBER = re.compile(r"`([A-Z][A-Za-z]+)\.(\w+)`")
OTHERS = {("KafkaProducer", "DEFAULT_CONFIG")}  # kafka-python's
CITED = sorted({found for cell in all_cells() for found in MEMBER.findall(cell.text)} - OTHERS)


@cache
def classes() -> dict[str, list[bytes]]:
    """The bytes of Kafka's classes, by their simple names."""
    found: dict[str, list[bytes]] = {}
    for jar in map(Path, maven.classpath(maven.kafka_server(read_compose().version)).split(":")):
        if jar.name.startswith("kafka"):
            with zipfile.ZipFile(jar) as zipped:
                for name in (n for n in zipped.namelist() if n.endswith(".class")):
                    found.setdefault(Path(name).stem, []).append(zipped.read(name))
    return found


def is_there(name: str, member: str) -> bool:
    """Whether Kafka has a class of that name with such a member."""
    return any(member.encode() in code for code in classes().get(name, ()))


@pytest.mark.java
@pytest.mark.parametrize(("name", "member"), CITED)
def test_what_is_cited_is_there(name: str, member: str) -> None:
    assert is_there(name, member)


@pytest.mark.java
@pytest.mark.parametrize(("name", "member"), [("ProducerStateManager", "forgetAll"), ("ProducerMemory", "writeSnapshot")])
def test_what_is_not_there_is_noticed(name: str, member: str) -> None:
    assert not is_there(name, member)
