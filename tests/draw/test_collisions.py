"""Every text can be read: none overlaps another, none leaves the sheet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.draw import compare, show
from lesson_lib.draw.canvas import AGAIN, FIRST_SEND, LANE, QUIET, RETRY, WIDTH, Box, Canvas, Line
from lesson_lib.draw.marks import through
from lesson_lib.draw.picture import LAYOUTS, READABLE
from lesson_lib.history import Kind
from lesson_lib.lab.forge import forge
from lesson_lib.sim import simulate
from tests.draw.collisions import labels, unreadable
from tests.draw.runs import LESSONS, lesson, pipeline, random_pair, transactions


def test_the_counter_sees_a_collision_and_a_text_that_is_cut_off() -> None:
    canvas = Canvas(200, 100)
    canvas.text(50, 50, "stored")
    canvas.text(60, 52, "offset 1")
    canvas.text(195, 20, "cut off")
    canvas.text(150, 80, "alone")
    assert unreadable(canvas) == [("stored", "offset 1"), "cut off"]


def test_the_counter_lets_neighbours_be() -> None:
    canvas = Canvas(200, 100)
    canvas.text(50, 40, "above")
    canvas.text(50, 56, "below")
    assert unreadable(canvas) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", LESSONS)
def test_runs_of_the_lessons(name: str, layout: str) -> None:
    picture = show(lesson(name), layout, control=lesson(name, idempotence=False))
    assert unreadable(picture.canvas) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_transactions(layout: str) -> None:
    assert unreadable(show(transactions(), layout).canvas) == []
    assert unreadable(show(pipeline(), layout).canvas) == []


@pytest.mark.parametrize(("layout", "first", "last"), [("lanes", 0, 110), ("space-time", 150, 180), ("arrivals", 200, 300)])
def test_random_runs(layout: str, first: int, last: int) -> None:
    bad = {}
    for seed in range(first, last):
        runs = random_pair(seed)
        if found := unreadable(show(runs[0], layout, control=runs[1] if len(runs) > 1 else None).canvas):
            bad[seed] = found
    assert bad == {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_figure_of_the_lessons_fits_a_notebook(layout: str) -> None:
    """A wider one is scrolled in its place, as its labels would have less than 11 pixels there."""
    widths = {name: show(lesson(name), layout, control=lesson(name, idempotence=False)).canvas.width for name in LESSONS
              if layout != "lanes" or LESSONS[name].get("in_flight", 1) == 1 and LESSONS[name]["values_or_count"] < 8}
    assert len(widths) >= 9 and {name for name, width in widths.items() if width * READABLE > WIDTH} == set()


def test_words_are_broken_only_where_a_picture_would_be_too_wide() -> None:
    """A note, and the memory that names its epoch; the words at a consumer's marks stand in two heights."""
    few, many = ([label.text for label in labels(show(simulate(n, resend=True, faults={2: "kill producer"})).canvas)] for n in (3, 7))
    assert "P2 epoch 0" in few and "P2\nepoch 0" in many and not {"P2\nepoch 0"} & set(few) and "P2 epoch 0" not in many
    crashed = {"commit": "after", "crash_at": 2}
    heights = [{round(label.y) for label in labels(show(simulate(n, consumer=crashed)).canvas) if label.text.startswith("commits")}
               for n in (2, 4)]
    assert [len(each) for each in heights] == [1, 2]


def test_compared_runs() -> None:
    for seed in range(400, 420):
        runs = random_pair(seed)
        assert unreadable(compare(runs[0], runs[-1]).canvas) == [], seed


@pytest.mark.parametrize("client", ["java", "librdkafka"])
def test_the_error_of_an_answer_is_on_no_request(client: str) -> None:
    """There it would seem to be the request's. The run is lesson 6's, in which the answers cross a later request."""
    run = simulate(6, partitions=2, in_flight=5, client=client, faults={3: "refuse 6", 4: "cut 3 2"})
    canvas = show(run, "lanes").canvas
    errors = [label for label in labels(canvas) if label.text in ("6", "45") and label.bold and label.backed]
    requests = [mark for mark in canvas.marks if isinstance(mark, Line) and mark.colour in (FIRST_SEND, RETRY)]
    assert len(errors) == 2 and len(requests) == 9
    assert [(label.text, line.points) for label in errors for line in requests if through(tuple(line.points), label.box)] == []


def test_the_error_of_an_answer_is_on_nobody_elses_lane() -> None:
    canvas = show(transactions(), "space-time").canvas
    lanes = [mark for mark in canvas.marks if isinstance(mark, Line) and mark.colour == LANE]
    errors = [label for label in labels(canvas) if label.text == "47" and label.backed]
    assert errors and len(lanes) > 3
    assert not [line for label in errors for line in lanes if through(tuple(line.points), label.box)]


@pytest.mark.parametrize("layout", ["lanes", "space-time"])
def test_the_words_of_a_copy_have_room_in_their_cell(layout: str) -> None:
    """They are bold, and wider than those of other cells."""
    canvas = show(simulate(["coffee", "coffee"], faults={2: "lose ack"}, idempotence=False), layout).canvas
    cells = [mark for mark in canvas.marks if isinstance(mark, Box) and mark.fill == AGAIN]
    words = {(label.x, label.y): label.box for label in labels(canvas) if label.bold and label.text.endswith(": coffee")}
    assert len(cells) == len(words) == 2
    for cell in cells:
        left, _, right, _ = words[cell.x + cell.width / 2, cell.y + cell.height / 2]
        assert min(left - cell.x, cell.x + cell.width - right) > 3.5


def test_a_name_of_two_lines_ends_above_its_lane() -> None:
    canvas = show(transactions(), "space-time").canvas
    tops = {round(mark.points[0][0]): mark.points[0][1] for mark in canvas.marks if isinstance(mark, Line) and mark.colour == LANE}
    named = {round(label.x): label for label in labels(canvas) if label.bold and label.text.startswith(("producer", "consumer"))}
    assert any("\n" in label.text for label in named.values())
    assert all(label.box[3] < tops[x] for x, label in named.items())


def test_what_differs_stands_in_one_column_where_events_are_only_counted_too() -> None:
    """A real run has no times that could be drawn; the second try is a duplicate in one run and stored in the other."""
    runs = [simulate(2, faults={2: "lose ack"}, idempotence=on) for on in (True, False)]
    canvas = compare(*(replace(run, settings=replace(run.settings, world="real")) for run in runs)).canvas
    tries = [label.x for label in labels(canvas) if label.text == "1·2" and label.bold]
    assert len(tries) == 4 and len({round(x) for x in tries}) == 2, "sent, and judged"


def test_without_reports_a_doubt_ends_with_the_answer_to_a_later_try() -> None:
    """As in a capture of `trace`, which can't see what an application is told."""
    run = simulate(3, faults={2: "lose ack"}, idempotence=False)
    wire = replace(run, events=tuple(event for event in run.events if event.kind != Kind.REPORT))
    for drawn, ends in ((run, "report"), (wire, "answer")):
        canvas = show(drawn, "lanes").canvas
        dotted = [mark for mark in canvas.marks if isinstance(mark, Line) and mark.colour == QUIET]
        last = max(x for mark in dotted for x, _ in mark.points)
        copy = next(label.x for label in labels(canvas) if label.text == "second copy")
        assert copy < last < max(label.x for label in labels(canvas) if label.text == "3: m2"), ends


def test_a_break_in_time_strikes_out_no_words() -> None:
    """Incident 3: thirteen tries, with a wait before each, and the name of an exception at the end."""
    canvas = show(simulate(3, in_flight=3, client="java", faults={1: "refuse 6"}), "lanes").canvas
    breaks = [mark for mark in canvas.marks if isinstance(mark, Line) and mark.colour == LANE and mark.width == 0.9]
    assert len({round(line.points[0][0]) for line in breaks}) == 20
    assert not [(label.text, line.points) for label in labels(canvas) for line in breaks if through(tuple(line.points), label.box)]


@pytest.mark.parametrize("numbers", [(2147483647, 0), (2147483640, 2147483641), (150_000, 150_001), (0, 900_000_000)])
def test_large_sequences_have_room_at_the_left_edge(numbers: tuple[int, ...]) -> None:
    bench = forge(PartitionLog())
    for number in numbers:
        bench.send(7, 0, number)
    assert unreadable(show(bench.history(), "arrivals").canvas) == []
