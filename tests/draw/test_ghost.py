"""Another future: where two runs part, what of the old one is still drawn, how faint, and what it is called."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lesson_lib.draw import Picture, show
from lesson_lib.draw.facts import facts_of
from lesson_lib.draw.ghost import fork_of
from lesson_lib.draw.show import LAYOUTS
from lesson_lib.draw.steps import steps_of
from lesson_lib.draw.style import AGAIN, DUPLICATE, FIRST_SEND, QUIET, REFUSED, RETRY, STORED
from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from tests.draw.runs import random_fork

NOW = simulate(3, idempotence=False, faults={2: "lose ack"})
BEFORE = simulate(3, idempotence=False)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return show(NOW, ghost=BEFORE)


def texts(picture: Picture) -> list[str]:
    return [label.text for label in picture.canvas.labels]


def place(picture: Picture, text: str) -> list[tuple[float, float]]:
    """Where a text stands, from top to bottom."""
    found = [(label.x, label.y) for label in picture.canvas.labels if label.text == text]
    return sorted(found, key=lambda at: at[1])


def has_colour(picture: Picture, colour: str, top: float, bottom: float) -> bool:
    """Whether any pixel between two heights has exactly that colour."""
    pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))[int(top):int(bottom)]
    return bool((pixels == [int(colour[i:i + 2], 16) for i in (1, 3, 5)]).all(axis=2).any())


def test_the_fork_is_the_attempt_whose_fault_was_changed() -> None:
    for seed in range(300):
        now, before, attempt = random_fork(seed)
        fork = fork_of(now, before)
        if fork is None:
            assert [replace(e, conn=0) for e in now.events] == [replace(e, conn=0) for e in before.events]
            continue
        assert fork.attempt == attempt, seed
        assert now.events[:fork.common] == before.events[:fork.common]
        assert now.events[fork.at].kind == Kind.SEND or fork.at == fork.common


def test_of_several_changed_faults_the_first_that_matters_is_the_fork() -> None:
    before = simulate(4, in_flight=5, idempotence=False, faults={1: "lose request"})
    useless = simulate(4, in_flight=5, idempotence=False, faults={1: "lose request", 2: "lose request"})
    assert fork_of(useless, before) is None, "the connection was gone already"
    fork = fork_of(simulate(4, in_flight=5, idempotence=False, faults={1: "lose request", 2: "lose request", 5: "lose ack"}), before)
    assert fork is not None and fork.attempt == 5


def test_where_a_switch_changed_the_fork_is_where_the_runs_first_differ() -> None:
    patient, other = ({"idempotence": False, "faults": {2: "refuse 19"}, "retries": retries} for retries in (None, 0))
    fork = fork_of(simulate(3, **other), simulate(3, **patient))
    assert fork is not None and fork.attempt == 3 and fork.at == fork.common > 0, "without retries attempt 3 is another batch"
    assert fork_of(simulate(2), simulate(2, idempotence=False)).at == 0, "with idempotence the producer first asks for an id"


def test_on_the_wire_another_clock_and_another_id_are_no_difference() -> None:
    def wire(history: History, shift: int) -> History:
        events = tuple(replace(e, t=n + shift, producer_id=e.producer_id + shift if e.producer_id >= 0 else -1, topic=f"t{shift}")
                       for n, e in enumerate(history.events))
        return History(events, history.logs, replace(history.settings, world="real"))
    run, other = simulate(3, faults={3: "lose ack"}), simulate(3)
    assert fork_of(wire(run, 1000), wire(run, 4000)) is None
    assert fork_of(wire(run, 1000), wire(other, 4000)).attempt == 3
    assert show(wire(run, 1000), ghost=wire(other, 4000)).png


def test_what_was_before_the_fork_is_drawn_once(picture: Picture) -> None:
    found = texts(picture)
    assert found.count("0: m0") == 1 and found.count("1: m1") == 2
    assert found.count("second copy") == 1 and found.count("2: m2") == 1
    assert found.count("attempt 2: from here on, another future") == 1 and found.count("the future as it was before") == 1
    assert found.count("up to here the same as above") == 1


def test_both_stand_on_one_time_axis_and_the_line_is_left_of_the_attempt(picture: Picture) -> None:
    above, below = place(picture, "1: m1")
    assert above[0] == below[0] and above[1] < below[1]
    line = place(picture, "the future as it was before")[0][0]
    assert place(picture, "0: m0")[0][0] < line < above[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_run_is_drawn_in_full_and_its_ghost_faint(layout: str) -> None:
    now, before = simulate(4, faults={3: "lose request"}), simulate(4, faults={3: "lose ack", 4: "refuse 19"})
    picture = show(now, layout, ghost=before)
    title = next(label for label in picture.canvas.labels if label.text.startswith("Ghost"))
    middle, high = title.y - 12, picture.canvas.height
    for colour in (FIRST_SEND, RETRY, STORED, DUPLICATE, REFUSED, AGAIN):
        assert not has_colour(picture, colour, middle, high)
    assert has_colour(picture, STORED, 0, middle)
    own = [label for label in picture.canvas.labels if label.y > middle and "future" not in label.text]
    assert {label.colour for label in own} == {QUIET}


def test_titles_table_captions_and_alternative_text_say_which_is_the_ghost(picture: Picture) -> None:
    assert {"Now (faults: 2: lose ack), idempotence off", "Ghost: the run before (faults: none), idempotence off"} <= set(texts(picture))
    assert "from attempt 2 on, the run before a change, as a ghost. Now (faults: 2: lose ack): A producer" in picture.alt
    assert "Ghost: the run before (faults: none): A producer" in picture.alt
    assert "Ghost: the run before (faults: none), idempotence off, acks=all" in picture.table
    assert [line.split()[:2] for line in picture.table.splitlines() if line.startswith("≠")] == [["≠", "1"]]
    assert "Both: The broker stores batch 1 at offset 1." in picture.captions
    assert "Now: The answer for batch 1 is lost: the broker has decided, the producer cannot know." in picture.captions
    assert "Ghost: The answer for batch 1 arrives: offset 1." in picture.captions


def test_every_setting_that_was_changed_is_in_the_title() -> None:
    picture = show(simulate(2, acks=1, idempotence=False, faults={2: "lose ack"}), ghost=simulate(2))
    assert "Ghost: the run before (idempotence on, acks=all, faults: none)" in picture.table


def test_what_lies_before_the_fork_is_told_once_and_in_step() -> None:
    for seed in range(40):
        now, before, _ = random_fork(seed)
        if fork := fork_of(now, before):
            steps = steps_of([now, before], [facts_of(now), facts_of(before)], fork)
            assert steps.members[:fork.common] == tuple(((0, n), (1, n)) for n in range(fork.common))
            for number, run in enumerate((now, before)):
                assert [i for step in steps.members for r, i in step if r == number] == list(range(len(run.events)))


def test_where_nothing_came_out_otherwise_there_is_no_ghost() -> None:
    run = simulate(2, acks=1, idempotence=False)
    picture = show(run, ghost=simulate(2, idempotence=False))
    assert picture.svg == show(run).svg and picture.alt == run.story()


def test_a_run_that_ends_before_the_other_has_a_line_too() -> None:
    long = simulate(3)
    short = replace(long, events=long.events[:9])
    for now, before in ((short, long), (long, short)):
        fork = fork_of(now, before)
        assert fork is not None and fork.at == 9
        assert show(now, ghost=before).png and show(now, "space-time", ghost=before).png


def test_a_control_and_a_ghost_are_one_too_many() -> None:
    with pytest.raises(LessonError, match="leave one of them out"):
        show(NOW, control=BEFORE, ghost=BEFORE)
    with pytest.raises(LessonError, match="Only a run can be drawn"):
        show(NOW, ghost="m0 m1")  # type: ignore[arg-type]
