"""What a broker keeps aside and says ok to: found with the broker that buffers, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from lesson_lib.draw import compare, show
from lesson_lib.draw.arrivals import ArrivalsPanel
from lesson_lib.draw.picture import LAYOUTS
from lesson_lib.draw.run_view import RunView
from lesson_lib.explorer.explore import explore
from lesson_lib.explorer.wrong_brokers import BufferAndSort
from lesson_lib.history import History, Kind
from lesson_lib.history.story import as_story, verdict_on
from lesson_lib.sim import simulate
from tests.draw.collisions import labels, unreadable
from tests.draw.runs import pipeline, random_pair, transactions, until
from tests.explorer.beliefs import BELIEFS


def buffered(faults: dict[int, str], count: int = 4, **settings: Any) -> History:
    """A burst on the broker that buffers and sorts."""
    return simulate(count, in_flight=5, client="java", faults=faults, rule=BufferAndSort(), **settings)


def what_was_kept(run: History) -> tuple[list[int], dict[int, list[int]]]:
    """The attempts that were kept aside, and the batches that an attempt let go."""
    return ([a.number for a in run.attempts if a.verdict == "kept"],
            {a.number: list(a.behind) for a in run.attempts if a.behind})


@pytest.mark.parametrize(("faults", "aside", "behind"), [
    ({}, [], {}),
    ({2: "refuse 19"}, [3, 4], {5: [2, 3]}),
    ({1: "refuse 19"}, [2, 3, 4], {5: [1, 2, 3]}),
    ({1: "refuse 19", 4: "crash broker"}, [2, 3, 4], {}),
    ({4: "refuse 19"}, [], {})])
def test_kept_until_those_before_it_are_there(faults: dict[int, str], aside: list[int],
                                              behind: dict[int, list[int]]) -> None:
    run = buffered(faults)
    assert what_was_kept(run) == (aside, behind)
    assert [number for number, what, _ in run.verdicts if what == "kept"] == [run.attempts[n - 1].batch for n in aside]


def test_what_was_told_too_early_is_said_and_what_was_not_told_is_not() -> None:
    early = "The application was told ok for batch"
    assert verdict_on(buffered({3: "refuse 19"})) == f"{early} 3 before it was in the log."
    assert verdict_on(buffered({2: "refuse 19"})) == f"{early} 2 and 3 before they were in the log."
    lost = buffered({2: "refuse 19", 3: "lose ack"})
    assert what_was_kept(lost)[0] == [3] and early not in verdict_on(lost)


def test_batches_of_several_records_are_kept_too() -> None:
    run = buffered({2: "refuse 19"}, 9, records_per_batch=3)
    assert what_was_kept(run) == ([3], {4: [2]}) and run.attempts[2].offset == 6


def test_what_was_kept_at_a_time_is_so_before_the_end_is_known() -> None:
    run = buffered({2: "refuse 19"})
    first = next(e for e in run.events if e.kind == Kind.VERDICT and e.attempt == 3)
    assert what_was_kept(until(run, first.t))[0] == [3]


def test_no_other_run_keeps_anything() -> None:
    for seed in range(150):
        for run in random_pair(seed):
            assert what_was_kept(run) == ([], {}), seed
    assert what_was_kept(transactions()) == what_was_kept(pipeline()) == ([], {})
    for name, made in BELIEFS.items():
        faulty = simulate(4, in_flight=5, client="java", faults={2: "refuse 19"}, rule=made())
        assert (what_was_kept(faulty) != ([], {})) == (name == "buffer and sort"), name


def test_the_explorer_tells_of_it_too() -> None:
    """What was kept is lost with a restart, and what is kept goes into the log before the end."""
    walked = explore(3, 3, 2, rule=BufferAndSort(), kinds=("refuse", "restart broker"))
    lost = walked.find("lost write")
    assert lost is not None and what_was_kept(lost)[0] and "kept, told ok, not in the log" in str(lost)
    runs = [walked.history(outcome) for outcome in walked.outcomes]
    assert any(what_was_kept(run)[1] for run in runs)


def test_table_story_and_captions_say_it() -> None:
    run = buffered({2: "refuse 19"})
    rows = run.table().splitlines()
    assert "kept, told ok, not in the log" in rows[3] and "stored at offset 1, behind it the kept 2, 3" in rows[5]
    assert "Request 3 (batch 2, try 1) is kept, told ok, not in the log." in as_story(run)
    picture = show(run)
    captions = picture.playing.captions
    assert "The broker keeps batch 2 aside and will say ok, offset 2: it is not in the log." in captions
    assert "The broker stores batch 1 at offset 1, and behind it what it had kept: 2, 3." in captions
    assert captions.index("The broker keeps batch 2 aside and will say ok, offset 2: it is not in the log.") in picture.playing.surprises
    assert "kept aside" in compare(run, simulate(4)).table.split("≠")[2]


def test_the_picture_has_it_in_the_log_only_when_it_is_there() -> None:
    texts = [label.text for label in labels(show(buffered({2: "refuse 19"})).canvas)]
    assert texts.count("kept,\ntold ok") == texts.count("not in the log") == 2
    assert "1: m1\n2: m2\n3: m3" in texts and not {"2: m2", "3: m3"} & set(texts)
    assert "0 1 2 3" in texts and "0 2" not in texts, "what was kept is remembered when it is stored"
    (group,) = ArrivalsPanel(RunView(buffered({2: "refuse 19"}))).rows
    assert [group.bands[column] for column in (2, 3, 4)] == [((0, 0),), ((0, 0),), ((0, 0), (1, 1), (2, 2), (3, 3))]
    arrivals = [label.text for label in labels(show(buffered({2: "refuse 19"}), "arrivals").canvas)]
    assert arrivals.count("kept") == 2 and arrivals.count("kept aside") == 1
    assert "kept aside" not in [label.text for label in labels(show(simulate(2), "arrivals").canvas)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("faults", [{2: "refuse 19"}, {1: "refuse 19", 4: "crash broker"}, {1: "refuse 19", 5: "lose ack"}])
def test_it_can_be_read(faults: dict[int, str], layout: str) -> None:
    assert unreadable(compare(buffered(faults), simulate(4), layout).canvas) == []
