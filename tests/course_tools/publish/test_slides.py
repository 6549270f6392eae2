"""Slides at 1280 by 720: nothing cut off, still readable, without network; and nbconvert's own command makes the same ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools.publish.slides import make_slides
from lesson_lib.draw import compare
from lesson_lib.teach.ask import AskedQuestion, reveal
from lesson_lib.teach.content import find
from tests.course_tools.publish.conftest import serious
from tests.draw.runs import lesson

LEAST = 0.7  # of 22 pixels: smaller cannot be read from the back of a room
END = "() => [document.querySelector('.slide.now')].every(e => e.scrollTop + e.clientHeight > e.scrollHeight - 2)"
PAPER = 1046, 718  # pixels of A4 on its side within margins of 1 cm
SLIDE = """() => {
    const slide = document.querySelector('.slide.now');
    const floor = Math.min(slide.getBoundingClientRect().bottom, document.querySelector('nav.turn').getBoundingClientRect().top + 9);
    const frames = [...slide.querySelectorAll('.lesson-picture > div:has(svg)')];
    const inFrame = (e) => frames.includes(e.parentElement.closest('.lesson-picture > div')); // the frame itself is looked at
    const cut = [...slide.querySelectorAll('*')].filter((e) => {
        if (inFrame(e)) return false;
        const box = e.getBoundingClientRect();
        return box.width && box.height && (box.bottom > floor + 1 || box.right > innerWidth + 1 || box.left < -1 || box.top < -1);
    }).map((e) => e.outerHTML.slice(0, 120));
    const wide = [...slide.querySelectorAll('pre')].filter((pre) => pre.scrollWidth > pre.clientWidth + 1).map((pre) => pre.innerText);
    const labels = frames.flatMap((f) => [...f.querySelectorAll('svg [font-size]')].map((g) => g.getAttribute('font-size')
        * f.querySelector('svg').getBoundingClientRect().width / f.querySelector('svg').viewBox.baseVal.width));
    const sum = (all) => all.reduce((a, b) => a + b, 0);
    const lack = Math.min(...[sum(frames.map((f) => f.firstElementChild.getBoundingClientRect().height)), 0.33 * innerHeight])
        - sum(frames.map((f) => f.getBoundingClientRect().height));
    return {part: +slide.dataset.part, label: Math.min(99, ...labels), lack, cut: cut.concat(wide), empty: !slide.innerText.trim(),
        place: document.getElementById('place').innerText};
}"""


@pytest.fixture(scope="session")
def slides(executed_lessons: dict[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_slides(tmp_path_factory.mktemp("slides"), executed_lessons)


def every_slide(page: Any) -> list[dict[str, Any]]:
    """What is to be seen of each slide, one press of a key after the other."""
    found = [page.evaluate(SLIDE)]
    while page.keyboard.press("PageDown") or (seen := page.evaluate(SLIDE))["place"] != found[-1]["place"]:
        found.append(seen)
    return found


@pytest.mark.browser
def test_every_slide_fits_the_screen_and_can_be_read(slides: list[Path], open_page: Any) -> None:
    for path in slides:
        page = open_page(path)
        for slide in every_slide(page):
            assert not slide["cut"], f"{path.name}, slide {slide['place']}"
            assert slide["part"] >= LEAST, f"{path.name}, slide {slide['place']}: give one of its cells a slide of its own"
            assert slide["label"] >= 14 and slide["lack"] < 3, f"{path.name}, slide {slide['place']}: {slide}"
            assert not slide["empty"], f"{path.name}, slide {slide['place']}"
        assert page.complaints == []


@pytest.mark.browser
def test_a_slide_that_was_turned_to_still_fits_when_its_picture_is_stepped(slides: list[Path], open_page: Any) -> None:
    page, here = open_page(slides[0], 1366, 768), ""
    while page.locator("#place").inner_text() != here:
        here = page.locator("#place").inner_text()
        for _ in range(3 * page.locator(".slide.now [data-picture]").count()):
            page.keyboard.press("ArrowLeft")
            assert not page.evaluate(SLIDE)["cut"], here
        page.keyboard.press("PageDown")


@pytest.mark.browser
@pytest.mark.parametrize("width, height", [(1920, 1080), (1366, 768), (1024, 768)])
def test_slides_fill_other_screens_too(slides: list[Path], open_page: Any, width: int, height: int) -> None:
    seen = every_slide(open_page(slides[1], width, height))
    assert not [slide["cut"] for slide in seen if slide["cut"]]
    assert min(slide["label"] for slide in seen) >= 14


@pytest.mark.browser
def test_axe_finds_nothing_serious_and_images_have_words(slides: list[Path], open_page: Any) -> None:
    for path in slides:
        page = open_page(path)
        assert page.evaluate("[...document.images].filter(image => !image.alt).length") == 0
        assert serious(page) == []


@pytest.mark.browser
def test_keys_turn_slides_but_step_events_where_a_stepper_has_the_focus(slides: list[Path], open_page: Any) -> None:
    page = open_page(slides[1])
    place = page.locator("#place")
    while not page.locator(".slide.now [data-picture]").count():
        page.keyboard.press("PageDown")
    here = place.inner_text()
    page.locator(".slide.now").get_by_role("slider").focus()
    before = int(page.locator(".slide.now [data-picture]").get_attribute("data-step"))
    page.keyboard.press("ArrowLeft")
    assert int(page.locator(".slide.now [data-picture]").get_attribute("data-step")) == before - 1
    assert place.inner_text() == here
    for key in ("PageUp", "PageDown"):  # turns a slide wherever else the focus is
        before = page.locator(".slide.now [data-picture]").get_attribute("data-step")
        page.keyboard.press(key)
        assert page.locator(".slide.now [data-picture]").get_attribute("data-step") != before and place.inner_text() == here
    page.get_by_role("button", name="Next slide").click()
    assert place.inner_text() != here


@pytest.mark.browser
def test_each_event_of_a_picture_is_a_step_of_its_slide(open_page: Any, tmp_path: Path) -> None:
    """On by arrow, event by event; back the same way; the keys of a clicker (Page Down, Page Up) turn the slide at once."""
    two = compare(lesson("burst"), lesson("burst"), "arrivals")
    page = open_page(make_slides(tmp_path, {Path("two.ipynb"): between_two_slides(two)})[0])
    picture, place, last = page.locator("[data-picture]"), page.locator("#place"), len(two.captions) - 1
    page.keyboard.press("ArrowRight")
    for expected in range(last + 1):
        assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(expected))
        page.keyboard.press("ArrowRight" if expected % 2 else "Space")
    assert place.inner_text() == "3 / 3"
    page.keyboard.press("ArrowLeft")
    assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(last)), "back where one was"
    page.keyboard.press("ArrowLeft")
    assert (place.inner_text(), picture.get_attribute("data-step")) == ("2 / 3", str(last - 1))
    page.keyboard.press("PageUp")
    assert place.inner_text() == "1 / 3"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert picture.get_attribute("data-step") == str(last), "on paper it is whole"


@pytest.mark.browser
def test_a_picture_that_is_larger_than_its_place_is_scrolled_to_where_something_happens(open_page: Any, tmp_path: Path) -> None:
    two = compare(lesson("burst"), lesson("lost ack"))
    page = open_page(make_slides(tmp_path, {Path("two.ipynb"): between_two_slides(two)})[0], 1366, 768)
    page.keyboard.press("ArrowRight")
    frame = page.locator(".lesson-picture > div").first
    assert page.evaluate(SLIDE)["label"] >= 14 and not page.evaluate(SLIDE)["cut"]
    assert frame.evaluate("e => e.scrollHeight > e.clientHeight + 100")
    for step in range(1, len(two.captions) - 1):
        page.keyboard.press("ArrowRight")
        boxes, view = [mark.bounding_box() for mark in page.locator(f'svg [data-event="{step}"]').all()], frame.bounding_box()
        assert any(view["x"] <= b["x"] and b["x"] + b["width"] <= view["x"] + view["width"] + 1 and view["y"] <= b["y"] + 1
                   and b["y"] + b["height"] <= view["y"] + view["height"] + 1 for b in boxes), step


@pytest.mark.browser
@pytest.mark.parametrize("given", ["", "a"])
def test_what_a_run_says_comes_with_its_last_event(open_page: Any, tmp_path: Path, given: str) -> None:
    asked = AskedQuestion(find("2.lost-ack"))
    asked.answer(given or ...)
    page = open_page(make_slides(tmp_path, {Path("one.ipynb"): between_two_slides(reveal(asked.item.scenario.run(), asked))})[0])
    verdict, picture = page.get_by_text("The run shows b"), page.locator("[data-picture]")
    for _ in range(2):  # somebody may begin anew
        page.keyboard.press("ArrowRight")
        for step in range(15):
            assert picture.get_attribute("data-step") == str(step) and not verdict.is_visible(), step
            assert picture.locator("img").evaluate("e => e.style.opacity") == "0", "no ghost of what nobody has seen"
            page.keyboard.press("ArrowRight")
        assert verdict.is_visible() and not page.evaluate(SLIDE)["cut"]
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    page.keyboard.press("PageDown")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert verdict.is_visible(), "on paper"


@pytest.mark.browser
def test_a_slide_turned_to_by_a_clicker_is_finished(open_page: Any, tmp_path: Path) -> None:
    asked = AskedQuestion(find("2.lost-ack"))
    asked.answer("a")
    page = open_page(make_slides(tmp_path, {Path("one.ipynb"): between_two_slides(reveal(asked.item.scenario.run(), asked))})[0])
    page.keyboard.press("PageDown")
    assert page.get_by_text("The run shows b").is_visible() and page.locator("[data-picture]").get_attribute("data-step") == "15"


def between_two_slides(shown: Any) -> Any:
    """A notebook of three slides, a picture or a message with one on the second."""
    html = shown._repr_mimebundle_()["text/html"]
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [text("# One"), code("two", outputs=[output]), text("# Three")]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.browser
def test_a_slide_that_is_too_long_for_any_size_can_be_scrolled(open_page: Any, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("\n\n".join(["# Long", *["line"] * 200]))])
    page = open_page(make_slides(tmp_path, {Path("long.ipynb"): notebook})[0])
    assert every_slide(page)[0]["cut"]
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
