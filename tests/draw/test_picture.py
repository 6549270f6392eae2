"""A picture is an image with alternative text, a table beneath, the same bytes every time, and nothing left open."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest

from lesson_lib.draw import Picture, compare, show
from lesson_lib.draw.picture import LAYOUTS
from lesson_lib.errors import LessonError
from lesson_lib.sim import simulate
from tests.draw.collisions import labels
from tests.draw.runs import lesson


@pytest.fixture(scope="module")
def picture() -> Picture:
    return compare(lesson("lost ack", idempotence=False), lesson("lost ack"))


def test_the_alternative_text_tells_what_went_wrong(picture: Picture) -> None:
    assert "its answer is lost" in picture.alt and "duplicate" in picture.alt
    assert "m0 m1 m1 m2" in picture.alt, "what the log without idempotence holds"


def test_the_image_carries_the_text_and_the_table_stands_beneath(picture: Picture) -> None:
    bundle = picture._repr_mimebundle_()
    alt = re.search(r'<img alt="([^"]+)" src="data:image/', bundle["text/html"])
    assert alt and "its answer is lost" in alt[1]
    assert bundle["text/html"].index("<img") < bundle["text/html"].index("<pre")
    assert bundle["text/plain"] == picture.table
    assert "stored at offset 2" in picture.table and "duplicate of offset 1" in picture.table


def test_the_table_is_closed_and_open_on_paper(picture: Picture) -> None:
    for html in (show(lesson("lost ack")).html(), picture.html()):
        assert "<details><summary>" in html and "@media print" in html


def test_without_steps_it_has_no_script() -> None:
    html = show(lesson("lost ack"), step=False).html()
    assert "data:image/svg+xml" in html and "<script" not in html


def test_values_cannot_break_out_of_the_html() -> None:
    from lesson_lib.sim import simulate
    html = show(simulate(['"><script>alert(1)</script>', "</script>"])).html()
    assert html.count("<script") == 1 and html.count("</script>") == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_run_gives_the_same_bytes(layout: str) -> None:
    one, two = (show(lesson("burst"), layout) for _ in range(2))
    assert one.png == two.png and one.html() == two.html()


def test_a_learners_matplotlib_settings_do_not_reach_it() -> None:
    before = show(lesson("lost ack"))
    with matplotlib.rc_context({"path.sketch": (3, 100, 2), "font.size": 30, "lines.linewidth": 9, "font.family": ["serif"]}):
        after = show(lesson("lost ack"))
        assert after.svg == before.svg and after.png == before.png


def test_two_pictures_in_a_page_share_no_id() -> None:
    """They have none, so nothing in one can point into another."""
    assert not re.search(r'\bid="|href="#|url\(#', show(lesson("lost ack")).svg)


def test_every_event_has_marks_or_a_sentence_of_its_own(picture: Picture) -> None:
    drawn = set(map(int, re.findall(r'data-event="(\d+)"', picture.svg)))
    assert drawn == set(range(len(picture.playing.captions)))


def test_it_can_be_saved_as_png_and_svg_and_as_nothing_else(picture: Picture, tmp_path: Path) -> None:
    assert picture.save(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "run.svg").read_text().startswith("<svg")
    with pytest.raises(LessonError, match=r"saved as .png or .svg"):
        picture.save(tmp_path / "run.gif")


def test_a_layout_that_there_is_not_and_a_thing_that_is_no_run() -> None:
    with pytest.raises(LessonError, match="lanes, space-time, arrivals"):
        show(lesson("lost ack"), "circles")
    with pytest.raises(LessonError, match="Only a run can be drawn"):
        show("m0 m1")  # type: ignore[arg-type]


def test_importing_draws_in_no_matplotlib_and_drawing_no_pyplot() -> None:
    code = ("import sys, lesson_lib.draw; assert 'matplotlib' not in sys.modules\n"
            "from lesson_lib.sim import simulate; lesson_lib.draw.show(simulate(2)).html()\n"
            "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_long_capture_is_drawn_as_arrivals_unless_told_otherwise() -> None:
    from lesson_lib.sim import simulate
    run = simulate(21)
    assert show(run).svg == show(run, "arrivals").svg != show(run, "lanes").svg
    assert show(simulate(20)).svg == show(simulate(20), "lanes").svg


def test_two_runs_are_called_by_what_differs() -> None:
    from lesson_lib.sim import simulate
    run = {"values_or_count": 4, "faults": {1: "refuse 19"}, "in_flight": 5, "client": "java"}
    picture = compare(simulate(**run, broker="4.4"), simulate(**run, broker="4.5"))
    assert "Kafka 4.4: A producer" in picture.alt and "Kafka 4.5: A producer" in picture.alt
    assert [label.text for label in labels(picture.canvas) if label.text.startswith("Kafka 4.5: ")]
    assert "Kafka 4.4  " in picture.table.split("≠")[0]


def test_two_pipelines_are_called_by_their_transactions() -> None:
    from lesson_lib.draw.heading import names_of
    from lesson_lib.sim import simulate_pipeline
    runs = [simulate_pipeline(1), simulate_pipeline(1, transactions=False)]
    assert names_of(runs) == ["With transactions", "Without transactions"]
    assert names_of([runs[0], runs[0]]) == ["First run", "Second run"]


def test_a_picture_is_shared_as_a_link_or_as_python_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    run = simulate(2, faults={1: "lose ack"})
    monkeypatch.delenv("LESSON_SITE", raising=False)
    assert '"copied":["Copy as Python","simulate(2, faults={1: \'lose ack\'})"]' in show(run).html()
    monkeypatch.setenv("LESSON_SITE", "https://example.org")
    assert '"copied":["Copy link","https://example.org/open.html#simulate(2,faults=%7B1:\'lose+ack\'%7D)"]' in show(run).html()
    assert '"copied":["Copy link","https://example.org/open.html#compare(' in compare(run, run).html()
    assert '"copied":null' in show(replace(run, call="")).html() and '"copied":null' in compare(run, replace(run, call="")).html()
