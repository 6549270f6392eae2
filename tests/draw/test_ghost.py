"""Another future: where two runs part, what of the old one is still drawn, how faint, and what it is called."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lesson_lib.draw import Picture, show
from lesson_lib.draw.arrivals.layout import Scale
from lesson_lib.draw.arrivals.layout import Sheet as Arrivals
from lesson_lib.draw.facts.facts import facts_of
from lesson_lib.draw.facts.fork import fork_of
from lesson_lib.draw.facts.fork_line import ASIDE, DASHES
from lesson_lib.draw.facts.steps import steps_of
from lesson_lib.draw.sheet.canvas import Box, Line
from lesson_lib.draw.sheet.style import (
    AGAIN,
    DUPLICATE,
    FAINT_FILL,
    FIRST_SEND,
    MEMORY,
    QUIET,
    REFUSED,
    RETRY,
    STORED,
    mixed,
    text_width,
)
from lesson_lib.draw.show import LAYOUTS
from lesson_lib.draw.space_time.sheet import Sheet
from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from lesson_lib.sim.pipeline import simulate_pipeline
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
    both = fork_of(simulate(4, faults={3: "lose ack"}), simulate(4, idempotence=False))
    assert both is not None and (both.at, both.attempt) == (0, 0), "they part before attempt 3, whose fault was changed too"


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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_every_layout_the_line_has_the_same_words_and_only_what_lies_behind_it_is_drawn_twice(layout: str) -> None:
    now, before = simulate(4, faults={3: "lose ack"}), simulate(4, faults={3: "lose request"})
    drawn = show(now, layout, ghost=before)
    found = texts(drawn)
    for words in ("attempt 3: from here on, another future", "the future as it was before", "up to here the same as above"):
        assert found.count(words) == 1, words
    divide = drawn.canvas.divided_at
    labels = [label for label in drawn.canvas.labels if label.bold and label.text in ("0", "1", "2", "3")]
    ghost = {label.text for label in labels if label.y > divide}
    assert ghost == {"2", "3"} and {label.text for label in labels if label.y < divide} == {"0", "1", "2", "3"}


def test_what_was_before_an_early_line_is_told_behind_it_and_before_the_first_event_was_nothing() -> None:
    early = show(simulate(3, faults={2: "lose ack"}), "arrivals", ghost=simulate(3))
    words, same = (place(early, text)[0] for text in ("the future as it was before", "up to here the same as above"))
    assert words[0] < same[0] and words[1] == same[1]
    for layout in LAYOUTS:
        assert "up to here the same as above" not in texts(show(simulate(3), layout, ghost=simulate(3, idempotence=False)))


def test_in_space_time_rows_above_the_line_are_of_attempts_under_way() -> None:
    now, before = (simulate(4, in_flight=5, idempotence=False, faults=faults) for faults in ({3: "lose ack"}, None))
    fork = fork_of(now, before)
    sheet = Sheet(before, 0.0, fork=fork, ghost=True)
    above = [fact.event.attempt for fact in sheet.drawn if sheet.y(fact) < sheet.fork_y]
    assert set(above) == {1, 2} and all(sheet.y(f) > sheet.fork_y for f in sheet.drawn if f.index >= fork.at)


def test_in_space_time_a_transaction_that_is_open_at_the_line_comes_from_it() -> None:
    """One that ended before is not drawn; nor is where the last stable offset lay."""
    drawn = show(simulate_pipeline(3), "space-time", ghost=simulate_pipeline(3, crash={2: "send"}))
    ghost = [label.text for label in drawn.canvas.labels if label.y > drawn.canvas.divided_at]
    assert [text for text in ghost if text.startswith("LSO")] == ["LSO 4", "LSO 6", "LSO 8"]
    assert sorted(text for text in ghost if text in ("committed", "aborted", "open")) == ["aborted", "committed", "committed"]
    line = next(label.y for label in drawn.canvas.labels if label.text == "the future as it was before")
    bar = min((mark for mark in drawn.canvas.marks if isinstance(mark, Line) and mark.width == 4.0 and mark.points[0][1] > line - 30),
              key=lambda mark: mark.points[0][1])
    assert bar.points[0][1] == line


def test_in_the_arrival_graph_a_ghost_lies_in_the_columns_above_it() -> None:
    """And what the broker remembers at the line comes from before it."""
    for seed in range(40):
        now, before, _ = random_fork(seed)
        if fork := fork_of(now, before):
            scale = Scale.of(now, before)
            above, ghost = (Arrivals(run, 0.0, scale, fork, ghost=run is before) for run in (now, before))
            column = ghost.forked
            assert above.forked == column and above.axes.edges[:column + 1] == ghost.axes.edges[:column + 1]
            assert all(a.column >= column and a.fact.index >= fork.at for row in ghost.axes.rows for a in ghost.axes.shown(row))
    drawn = show(simulate(5, faults={3: "lose ack"}), "arrivals", ghost=simulate(5))
    pale = mixed(MEMORY, FAINT_FILL)
    bands = [mark.x for mark in drawn.canvas.marks if isinstance(mark, Box) and mark.fill == pale and mark.edge is None]
    line = next(label.x for label in drawn.canvas.labels if label.text == "the future as it was before") - ASIDE
    assert bands.count(line) == 2 and min(bands) == line, "batches 0 and 1 are remembered"


def test_a_long_run_and_its_short_ghost_are_drawn_in_one_form() -> None:
    drawn = show(simulate(45, faults={20: "lose ack"}), "arrivals", ghost=simulate(30, faults={20: "lose ack", 21: "refuse 19"}))
    assert texts(drawn).count("batches from the one expected") == 2
    assert {"20.", "30."} <= set(texts(drawn)) and texts(drawn).count("10.") == 1, "what was counted before the line is above"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_line_of_a_fork_runs_through_words(layout: str) -> None:
    for seed in range(900, 930):
        now, before, _ = random_fork(seed)
        canvas = show(now, layout, ghost=before).canvas
        bare = [label for label in canvas.labels if not label.backed and label.align == "left"]
        for line in [mark for mark in canvas.marks if isinstance(mark, Line) and mark.style == DASHES]:
            (x0, y0), (x1, y1) = line.points
            through = [label.text for label in bare if x0 < label.x + text_width(label.text, label.size, label.bold) and x1 > label.x
                       and y0 < label.y + 4 and y1 > label.y - 4]
            assert through == [], seed


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
    middle, high = title.y - 8, picture.canvas.height
    for colour in (FIRST_SEND, RETRY, STORED, DUPLICATE, REFUSED, AGAIN):
        assert not has_colour(picture, colour, middle, high)
    assert has_colour(picture, STORED, 0, middle)
    own = [label for label in picture.canvas.labels if label.y > middle and label.text != "the future as it was before"]
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
        for layout in LAYOUTS:
            assert texts(show(now, layout, ghost=before)).count("the future as it was before") == 1


def test_a_control_and_a_ghost_are_one_too_many() -> None:
    with pytest.raises(LessonError, match="leave one of them out"):
        show(NOW, control=BEFORE, ghost=BEFORE)
    with pytest.raises(LessonError, match="Only a run can be drawn"):
        show(NOW, ghost="m0 m1")  # type: ignore[arg-type]
