"""A classic group by itself."""

from __future__ import annotations

import pytest

from lesson_lib.broker.groups import ClassicGroup, Member


@pytest.mark.parametrize("offers, chosen", [
    (["a b", "b a", "b a"], "b"), (["a b", "b a"], "a"), (["a b c", "c b", "b c"], "b"), (["a b", "b"], "b"),
])
def test_the_assignor_with_the_most_votes_is_chosen(offers: list[str], chosen: str) -> None:
    """Each member votes for the first of its own that all of them know (`ClassicGroup.selectProtocol`)."""
    members = {str(n): Member(str(n), None, "", 1, 1, dict.fromkeys(offer.split(), b"")) for n, offer in enumerate(offers)}
    assert ClassicGroup("g", members=members)._choose_protocol() == chosen
