"""Another future: the run before a change stands pale behind the present one, in the same rows and on the same axis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesson_lib.draw import Picture, show
from lesson_lib.draw.canvas import Box, Text, overlap
from lesson_lib.draw.two_runs import alike
from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind
from lesson_lib.sim import simulate
from tests.draw.reading import BLUE, GREEN, ORANGE, PINK, RED, Drawing, in_front, read, verdict_mark
from tests.draw.runs import random_fork

NOW = simulate(3, idempotence=False, faults={2: "lose ack"})
BEFORE = simulate(3, idempotence=False)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return show(NOW, ghost=BEFORE)


def parts(picture: Picture) -> tuple[Drawing, Drawing]:
    """What stands behind, and the picture before it, read from the drawing."""
    behind, before_it = map(read, in_front(picture.svg))
    assert behind.shapes
    return behind, before_it


def texts(picture: Picture) -> list[str]:
    return [label.text for label in picture.canvas.labels]


def heights_of_verdicts(drawing: Drawing) -> set[float]:
    """Where the broker's lane is: the heights of the marks that only stand there."""
    marks = [s for s in drawing.shapes if s.fill in ("#009E73", "#CC79A7") and s.kind != "polyline" and s.width]
    return {round(verdict_mark([mark])[1].middle[1]) for mark in marks}


def test_every_mark_of_the_run_before_is_behind_and_none_of_them_is_stepped(picture: Picture) -> None:
    behind = [mark for mark in picture.canvas.behind if not isinstance(mark, Text)]
    alone = [mark for mark in show(BEFORE).canvas.marks if mark.event is not None and not isinstance(mark, Text)]
    bands = [mark for mark in alone if mark.layer == 0]
    assert len(behind) == len(alone) - len(bands), "all that its events drew, the bands of its connections left out"
    assert all(mark.event is None for mark in picture.canvas.behind)
    assert picture.captions == show(NOW).captions and picture.surprises == show(NOW).surprises


def test_it_stands_on_the_same_lanes(picture: Picture) -> None:
    for seed in range(30):
        now, before, _ = random_fork(seed)
        if not alike(now, before) and before.of(Kind.VERDICT) and now.of(Kind.VERDICT):
            pale, present = parts(show(now, "lanes", ghost=before))
            if heights_of_verdicts(pale) and heights_of_verdicts(present):
                assert heights_of_verdicts(pale) == heights_of_verdicts(present), seed


def test_what_both_did_lies_in_one_place(picture: Picture) -> None:
    """The first batch fared the same; the second is sent at the same time, and the third earlier than now."""
    pale, present = parts(picture)
    def sends(drawing: Drawing) -> list[tuple[float, float]]:
        return sorted(s.middle for s in drawing.filled("#0072B2") if s.kind == "rect")
    assert sends(pale)[:2] == sends(present)[:2] and sends(pale)[2][0] < sends(present)[2][0]


def test_a_word_behind_is_left_out_where_a_word_stands_before_it() -> None:
    for seed in range(60):
        now, before, _ = random_fork(seed)
        canvas = show(now, "lanes", ghost=before).canvas
        boxes = [label.box for label in canvas.labels if not label.upright]
        assert not [mark.text for mark in canvas.behind if isinstance(mark, Text) and any(overlap(mark.box, box) for box in boxes)]


def test_the_picture_says_what_stands_behind_it(picture: Picture) -> None:
    assert "pale behind it: the run before (faults: none)" in " ".join(texts(picture))
    assert picture.alt.startswith("A run, and pale behind it the run before a change. Now: A producer sends")
    assert "Before: A producer" in picture.alt
    assert "Now: m1 is stored twice, idempotence off, acks=all" in picture.table and "idempotence off, acks=all" in picture.table
    assert [line.split()[:2] for line in picture.table.splitlines() if line.startswith("≠")] == [["≠", "1"]]


def test_every_setting_that_was_changed_is_named() -> None:
    changed = show(simulate(2, acks=1, idempotence=False, faults={2: "lose ack"}), ghost=simulate(2))
    assert "(idempotence on, acks=all, faults: none)" in " ".join(texts(changed))


def test_where_nothing_came_out_otherwise_nothing_stands_behind() -> None:
    run = simulate(2, acks=1, idempotence=False)
    picture = show(run, ghost=simulate(2, idempotence=False))
    assert picture.svg == show(run).svg and picture.alt == run.story() and picture.table == run.table()


def test_on_the_wire_another_clock_and_another_id_are_no_difference() -> None:
    def wire(history: History, shift: int) -> History:
        events = tuple(replace(e, t=n + shift, producer_id=e.producer_id + shift if e.producer_id >= 0 else -1, topic=f"t{shift}")
                       for n, e in enumerate(history.events))
        return History(events, history.logs, replace(history.settings, world="real"))
    run, other = simulate(3, faults={3: "lose ack"}), simulate(3)
    assert alike(wire(run, 1000), wire(run, 4000)) and not alike(wire(run, 1000), wire(other, 4000))
    later = replace(other, events=tuple(replace(e, t=e.t + 1) for e in other.events))
    assert not alike(later, other), "where there is a clock, when it happened counts"
    with pytest.raises(LessonError, match=r"compare\(before, now\)"):
        show(wire(run, 1000), ghost=wire(other, 4000))


def test_an_arrival_graph_says_what_to_do_instead() -> None:
    with pytest.raises(LessonError, match=r"compare\(before, now, 'arrivals'\)"):
        show(NOW, "arrivals", ghost=BEFORE)


def in_order(drawing: Drawing) -> list[tuple[str, float]]:
    """Sends and verdicts of space-time from the top to the bottom: colour and lane."""
    marks = [s for s in drawing.filled(BLUE, ORANGE, GREEN, PINK, RED) if s.kind != "polyline" and 18 < s.box[3] - s.box[1] < 30]
    return [(s.fill, round(s.middle[0])) for s in sorted(marks, key=lambda s: s.middle[1])]


@pytest.mark.parametrize("seed", range(40))
def test_in_space_time_the_whole_run_before_stands_behind_in_its_order(seed: int) -> None:
    now, before, _ = random_fork(seed)
    if alike(now, before):
        return
    picture, alone = show(now, "space-time", ghost=before), show(before, "space-time")
    pale, present = parts(picture)
    fills, whole = [fill for fill, _ in in_order(pale)], [fill for fill, _ in in_order(read(alone.svg))]
    assert fills == whole and len(whole) >= 2
    lanes = {label.text: label.x for label in picture.canvas.labels if label.bold and label.event is None}
    assert {x for _, x in in_order(pale)} | {x for _, x in in_order(present)} <= {round(x) for x in lanes.values()}, "the same lanes"
    marks = [mark for mark in alone.canvas.marks if mark.event is not None and not isinstance(mark, Text)]
    assert len([mark for mark in picture.canvas.behind if not isinstance(mark, Text)]) == len(marks)


def test_in_space_time_what_both_did_is_one_row_and_the_rest_is_in_between() -> None:
    pale, present = parts(show(NOW, "space-time", ghost=BEFORE))
    behind, front = ({w.text: w.y for w in part.words if w.anchor == "start"} for part in (pale, present))
    both = set(show(BEFORE, "space-time").captions[:6])
    assert len(both) == 6 and both <= front.keys() and not both & behind.keys(), "said once, by the run itself"
    assert front["The connection drops. Nobody can tell what became of the\nrequests without an answer."] \
        < behind["The answer for batch 1 arrives: offset 1."] < front["The broker stores batch 1 at offset 2: a second copy."]
    assert not [y for y in behind.values() if any(abs(y - other) < 12 for other in front.values())], "rows of its own"


def test_a_run_that_ends_before_the_other_is_another_run() -> None:
    long = simulate(3)
    short = replace(long, events=long.events[:9])
    for now, before in ((short, long), (long, short)):
        assert show(now, ghost=before).canvas.behind and show(now, ghost=before).png


def test_in_a_painting_it_is_as_pale_as_in_a_drawing(picture: Picture) -> None:
    from io import BytesIO

    import numpy as np
    from PIL import Image
    pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"), dtype=int)
    third = max((mark for mark in picture.canvas.behind if isinstance(mark, Box) and mark.fill == "#0072B2"), key=lambda box: box.x)
    at = pixels[round(third.y + 4), round(third.x + third.width / 2)]
    assert (abs(at - [179, 213, 232]) < 8).all(), "three tenths of the blue on white"


def test_a_control_and_a_ghost_are_one_too_many() -> None:
    with pytest.raises(LessonError, match="leave one of them out"):
        show(NOW, control=BEFORE, ghost=BEFORE)
    with pytest.raises(LessonError, match="Only a run can be drawn"):
        show(NOW, ghost="m0 m1")  # type: ignore[arg-type]
