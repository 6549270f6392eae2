"""Scripts as text, made up at random, and made small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from course_tools.conformance.decision_table import DECISION_TABLE, rows_by_step
from course_tools.conformance.generate import random_script
from course_tools.conformance.script import FLAWS, Script, parse
from course_tools.conformance.shrink import shrink, size
from lesson_lib.errors import LessonError

VERSIONS = (3, 9, 11, 12)


@pytest.mark.parametrize("seed", range(200))
def test_a_script_is_its_text(seed: int) -> None:
    script = random_script(Random(seed), VERSIONS)
    assert parse(str(script)) == script
    assert script.playable


def test_the_same_seed_gives_the_same_script() -> None:
    assert [random_script(Random(n)) for n in range(50)] == [random_script(Random(n)) for n in range(50)]
    assert len({str(random_script(Random(n))) for n in range(50)}) == 50


def rows_of(script: Script) -> list[str]:
    """Every row that a script hits, with repetitions."""
    return [row for rows in rows_by_step(script) for row in rows]


def test_every_row_is_within_reach_of_a_thousand_scripts() -> None:
    hits = Counter(row for n in range(1500) for row in rows_of(random_script(Random(n), VERSIONS)))
    assert [row for row in DECISION_TABLE if not hits[row]] == []
    assert set(hits) <= set(DECISION_TABLE)


UNREADABLE = ["send p0 a e0 s0 n1 oops", "sned p0 a", "send p0 ab e0", "send p0 a s2147483648", "commit X e+0", "", "v9:"]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_played_is_refused(text: str) -> None:
    with pytest.raises(LessonError):
        parse(text)


def test_the_letter_case_says_how_an_epoch_counts() -> None:
    assert parse("v11: init X; send p1 X e-1 s3 n2 txn").steps[1].epoch == -1
    assert str(parse("send p0 a e3 s0 n1")) == "v9: send p0 a e3 s0 n1"
    assert all(parse(f"send p0 a e0 s0 n1 {flaw}").steps[0].flaw == flaw for flaw in FLAWS)


def stored_twice_and_zombie(scripts: Sequence[Script]) -> list[bool]:
    """A made-up symptom: some batch is sent twice, and some later one has an epoch above 2."""
    return [any(s == t for i, s in enumerate(c.steps) for t in c.steps[:i]) and any(s.epoch > 2 for s in c.steps) for c in scripts]


def test_shrinking_leaves_what_is_needed_and_nothing_else() -> None:
    long = parse("v12: init X; send p1 b e0 s7 n3; send p1 b e0 s7 n3; send p0 - n2; send p1 b e9 s0 n12; delete p1 3; abort X e+0")
    assert str(shrink(long, stored_twice_and_zombie)) == "v9: send p0 a e0 s0 n1; send p0 a e0 s0 n1; send p0 a e3 s0 n1"


def test_shrinking_only_ever_makes_smaller_and_asks_for_playable_scripts() -> None:
    seen: list[Script] = []

    def happens(scripts: Sequence[Script]) -> list[bool]:
        seen.extend(scripts)
        return [any(s.kind == "abort" for s in c.steps) for c in scripts]

    start = random_script(Random(3), (12,)).with_steps(parse("init X; send p0 X e+0 s0 n5 txn; abort X e+0; send p0 - n1").steps)
    assert str(shrink(start, happens)) == "v9: init X; abort X e+0"
    assert all(c.playable and size(c) < size(start) for c in seen)


def test_a_script_that_cannot_shrink_stays() -> None:
    assert shrink(parse("send p0 - n1"), lambda scripts: [False] * len(scripts)) == parse("send p0 - n1")


def test_the_least_large_number_is_found_in_few_steps() -> None:
    """librdkafka's mock stores what is far behind: a search one by one, from 2147483647 down to it, took for ever."""
    asked: list[Script] = []

    def happens(scripts: Sequence[Script]) -> list[bool]:
        asked.extend(scripts)
        return [any(s.base_sequence > 2**30 for s in c.steps) for c in scripts]

    assert str(shrink(parse("send p0 a e0 s0 n1; send p0 a e0 s2147483647 n1"), happens)) == "v9: send p0 a e0 s1073741825 n1"
    assert len(asked) < 2_000


def test_what_can_each_go_alone_goes_together() -> None:
    """Eight steps that nobody needs cost two rounds, not eight."""
    start, asked = parse("; ".join(["send p0 - n1"] * 8 + ["send p0 a e0 s0 n1"])), list[list[Script]]()

    def happens(scripts: Sequence[Script]) -> list[bool]:
        asked.append(list(scripts))
        return [any(step.producer == "a" for step in script.steps) for script in scripts]
    assert str(shrink(start, happens)) == "v9: send p0 a e0 s0 n1"
    assert len(asked[0]) == 9 and str(asked[1][0]) == "v9: send p0 a e0 s0 n1"
