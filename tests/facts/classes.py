"""What is in the classes of the Kafka that is pinned: which there are, and which names they hold."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

from course_tools.apache_kafka import maven
from lesson_lib.lab.compose import read_compose


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
