"""Slides on the screens of rooms: nothing cut off, still readable, without network; and nbconvert's own command makes the same ones."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools.publish.published import NOTEBOOKS
from course_tools.publish.slides import address, make_slides
from lesson_lib.draw import compare
from lesson_lib.teach.ask import AskedQuestion, reveal
from lesson_lib.teach.content import find
from tests.course_tools.publish.conftest import serious
from tests.draw.runs import lesson

SCREENS = [(1280, 720, 0), (1024, 768, 0), (1366, 768, 6), (1920, 1080, 6)]  # and the first lesson: 7 has the tallest pictures
LEAST = 0.7  # of 22 pixels: smaller cannot be read from the back of a room
END = "() => [document.querySelector('.slide.now')].every(e => e.scrollTop + e.clientHeight > e.scrollHeight - 2)"
PAPER = 1046, 718  # pixels of A4 on its side within margins of 1 cm
SLIDE = """() => {
    const slide = document.querySelector('.slide.now');
    const floor = Math.min(slide.getBoundingClientRect().bottom, document.querySelector('nav.turn').getBoundingClientRect().top + 9);
    const frames = [...slide.querySelectorAll('.lesson-picture > div:has(svg)')].filter((f) => f.getBoundingClientRect().height);
    const inFrame = (e) => frames.includes(e.parentElement.closest('.lesson-picture > div')); // the frame itself is looked at
    const out = (box) => box.width && box.height && (box.bottom > floor + 1 || box.right > innerWidth + 1 || box.left < -1 || box.top < -1);
    const looked = [...slide.querySelectorAll(':not(svg *)')].filter((e) => !inFrame(e) && !e.closest('.lesson-steps'));
    const cut = looked.filter((e) => out(e.getBoundingClientRect())).map((e) => e.outerHTML.slice(0, 120));
    const turn = document.querySelector('nav.turn').getBoundingClientRect();
    for (const button of slide.querySelectorAll('.lesson-player:not(.off) button')) {
        const box = button.getBoundingClientRect();
        if (box.bottom > innerHeight || box.right > turn.left) cut.push(button.innerText);
    }
    const wide = [...slide.querySelectorAll('pre')].filter((pre) => pre.scrollWidth > pre.clientWidth + 1).map((pre) => pre.innerText);
    const played = frames.filter((f) => f.parentElement.querySelector('.lesson-player:not(.off)')).map((f) => {
        const svg = f.querySelector('svg'), {width, height} = f.getBoundingClientRect(), box = svg.getBoundingClientRect();
        const least = Math.min(...[...svg.querySelectorAll('[font-size]')].map((g) => g.getAttribute('font-size')));
        return {label: least * box.width / svg.viewBox.baseVal.width / (22 * Math.min(innerWidth / 1280, innerHeight / 720)),
            fills: Math.max(box.width / innerWidth / 0.9, height / innerHeight / 0.65), over: box.width - width};
    });
    return {part: +slide.dataset.part, cut: cut.concat(wide), empty: !slide.innerText.trim(), played: played[0],
        stop: document.getElementById('place').innerText + ' ' + slide.dataset.stop};
}"""


@pytest.fixture(scope="session")
def contents(executed_lessons: dict[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_slides(tmp_path_factory.mktemp("slides"), executed_lessons)[0]


@pytest.fixture(scope="session")
def slides(contents: Path) -> list[Path]:
    return sorted(contents.parent.glob("*.slides.html"))


def every_stop(page: Any, key: str = "PageDown") -> list[dict[str, Any]]:
    """What is to be seen of each slide, one press of a key after the other."""
    found = [page.evaluate(SLIDE)]
    while page.keyboard.press(key) or (seen := page.evaluate(SLIDE))["stop"] != found[-1]["stop"]:
        found.append(seen)
    return found


@pytest.mark.browser
@pytest.mark.parametrize("width, height, first", SCREENS)
def test_every_slide_fits_the_screen_and_can_be_read(slides: list[Path], open_page: Any, width: int, height: int, first: int) -> None:
    labels = {}
    for path in slides[first:]:
        page = open_page(path, width, height)
        for stop in every_stop(page):
            where = f"{path.name}, slide {stop['stop']}"
            assert not stop["cut"] and not stop["empty"], where
            assert stop["part"] >= LEAST, f"{where}: give one of its cells a slide of its own"
            if picture := stop.get("played"):
                assert picture["fills"] >= 1 and picture["over"] <= 1, f"{where}: {picture}"
                labels[where] = picture["label"]  # of the size of words
        assert page.complaints == []
    assert len(labels) >= (8 if first else 50) and min(labels.values()) > 0.43
    assert len([where for where, label in labels.items() if label < 0.55]) <= 6, "pictures of more than 550 pixels in height"


@pytest.mark.browser
def test_nothing_runs_over_at_any_event(slides: list[Path], open_page: Any) -> None:
    for path in (slides[1], slides[6]):
        stops = every_stop(open_page(path, 1366, 768), "ArrowRight")
        assert len(stops) > 100 and [stop for stop in stops if stop["cut"]] == []


@pytest.mark.browser
def test_the_list_of_headings_leads_to_their_slides(contents: Path, open_page: Any) -> None:
    links = re.findall(r'<li value="(\d+)"><a href="([^#"]+)#([^"]+)">([^<]+)', contents.read_text())
    assert len(links) > 90
    pages = {file: open_page(contents.parent / file) for file in {file for _, file, _, _ in links}}
    for number, file, anchor, heading in links:
        page = pages[file]
        page.goto(f"{(contents.parent / file).as_uri()}#{anchor}")
        page.wait_for_function("(at) => document.getElementById('place').innerText.startsWith(at)", arg=f"{number} /")
        assert page.locator(".slide.now :is(h1, h2, h3)").first.inner_text().rstrip("¶") == html.unescape(heading)


def test_the_plans_name_headings_that_have_slides(contents: Path) -> None:
    plans = (NOTEBOOKS / "for-instructors.md").read_text().partition("## Three plans")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d+ \| (\d) \| (.*?) <!-- l\d", plans, re.M)
    named = {(lesson, part) for lesson, parts in rows for part in parts.split("; ")}
    listed = re.findall(r'href="0(\d)-[^"]+#[^"]+">([^<]+)', html.unescape(contents.read_text()))
    assert len(named) > 15 and named - set(listed) == set()


@pytest.mark.parametrize("heading, anchor", [("Then let's not retry", "then-lets-not-retry"), ("Why five?", "why-five"),
                                             ("3 · Three_records, three acks", "3--three_records-three-acks")])
def test_an_address_is_what_github_makes_of_a_heading(heading: str, anchor: str) -> None:
    assert address(heading) == anchor


@pytest.mark.browser
def test_axe_finds_nothing_serious_and_images_have_words(slides: list[Path], open_page: Any) -> None:
    for path in slides:
        page = open_page(path)
        assert page.evaluate("[...document.images].filter(image => !image.alt).length") == 0
        assert serious(page) == []


@pytest.mark.browser
def test_keys_turn_slides_but_step_events_where_a_stepper_has_the_focus(slides: list[Path], open_page: Any) -> None:
    page = open_page(slides[1])
    place, picture = page.locator("#place"), page.locator(".slide.now [data-picture]")
    while not picture.count():
        page.keyboard.press("PageDown")
    here = place.inner_text()
    page.locator(".slide.now").get_by_role("slider").focus()
    last = int(picture.get_attribute("data-step"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert (place.inner_text(), picture.get_attribute("data-step")) == (here, str(last - 2))
    page.keyboard.press("Escape")
    page.locator(".slide.now").focus()
    page.keyboard.press("ArrowRight")
    assert (place.inner_text(), picture.get_attribute("data-step")) == (here, str(last - 1)), "on from where a hand has moved it"
    for _ in range(2):  # to its end, and to what is said about it
        page.get_by_role("button", name="Next slide").click()
    assert place.inner_text() == here and page.get_by_text("The run shows c: Neither").is_visible()
    page.get_by_role("button", name="Next slide").click()
    assert place.inner_text() != here


@pytest.mark.browser
def test_each_event_of_a_picture_is_a_step_of_its_slide(open_page: Any, tmp_path: Path) -> None:
    """On by arrow, event by event; back the same way; the keys of a clicker (Page Down, Page Up) go on at once."""
    two = compare(lesson("burst"), lesson("burst"), "arrivals")
    page = open_page(make_slides(tmp_path, {Path("two.ipynb"): between_two_slides(two)})[1])
    picture, place, last = page.locator("[data-picture]"), page.locator("#place"), len(two.playing.captions) - 1
    page.keyboard.press("ArrowRight")
    for expected in [*range(last + 1), last]:  # the second run comes once more at the end
        assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(expected))
        page.keyboard.press("ArrowRight" if expected % 2 else "Space")
    assert place.inner_text() == "3 / 3"
    page.keyboard.press("ArrowLeft")
    assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(last)), "back where one was"
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(last - 1))
    page.keyboard.press("PageUp")
    assert place.inner_text() == "1 / 3"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert picture.get_attribute("data-step") == str(last), "on paper it is whole"


@pytest.mark.browser
def test_of_two_runs_the_one_in_which_something_happens_is_shown_whole(open_page: Any, tmp_path: Path) -> None:
    two = compare(lesson("burst"), lesson("lost ack"))
    page = open_page(make_slides(tmp_path, {Path("two.ipynb"): between_two_slides(two)})[1], 1366, 768)
    page.keyboard.press("ArrowRight")
    frame, seen = page.locator(".lesson-picture > div").first, set()
    for step in range(1, len(two.playing.captions) - 1):
        page.keyboard.press("ArrowRight")
        boxes, view = [mark.bounding_box() for mark in page.locator(f'svg [data-event="{step}"]').all()], frame.bounding_box()
        assert any(view["x"] <= b["x"] and b["x"] + b["width"] <= view["x"] + view["width"] + 1 and view["y"] <= b["y"] + 1
                   and b["y"] + b["height"] <= view["y"] + view["height"] + 1 for b in boxes), step
        assert not page.evaluate(SLIDE)["cut"]
        seen.add(frame.evaluate("e => e.scrollTop > 0"))
    assert seen == {False, True}


@pytest.mark.browser
@pytest.mark.parametrize("given", ["", "a"])
def test_what_a_run_says_comes_after_its_last_event(open_page: Any, tmp_path: Path, given: str) -> None:
    page = open_page(slide_of_a_lost_ack(tmp_path, given))
    verdict, picture = page.get_by_text("The run shows b"), page.locator("[data-picture]")
    for _ in range(2):  # somebody may begin anew
        page.keyboard.press("ArrowRight")
        for step in range(15):
            assert picture.get_attribute("data-step") == str(step) and not verdict.is_visible(), step
            assert picture.locator("img").evaluate("e => e.style.opacity") == "0", "no ghost of what nobody has seen"
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert verdict.is_visible() and picture.locator("img").is_visible() and not page.evaluate(SLIDE)["cut"]
        for _ in range(2):
            page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert verdict.is_visible(), "on paper"


@pytest.mark.browser
def test_a_clicker_turns_to_the_finished_picture_and_then_to_what_is_said(open_page: Any, tmp_path: Path) -> None:
    page = open_page(slide_of_a_lost_ack(tmp_path, "a"))
    page.keyboard.press("PageDown")
    assert page.locator("[data-picture]").get_attribute("data-step") == "15"
    page.keyboard.press("PageDown")
    assert page.get_by_text("The run shows b").is_visible()


def slide_of_a_lost_ack(folder: Path, given: str) -> Path:
    """The second of three slides has what a run says to an answer."""
    asked = AskedQuestion(find("2.lost-ack"))
    asked.answer(given or ...)
    return make_slides(folder, {Path("one.ipynb"): between_two_slides(reveal(asked.item.scenario.run(), asked))})[1]


def between_two_slides(shown: Any) -> Any:
    """A notebook of three slides, a picture or a message with one on the second."""
    html = shown._repr_mimebundle_()["text/html"]
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [text("# One"), code("", outputs=[output]), text("# Three")]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.browser
def test_a_slide_that_is_too_long_for_any_size_can_be_scrolled(open_page: Any, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("\n\n".join(["# Long", *["line"] * 200]))])
    page = open_page(make_slides(tmp_path, {Path("long.ipynb"): notebook})[1])
    assert every_stop(page)[0]["cut"]
    assert page.locator(".slide.now.long").count() == 1
    page.mouse.move(600, 300)
    for _ in range(20):
        page.mouse.wheel(0, 1000)
    page.wait_for_function(END)


@pytest.mark.browser
def test_on_paper_each_slide_begins_a_page_and_no_control_is_left(slides: list[Path], open_page: Any) -> None:
    for path in slides[:2]:
        page = open_page(path, *PAPER)
        page.emulate_media(media="print")
        found = page.locator(".slide").all()
        assert len(found) >= 15 and all(slide.is_visible() for slide in found)
        assert {slide.evaluate("e => getComputedStyle(e).breakBefore") for slide in found[1:]} == {"page"}
        assert not [c for c in page.locator("button, input").all() if c.is_visible()]
        assert [slide.inner_text() for slide in found if slide.evaluate("e => e.scrollWidth > e.clientWidth + 1")] == []


@pytest.mark.browser
def test_without_script_all_slides_are_there(slides: list[Path], open_page: Any) -> None:
    page = open_page(slides[0], java_script_enabled=False)
    assert page.locator(".slide").count() >= 15
    assert all(slide.is_visible() for slide in page.locator(".slide").all())


def test_nbconverts_own_command_makes_these_slides(executed_lessons: dict[Path, Any], slides: list[Path], tmp_path: Path) -> None:
    """With the settings that the installed course brings along, from a folder that knows nothing of it."""
    name, notebook = next(iter(executed_lessons.items()))
    nbformat.write(notebook, tmp_path / name.name)
    command = [sys.executable, "-m", "nbconvert", "--to", "slides", name.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
                         env={**os.environ, "HOME": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    assert (tmp_path / slides[0].name).read_text() == slides[0].read_text()
