"""How a run, and two runs together, are told: order, sentences, surprises; and where the moments lie on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lesson_lib.draw import Picture, compare, show
from lesson_lib.draw.lanes import COUNTS, lay_out
from lesson_lib.draw.run_view import RunView
from lesson_lib.draw.two_runs import ASPECTS, RunByBatch, differing, pairs_of, side_by_side, told_together
from lesson_lib.draw.words import sentence
from lesson_lib.explorer.wrong_brokers import BufferAndSort
from lesson_lib.history import Event, History, Kind
from lesson_lib.sim import simulate, simulate_pipeline
from tests.draw.collisions import labels
from tests.draw.runs import lesson, pipeline, random_pair, transactions


def _on_the_wire(history: History) -> History:
    """The same run as the proxy would have written it: times only count, ids are others."""
    events = tuple(replace(e, t=n, producer_id=e.producer_id + 4000 if e.producer_id >= 0 else -1) for n, e in enumerate(history.events))
    return History(events, history.logs, replace(history.settings, world="real"))


def test_a_run_is_told_in_its_order() -> None:
    history = lesson("lost ack")
    assert show(history).playing.captions == tuple(map(sentence, RunView(history).events))


def test_two_runs_are_told_together_each_in_its_order() -> None:
    for seed in range(60):
        runs = [random_pair(seed)[0], random_pair(seed)[-1]]
        views = [RunView(run) for run in runs]
        steps = told_together(*views)
        for view, run in zip(views, runs, strict=True):
            assert [fact.index for step in steps for fact in step if fact.view is view] == list(range(len(run.events)))
            assert all(fact in steps[fact.step] for fact in view.events)


def pairs(left: History, right: History) -> list[tuple[int | None, int | None]]:
    return pairs_of(RunByBatch(left), RunByBatch(right))


def test_what_both_do_is_one_step() -> None:
    captions = compare(lesson("lost ack", idempotence=False), lesson("lost ack")).playing.captions
    assert "Both: The answer for batch 1 is lost: the broker has decided, the producer cannot know." in captions
    assert "Idempotence off: The broker stores batch 1 at offset 2: a second copy." in captions
    assert "Idempotence on: The broker remembers batch 1: a duplicate of offset 1. Nothing is stored." in captions


def test_a_second_arrival_of_a_request_is_named() -> None:
    off, on = (show(simulate(2, idempotence=idempotence, faults={2: "repeat"})).playing.captions for idempotence in (False, True))
    again = "The same request with batch 1 arrives again. The broker "
    assert [caption for caption in off if "arrives again" in caption] == [f"{again}stores batch 1 at offset 2: a second copy."]
    assert [caption for caption in on if "arrives again" in caption] == [
        f"{again}remembers batch 1: a duplicate of offset 1. Nothing is stored."]


def test_the_simulated_and_the_real_run_share_columns_though_their_clocks_differ() -> None:
    toy = lesson("lost ack")
    picture = compare(toy, _on_the_wire(toy))
    captions = picture.playing.captions
    assert len(captions) == len(toy.events) and all(c.startswith("Both:") or "Simulated run:" in c for c in captions)
    assert differing(toy, _on_the_wire(toy)) == (frozenset(), frozenset())


def test_what_differs_is_named_and_the_rest_is_not() -> None:
    off, on = lesson("lost ack", idempotence=False), lesson("lost ack")
    assert differing(off, on) == ({("fate", 1, 2)},) * 2  # not the first try, which was stored in both
    marked = [line for line in side_by_side(off, on, ("off", "on")).splitlines() if line.startswith("≠")]
    assert len(marked) == 1 and "2 in the log" in marked[0] and "duplicate" in marked[0]


def test_a_try_that_arrives_twice_differs_by_how_often_it_is_stored() -> None:
    def repeated(*, idempotence: bool) -> History:
        return simulate(2, faults={2: "repeat"}, idempotence=idempotence)
    off, on, once = repeated(idempotence=False), repeated(idempotence=True), simulate(2)
    assert differing(off, on) == differing(off, once) == ({("fate", 1, 1)},) * 2
    assert differing(on, once) == (frozenset(), frozenset()), "neither does the text tell them apart"


def test_the_picture_marks_the_batches_that_the_text_marks() -> None:
    came, lost = (simulate(4, in_flight=5, client="java", faults=faults, rule=BufferAndSort())
                  for faults in ("1: refuse 19", "1: refuse 19; 4: crash broker"))
    pairs = [(came, lost), *(tuple(runs) for seed in range(120) if len(runs := random_pair(seed)) == 2)]
    for left, right in pairs:
        runs, (marked, other) = (RunByBatch(left), RunByBatch(right)), differing(left, right)
        for a, b in pairs_of(*runs):
            one, two = runs[0].aspects(a), runs[1].aspects(b)
            found = {aspect for aspect, n, _ in marked if n == a} | {aspect for aspect, n, _ in other if n == b}
            assert found == {aspect for aspect in ASPECTS if one[aspect] != two[aspect]}
    assert {n for aspect, n, _ in differing(came, lost)[0] if aspect == "fate"} == {1, 2, 3}


def test_a_record_that_was_sent_again_shifts_no_mark() -> None:
    """The application's second m1 has a number of its own, and m2 is batch 2 in one run and batch 3 in the other."""
    clean, again = lesson("nothing happens"), lesson("a producer dies")
    assert pairs(clean, again) == [(0, 0), (1, 1), (None, 2), (2, 3)]
    assert pairs(again, clean) == [(0, 0), (1, 1), (2, None), (3, 2)]
    assert differing(clean, again) == ({("fate", 1, 1), ("told", 1, 0)}, {("fate", 1, 1), ("told", 1, 0), ("fate", 2, 1), ("told", 2, 0)})
    lines = side_by_side(clean, again, ("clean", "again")).splitlines()[1:]
    assert [line[:10].strip() for line in lines] == ["0 (m0)", "≠ 1 (m1)", "≠ – | 2 (m", "2 | 3 (m"]


def test_the_same_value_twice_is_told_apart_by_its_order_and_its_partition() -> None:
    runs = [simulate(["a", "a", "b"], partitions=2), simulate(["a", "b", "a"], partitions=2)]
    assert pairs(*runs) == [(0, 0), (None, 1), (None, 2), (1, None), (2, None)]
    assert pairs(*reversed([simulate(["a", "a"]), simulate(["a", "a", "a"])])) == [(0, 0), (1, 1), (2, None)]


def test_every_batch_of_either_run_has_one_line() -> None:
    for seed in range(80):
        runs = [random_pair(seed)[0], random_pair(seed + 1)[-1]]
        for number, run in enumerate(runs):
            found = [pair[number] for pair in pairs(*runs) if pair[number] is not None]
            assert sorted(found) == sorted({a.batch for a in run.attempts})
        assert differing(runs[0], runs[0]) == (frozenset(), frozenset())


def test_what_was_aborted_and_who_read_what_is_a_difference() -> None:
    plain, safe = simulate_pipeline(["m"], transactions=False, crash={1: "send"}), simulate_pipeline(["m"], crash={1: "send"})
    assert differing(safe, plain) == ({("fate", 0, 1), ("read", 0, 0)},) * 2
    safe_says, plain_says = side_by_side(safe, plain, ("safe", "plain")).splitlines()[1].split("ok")[:2]
    assert "aborted" in safe_says and "aborted" not in plain_says
    assert side_by_side(safe, plain, ("safe", "plain")).splitlines()[1].endswith("read by reader")


def test_how_much_was_read_is_told_in_whole_batches_or_in_records() -> None:
    run = simulate(3, records_per_batch=3)
    sent = run.attempts[0].send

    def read(records: int) -> str:
        events = [Event(900 + n, Kind.READ, lane="consumer", batch=0, offset=n % 3) for n in range(records)]
        return RunByBatch(replace(run, events=(*run.events, *events))).aspects(sent.batch)["read"]
    assert [read(n) for n in (0, 1, 3, 4, 6)] == ["", "consumer (1 record)", "consumer", "consumer (4 records)", "consumer (2 times)"]


def test_a_batch_that_one_run_never_sent_is_told_so() -> None:
    last = side_by_side(simulate(2), simulate(3), ("short", "long")).splitlines()[-1]
    assert re.split(" {2,}", last) == ["≠ – | 2 (m2)", "not sent", "stored; 1 in the log; told ok"]


def test_the_surprises_of_a_lost_ack() -> None:
    picture = show(lesson("lost ack"))
    kinds = [picture.playing.captions[n].split(":")[0] for n in picture.playing.surprises]
    assert kinds == ["The connection drops. Nobody can tell what became of the requests without an answer.",
                     "The answer for batch 1 is lost",
                     "The broker remembers batch 1"]
    assert show(lesson("nothing happens")).playing.surprises == ()


@pytest.mark.parametrize("history", [transactions(), pipeline(), lesson("two worlds"), lesson("a producer dies")])
def test_every_event_has_a_sentence(history: History) -> None:
    for fact in RunView(history).events:
        assert sentence(fact).endswith(".") and "  " not in sentence(fact) and "None" not in sentence(fact)


@pytest.mark.parametrize("kind", Kind)
def test_no_kind_of_event_stops_a_picture(kind: Kind) -> None:
    history = History((Event(0, Kind.SEND, attempt=1, batch=0, try_no=1), Event(1, kind, "stored", attempt=1, batch=0)))
    assert show(history).png and show(history, "space-time").png and show(history, "arrivals").png


def test_a_run_in_which_nothing_happened_can_be_drawn() -> None:
    for layout in ("lanes", "space-time", "arrivals"):
        assert show(History(()), layout).html()


def test_places_keep_their_order_and_their_room() -> None:
    places = [(t, k) for t in (0, 3, 4) for k in (0, 1)]
    axis = lay_out([(place, "row", 20, 25) for place in places], 100, 900)
    xs = [axis.xs[place] for place in places]
    assert xs == sorted(xs) and min(b - a for a, b in zip(xs, xs[1:], strict=False)) >= 45


def test_a_long_wait_is_cut_and_its_length_is_written() -> None:
    axis = lay_out([((t, 0), "row", 5, 5) for t in (0, 10, 20, 30, 30_030, 30_040, 30_550)], 100, 900)
    assert [words for _, words in axis.breaks] == ["30 s of\nwaiting left out", "510 ms\nleft out"]
    assert lay_out([((t, 0), "row", 5, 5) for t in range(30)], 100, 900).breaks == []


def test_where_times_only_count_events_the_picture_says_so() -> None:
    toy = lesson("lost ack")

    def says(picture: Picture) -> int:
        return [label.text for label in labels(picture.canvas)].count(COUNTS)
    assert [says(show(toy)), says(show(_on_the_wire(toy))), says(compare(toy, _on_the_wire(toy)))] == [0, 1, 2]
    assert says(compare(toy, lesson("lost ack", idempotence=False))) == 0
