"""The classes that the lessons cite are in the Kafka that is pinned, with the members that they name."""

from __future__ import annotations

import re

import pytest

from .classes import is_there
from .register import all_cells

MEMBER = re.compile(r"`([A-Z][A-Za-z]+)\.(\w+)`")
OTHERS = {("KafkaProducer", "DEFAULT_CONFIG"), ("CONFIGURATION", "md")}  # kafka-python's, and a page of librdkafka's
CITED = sorted({found for cell in all_cells() for found in MEMBER.findall(cell.text)} - OTHERS)


@pytest.mark.java
@pytest.mark.parametrize(("name", "member"), CITED)
def test_what_is_cited_is_there(name: str, member: str) -> None:
    assert is_there(name, member)


@pytest.mark.java
@pytest.mark.parametrize(("name", "member"), [("ProducerStateManager", "forgetAll"), ("ProducerMemory", "writeSnapshot")])
def test_what_is_not_there_is_noticed(name: str, member: str) -> None:
    assert not is_there(name, member)
