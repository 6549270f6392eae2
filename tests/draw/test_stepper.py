"""Stepping in a real browser, on a bare page and in an exported notebook: by keyboard, without network, and without scripts."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from lesson_lib import simulate
from lesson_lib.draw import Picture, compare, show
from lesson_lib.draw.picture import READABLE
from tests.draw.runs import lesson


@pytest.fixture(scope="module")
def picture() -> Picture:
    return compare(lesson("lost ack", idempotence=False), lesson("lost ack"))


def opened(browser: Any, html: str, tmp_path: Path, **options: Any) -> Any:
    """The page, with everything that it asks for in `page.asked` and all complaints in `page.complaints`."""
    (tmp_path / "page.html").write_text(html)
    page = browser.new_context(viewport={"width": 1100, "height": 1200}, **options).new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.goto((tmp_path / "page.html").as_uri())
    return page


def bare(*pictures: Picture) -> str:
    """A page with these outputs, which notes every key that gets out of them."""
    outputs = "".join(f"<div>{p.html()}</div>" for p in pictures)
    return (f"<!doctype html><meta charset='utf-8'><body>{outputs}<script>var leaked = [];"
            "document.addEventListener('keydown', e => leaked.push(e.key))</script>")


def shown(page: Any) -> list[int]:
    """The events whose marks are shown in the first picture."""
    return page.evaluate("""() => [...new Set([...document.querySelectorAll('[data-picture]')[0].querySelectorAll('svg [data-event]')]
        .filter(g => g.style.display !== 'none').map(g => +g.dataset.event))].sort((a, b) => a - b)""")


@pytest.mark.browser
def test_it_begins_finished_and_steps_by_keyboard(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page, last = opened(browser, bare(picture), tmp_path), len(picture.playing.captions) - 1
    assert shown(page) == list(range(last + 1))
    page.get_by_role("slider", name="Event").focus()
    for key, now in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowUp", 2), ("ArrowDown", 1),
                     ("PageUp", 11), ("PageDown", 1), ("End", last), ("ArrowRight", last), ("Home", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        assert shown(page) == list(range(now + 1)), key
        assert page.get_by_role("status").inner_text() == f"{now + 1} of {last + 1}. " + picture.playing.captions[now].replace("  ", " ")


@pytest.mark.browser
def test_buttons_work_with_space_and_enter_and_find_the_surprises(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    page.get_by_role("button", name="Next surprise").focus()
    for expected in (*picture.playing.surprises, picture.playing.surprises[0]):
        page.keyboard.press("Enter" if expected % 2 else "Space")
        assert shown(page)[-1] == expected
    page.get_by_role("button", name="Next event").focus()
    page.keyboard.press("Space")
    assert shown(page)[-1] == picture.playing.surprises[0] + 1
    page.get_by_role("button", name="Previous event").click()
    assert shown(page)[-1] == picture.playing.surprises[0]


LEAST_LABEL = """() => { const svg = document.querySelector('svg'), part = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return part * Math.min(...[...svg.querySelectorAll('[font-size]')].map(g => +g.getAttribute('font-size'))); }"""


@pytest.mark.browser
@pytest.mark.parametrize("layout", ["lanes", "space-time", "arrivals"])
def test_on_a_phone_it_stays_legible_and_what_just_happened_comes_into_view(browser: Any, tmp_path: Path, layout: str) -> None:
    picture = compare(lesson("lost ack", idempotence=False), lesson("lost ack"), layout)
    page = opened(browser, bare(picture), tmp_path)
    frame, image = page.locator("[data-picture] > div").first, page.get_by_role("img")
    assert image.bounding_box()["width"] == picture.canvas.width, "a computer has room for all of it"
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('[data-picture] [role=status]').textContent.includes('m1 is stored twice.')")
    assert image.bounding_box()["width"] == round(READABLE * picture.canvas.width) == page.locator("svg").bounding_box()["width"]
    assert page.evaluate(LEAST_LABEL) >= 11 and page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("slider").focus()
    for key in ("Home", *["ArrowRight"] * (len(picture.playing.captions) - 2)):
        page.keyboard.press(key)
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        step = page.locator("[data-picture]").get_attribute("data-step")
        marks, view = page.locator(f'svg [data-event="{step}"]'), frame.bounding_box()
        seen = [box for mark in marks.all() if (box := mark.bounding_box())]
        assert not seen or any(view["x"] <= box["x"] + box["width"] / 2 <= view["x"] + view["width"]
                               and view["y"] <= box["y"] + box["height"] / 2 <= view["y"] + view["height"] for box in seen), step
    page.keyboard.press("End")
    assert "m1 is stored twice." in page.get_by_role("status").inner_text(), "the title is not all in view"


@pytest.mark.browser
def test_what_is_scrolled_has_the_focus_and_the_keys_of_its_bar(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    frame = page.locator("[data-picture] > div").first
    assert frame.get_attribute("tabindex") is None, "all of it is in view"
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("group", name="Picture, of which a part is in view").focus()
    for key in ("Home", "ArrowRight", "d", "d"):
        page.keyboard.press(key)
    assert shown(page)[-1] == 1 and page.evaluate("leaked") == []


@pytest.mark.browser
def test_the_names_of_rows_stay_beside_what_is_scrolled(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    page.set_viewport_size({"width": 390, "height": 844})
    frame, name = page.locator("[data-picture] > div").first, page.locator("svg [data-pinned]", has_text="broker").first
    for left in (0, 300, 500):
        frame.evaluate("(frame, left) => { frame.scrollLeft = left; frame.dispatchEvent(new Event('scroll')); }", left)
        assert 0 <= name.bounding_box()["x"] - frame.bounding_box()["x"] < 20, left


@pytest.mark.browser
def test_a_mark_says_what_it_is_when_one_points_at_it_and_when_it_is_pressed(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    stored = next(n for n, words in enumerate(picture.playing.captions) if "stores batch 1" in words)
    mark = page.locator(f'svg [data-event="{stored}"]').last
    assert mark.locator("title").text_content() == picture.playing.captions[stored]
    mark.click(force=True)
    assert shown(page)[-1] == stored
    assert page.get_by_role("status").inner_text().endswith(picture.playing.captions[stored].replace("  ", " "))


@pytest.mark.browser
def test_on_paper_there_are_no_buttons_and_no_line_is_cut(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    page.set_viewport_size({"width": 500, "height": 800})
    page.emulate_media(media="print")
    caption, table = page.get_by_role("status"), page.locator("pre")
    assert table.is_visible(), "closed on the screen"
    assert not page.get_by_role("button").count() and not page.get_by_role("slider").count() and not caption.is_visible()
    assert table.evaluate("(pre) => pre.scrollWidth <= pre.clientWidth")
    page.emulate_media(media="screen")
    assert not table.is_visible()
    page.get_by_text("The same as text").click()
    assert not table.evaluate("(pre) => pre.scrollWidth <= pre.clientWidth")
    page.get_by_role("button", name="Previous event").click()
    page.emulate_media(media="print")
    assert caption.is_visible(), "an unfinished picture needs its words"


@pytest.mark.browser
def test_what_was_closed_is_opened_for_printing_and_closed_again(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture, show(lesson("lost ack"))), tmp_path)

    def states(event: str) -> list[bool]:
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
        return page.evaluate("[...document.querySelectorAll('details')].map(e => e.open)")
    assert [states(event) for event in ("beforeprint", "afterprint")] == [[True, True], [False, False]]
    page.get_by_text("The same as text").first.click()
    assert [states(event) for event in ("beforeprint", "afterprint")] == [[True, True], [True, False]]


@pytest.mark.browser
def test_plain_keys_stay_inside_and_the_others_get_out(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    for control in (page.get_by_role("slider"), page.get_by_role("button", name="Next event")):
        control.focus()
        for key in ("d", "d", "b", "x", "ArrowDown", "Home", "Enter", "Space", "0"):
            page.keyboard.press(key)
    assert page.evaluate("leaked") == []
    for key in ("Shift+Enter", "Control+s", "Escape", "Tab"):
        page.keyboard.press(key)
    assert {"Enter", "s", "Escape", "Tab"} <= set(page.evaluate("leaked"))


@pytest.mark.browser
def test_a_clicked_control_has_the_focus_where_a_click_gives_none(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    page.evaluate("addEventListener('mousedown', event => event.preventDefault(), true)")  # as in Safari
    for control in (page.get_by_role("slider"), page.get_by_role("button", name="Previous event")):
        control.click()
        assert control.evaluate("control => control === document.activeElement")
    page.keyboard.press("Home")
    assert shown(page) == [0] and page.evaluate("leaked") == []


@pytest.mark.browser
def test_the_same_picture_twice_in_a_page_steps_apart(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture, picture), tmp_path)
    page.get_by_role("slider").nth(1).focus()
    page.keyboard.press("Home")
    steps = page.evaluate("[...document.querySelectorAll('[data-picture]')].map(p => p.dataset.step)")
    assert steps == [str(len(picture.playing.captions) - 1), "0"]
    assert page.complaints == []


@pytest.mark.browser
def test_the_future_is_a_ghost_and_the_picture_does_not_move(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    before = page.get_by_role("img").bounding_box()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert 0.1 < float(page.get_by_role("img").evaluate("i => getComputedStyle(i).opacity")) < 0.4
    assert page.get_by_role("img").bounding_box() == before
    assert page.get_by_role("img").get_attribute("alt") == picture.alt


@pytest.mark.browser
def test_without_scripts_the_finished_picture_stays(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path, java_script_enabled=False)
    assert page.get_by_role("img").get_attribute("alt") == picture.alt
    assert page.get_by_role("img").bounding_box()["width"] > 900
    assert page.get_by_role("button").count() == 0 and page.get_by_text("stored at offset 2").count() == 1


def exported(picture: Picture) -> str:
    """The page that nbconvert makes of a notebook with this output."""
    from nbconvert import HTMLExporter
    output = nbformat.v4.new_output("execute_result", picture._repr_mimebundle_(), execution_count=1)
    cell = nbformat.v4.new_code_cell("show(run)", outputs=[output], execution_count=1)
    exporter = HTMLExporter(require_js_url="", mathjax_url="", jquery_url="", mermaid_js_url="", mermaid_layout_elk_js_url="")
    return exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


def test_the_exported_page_has_the_alternative_text_and_no_warning(picture: Picture, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        html = exported(picture)
    assert "Alternative text is missing" not in caplog.text
    assert f'<img alt="{picture.alt[:60]}' in html and "No description has been provided" not in html


@pytest.mark.browser
def test_the_exported_page_steps_and_asks_the_network_for_nothing(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, exported(picture), tmp_path)
    page.get_by_role("slider", name="Event").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert shown(page) == [0, 1]
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("layout", ["space-time", "arrivals"])
def test_the_other_layouts_step_too(browser: Any, tmp_path: Path, layout: str) -> None:
    page = opened(browser, bare(show(lesson("burst"), layout)), tmp_path)
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert len(shown(page)) <= 1
    page.keyboard.press("End")
    assert len(shown(page)) > 5


def boxes(page: Any) -> list[str]:
    """What stands in the boxes, those of the first picture."""
    return page.locator("[data-picture]").first.locator(".lesson-boxes > div").all_inner_texts()


@pytest.mark.browser
def test_two_boxes_for_each_run_fill_as_it_is_stepped(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    assert not page.locator(".lesson-boxes").is_visible(), "nobody has stepped yet"
    page.get_by_role("button", name="First").click()
    assert boxes(page)[1] == "Idempotence off: The log holds nothing yet"
    page.get_by_role("button", name="Next surprise").click()
    assert boxes(page) == [
        "Idempotence off: The application believes m0: ok, offset 0m1: no news yet", "Idempotence off: The log holds 0: m01: m1",
        "Idempotence on: The application believes m0: ok, offset 0m1: no news yet", "Idempotence on: The log holds 0: m01: m1"]
    page.get_by_role("button", name="Last").click()
    assert "2: m1 (second copy)" in boxes(page)[1] and "3: m2" not in boxes(page)[3]
    assert boxes(page)[0].endswith("m2: ok, offset 3") and boxes(page)[2].endswith("m2: ok, offset 2")


@pytest.mark.browser
def test_it_plays_to_its_end_and_stops_when_asked(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page, last = opened(browser, bare(picture), tmp_path), len(picture.playing.captions) - 1
    page.clock.install(time=datetime(2026, 1, 1))
    page.reload()
    page.clock.pause_at(datetime(2026, 1, 2))  # else it goes on by itself, and on a busy machine it plays meanwhile
    page.get_by_role("button", name="Play").click()
    assert shown(page) == [0] and page.get_by_role("button", name="Pause").count() == 1
    page.clock.run_for(3500)
    assert shown(page)[-1] == 3
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5000)
    assert shown(page)[-1] == 3
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2000 * last)
    assert shown(page)[-1] == last and page.get_by_role("button", name="Play").count() == 1


@pytest.mark.browser
def test_a_band_marks_now_behind_all_words_and_what_is_new_stands_out(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture), tmp_path)
    line, new = page.locator("svg [data-now]"), page.locator("svg g.new")
    assert not line.is_visible() and not new.count(), "all is over"
    assert line.evaluate("line => line === line.ownerSVGElement.firstElementChild"), "it strikes out nothing"
    page.get_by_text("The same as text").click()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    before = float(line.get_attribute("x1"))
    for expected in range(1, len(picture.playing.captions) - 1):
        page.keyboard.press("ArrowRight")
        assert float(line.get_attribute("x1")) >= before
        before = float(line.get_attribute("x1"))
        assert {int(step) for step in new.evaluate_all("all => all.map(g => g.dataset.event)")} <= {expected}
    lit = page.locator("pre .new").all_inner_texts()
    assert len(lit) == 2 and all(row.split()[:2] == ["4", "2"] for row in lit), "both runs end with batch 2"


@pytest.mark.browser
def test_a_picture_higher_than_the_window_is_scrolled_in_itself_above_its_bar(browser: Any, picture: Picture, tmp_path: Path) -> None:
    html = bare(picture).replace("<div>", '<div style="overflow: auto"><div>', 1) + "<p style='height: 3000px'>"
    page = opened(browser, html, tmp_path)
    page.set_viewport_size({"width": 1100, "height": 500})
    for top in (0, 150):
        page.evaluate(f"scrollTo(0, {top})")
        box = page.get_by_role("button", name="Play").bounding_box()
        assert 0 < box["y"] < box["y"] + box["height"] <= 500
    frame, bar = page.locator("[data-picture] > div").first, page.locator(".lesson-player")
    assert frame.bounding_box()["height"] + bar.bounding_box()["height"] <= 500
    page.get_by_role("button", name="Next surprise").click()
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert frame.bounding_box()["height"] + bar.bounding_box()["height"] <= 500, "with its two boxes"
    page.evaluate("scrollTo(0, 0); document.body.prepend(document.createElement('div')); document.body.firstChild.style.height = '200px'")
    for step in range(len(picture.playing.captions) - 1):
        page.get_by_role("slider").press("Home" if step == 0 else "ArrowRight")
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        mark = page.locator(f'svg [data-event="{step}"]').first.bounding_box()
        assert mark["y"] + mark["height"] / 2 < bar.bounding_box()["y"], "not under the bar"


@pytest.mark.browser
def test_after_a_prediction_it_opens_before_the_fault(browser: Any, picture: Picture, tmp_path: Path) -> None:
    page = opened(browser, bare(picture.before_the_fault()), tmp_path)
    assert shown(page)[-1] == picture.playing.surprises[0] - 1 and page.locator(".lesson-boxes").is_visible()
    ghost = page.get_by_role("img")
    assert ghost.evaluate("i => getComputedStyle(i).opacity") == "0", "nobody has seen how it ends"
    assert "twice" not in ghost.get_attribute("alt"), "nor is told"
    page.get_by_role("button", name="Last").click()
    assert ghost.get_attribute("alt") == picture.alt
    page.get_by_role("button", name="First").click()
    assert ghost.evaluate("i => getComputedStyle(i).opacity") == "0.22"


@pytest.mark.browser
def test_a_log_that_holds_nothing_yet_says_so(browser: Any, tmp_path: Path) -> None:
    refused = show(simulate(4, in_flight=5, faults={1: "refuse 19"}, idempotence=False)).before_the_fault()
    page = opened(browser, bare(refused), tmp_path)
    assert page.get_by_role("group", name="The log holds").inner_text() == "The log holds nothing yet"
