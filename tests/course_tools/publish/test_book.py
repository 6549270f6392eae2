"""The book as a reader has it: from a disk, without network, by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from course_tools.publish.book import make_book, sections_of
from tests.course_tools.publish.conftest import serious

PAPER = 718, 1046  # pixels of A4 within margins of 1 cm
OVERHANG = "document.documentElement.scrollWidth - window.innerWidth"
# Pictures of runs are scrolled in a frame of their own.
WIDE = """[...document.images].map(image => image.closest('.lesson-picture > div') ?? image)
    .filter(shown => shown.getBoundingClientRect().right > window.innerWidth).length"""
PHONE = 390, 800
LEAST = 12  # pixels of the smallest letters outside of pictures
SMALL = """least => [...document.querySelectorAll('main p, main li, main pre, main td, main summary')]
    .filter(e => e.innerText.trim() && parseFloat(getComputedStyle(e).fontSize) < least).map(e => e.innerText.slice(0, 60))"""
MARKS = """[...document.querySelectorAll('[data-picture] svg')].map(svg => [...svg.querySelectorAll('[data-event]')]
    .filter(g => g.getClientRects().length).length)"""
# Every picture, shown even where a question hides it: its least label, its height with its bar, and how much of it sticks out.
PICTURES = """() => { const all = [...document.querySelectorAll('.lesson-picture')];
    for (const picture of all) for (let e = picture; e; e = e.parentElement) {
        e.hidden = false; if (e.tagName === 'DETAILS') e.open = true; }
    document.querySelectorAll('.lesson-reveal').forEach(e => { e.style.display = 'block'; });
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(all.map(picture => {
        const svg = picture.querySelector('.lesson-sheet svg'), frame = picture.firstElementChild;
        const player = picture.querySelector('.lesson-player');
        const part = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width, page = document.documentElement;
        const sizes = [...svg.querySelectorAll('[font-size]')].map(g => part * +g.getAttribute('font-size'));
        return {words: svg.textContent.slice(0, 60), least: Math.min(...sizes),
            over: frame.getBoundingClientRect().right - page.clientWidth,
            high: frame.getBoundingClientRect().height + player.getBoundingClientRect().height};
    }))))); }"""
EVENT = "[...document.querySelectorAll('[data-picture]')].map(root => root.dataset.step)"


@pytest.fixture(scope="session")
def book(executed_lessons: dict[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_book(tmp_path_factory.mktemp("book"), executed_lessons)


def test_sections_are_cut_at_headings_and_leave_out_what_is_not_read() -> None:
    html = ('<header><h9>top</h9>search</header><h1 id="a">One</h1><p>first</p><p>second</p><script>var x</script>'
            '<img alt="a picture"><details><pre>table</pre></details><details class="deeper"><summary>Two</summary>'
            '<h2 id="b">Two <code>x</code><a>¶</a></h2><pre>code</pre></details>')
    assert sections_of(html, "p.html", "L") == [
        {"address": "p.html#a", "lesson": "L", "heading": "One", "text": "first second a picture"},
        {"address": "p.html#b", "lesson": "L", "heading": "Two x", "text": "code"}]


def test_every_link_inside_the_book_leads_somewhere(book: list[Path]) -> None:
    ids = {page.name: set(re.findall(r'\bid="([^"]+)"', page.read_text())) for page in book}
    index = json.loads((book[0].parent / "search-index.js").read_text().split("=", 1)[1].rstrip(";\n"))
    assert {section["address"].partition("#")[0] for section in index} == {page.name for page in book[1:]}, "every page can be found"
    links = [(page.name, link) for page in book for link in re.findall(r'<a [^>]*href="(?!https?:)([^"]+)"', page.read_text())]
    for page, link in [*links, *(("index.html", section["address"]) for section in index)]:
        name, _, anchor = link.partition("#")
        assert (name or page) in ids, f"{page}: {link}"
        assert not anchor or {anchor, unquote(anchor)} & ids[name or page], f"{page}: {link}"


def test_previous_and_next_go_through_all_lessons(book: list[Path]) -> None:
    names = [page.name for page in book[1:]]
    for page, before, after in zip(book[1:], [None, *names], [*names[1:], None], strict=False):
        turns = dict(re.findall(r'href="([^"]+)" rel="(prev|next)"', page.read_text()))
        assert turns == {name: rel for name, rel in ((before, "prev"), (after, "next")) if name}


def test_what_a_page_shows_is_an_output_and_not_the_name_of_a_class(book: list[Path]) -> None:
    for page in book:
        assert not re.search(r"VBox\(|RadioButtons\(|object at 0x|Traceback|No description has been provided", page.read_text())


def test_a_section_that_goes_deeper_is_folded_and_opens_for_its_anchor(book: list[Path], open_page: Any) -> None:
    page = open_page(book[6])
    deeper = page.locator("details.deeper")
    assert deeper.count() >= 5 and page.locator("details.deeper[open]").count() == 0
    assert page.locator("details.deeper h2").count() == deeper.count()
    assert page.locator("main > .text_cell h2").count() > deeper.count()


@pytest.mark.browser
@pytest.mark.parametrize("width, height", [(1366, 768), PHONE])
def test_contents_say_where_one_is_and_lead_to_each_section(book: list[Path], open_page: Any, width: int, height: int) -> None:
    page = open_page(book[6], width, height)
    contents = page.get_by_role("navigation", name="Contents")
    lists, current = contents.locator("ol").first, contents.locator("[aria-current=true]")
    assert lists.is_visible() == (width > 1240) and current.count() == 0
    for heading in ("Why five?", "Going deeper: several partitions"):
        if width < 1240:
            contents.locator("summary").click()
        contents.get_by_role("link", name=heading).click()
        page.wait_for_function("words => document.querySelector('.sections [aria-current=true]')?.textContent === words", arg=heading)
        at = page.get_by_role("heading", name=heading).bounding_box()["y"]
        assert contents.locator("summary").bounding_box()["height"] <= at < height / 3 if width < 1240 else 0 <= at < height / 3
        assert contents.bounding_box()["y"] == 0, "in view on a long page"
        assert width > 1240 or (not lists.is_visible() and heading in contents.locator("summary").inner_text())
    assert page.locator("main > h2, main .text_cell h2").count() == contents.locator("ol ol a").count()


@pytest.mark.browser
def test_nobody_is_told_to_type_into_a_cell(book: list[Path], open_page: Any) -> None:
    typing = re.compile(r"Not attempted|place of the dots|three dots|Shift\+Enter|\.answer\(|[Rr]un\s+this\s+cell|Choose the kernel")
    for path in book:
        page = open_page(path)
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        assert typing.findall(page.locator("main").inner_text()) == [], path.name


def test_the_front_page_has_a_picture_to_touch(book: list[Path], open_page: Any) -> None:
    page = open_page(book[0])
    assert page.locator(".said").inner_text() == "Log: m0 m1 m1 m2. m1 is stored twice."
    page.get_by_label("idempotence").check()
    assert page.locator(".said").inner_text() == "Log: m0 m1 m2. Each record is stored once."


def test_its_front_leads_to_every_page(book: list[Path]) -> None:
    front = book[0].read_text().partition("<main>")[2]
    assert [page.name for page in book[1:]] == re.findall(r'<a href="([^"]+\.html)">', front)
    assert {"incidents.html", "in-production.html", "clients-compared.html", "the-article.html", "judged-brokers.html"} <= {
        page.name for page in book}


def test_each_incident_has_the_picture_of_its_run(book: list[Path]) -> None:
    page = next(page for page in book if page.name == "incidents.html").read_text()
    incidents = re.split(r"<h2 ", page)[1:]
    assert len(incidents) >= 10 and [one[:60] for one in incidents if "lesson-picture" not in one] == []


def test_the_table_of_clients_is_its_last_page_and_lesson_4_leads_there(book: list[Path]) -> None:
    assert book[-1].name == "clients-compared.html"
    assert "Do not edit" not in book[-1].read_text()
    assert 'href="clients-compared.html"' in book[4].read_text()


@pytest.mark.browser
def test_no_page_complains_or_asks_the_network_and_axe_finds_nothing_serious(book: list[Path], open_page: Any) -> None:
    for path in book:
        page = open_page(path)
        assert page.evaluate("[...document.images].filter(image => !image.alt || !image.naturalWidth).length") == 0
        assert page.evaluate(OVERHANG) <= 0
        assert page.evaluate(WIDE) == 0
        assert serious(page) == []
        assert page.complaints == []


@pytest.mark.browser
def test_on_paper_no_line_is_cut_no_control_is_left_and_a_picture_stays_on_one_page(book: list[Path], open_page: Any) -> None:
    for path in book:
        page = open_page(path, *PAPER)
        page.emulate_media(media="print")
        assert page.evaluate(OVERHANG) <= 0
        assert page.evaluate("[...document.querySelectorAll('pre, table')].filter(e => e.scrollWidth > e.clientWidth + 1).length") == 0
        assert not [c for c in page.locator("button, input, .turn").all() if c.is_visible()]
        # Firefox knows no `break-after: avoid`, and would leave the summary alone at the foot of a page.
        assert page.evaluate("![...document.querySelectorAll('details')].some(e => getComputedStyle(e).breakInside != 'avoid')")
        for sheet in page.locator(".lesson-sheet").all():
            assert sheet.evaluate("(e) => getComputedStyle(e).breakInside") == "avoid"
            assert sheet.bounding_box()["height"] < PAPER[1] and sheet.bounding_box()["width"] <= PAPER[0]


@pytest.mark.browser
def test_a_page_is_not_wider_than_a_phone_and_its_letters_are_large_enough(book: list[Path], open_page: Any) -> None:
    for path in book:
        page = open_page(path, *PHONE)
        assert page.evaluate(OVERHANG) <= 0, path.name
        assert page.evaluate(SMALL, LEAST) == [], path.name
        assert page.evaluate("scrollY") == 0, f"{path.name} opens at its top"


@pytest.mark.browser
@pytest.mark.parametrize("width, height", [(1366, 768), (390, 844)])
def test_every_label_of_every_picture_can_be_read_and_a_picture_fits_its_window_with_its_bar(
        book: list[Path], open_page: Any, width: int, height: int) -> None:
    pictures = 0
    for path in book[1:8]:
        for picture in open_page(path, width, height).evaluate(PICTURES):
            assert picture["least"] >= 11, f"{path.name}: {picture}"
            assert picture["high"] <= height and picture["over"] <= 0, f"{path.name}: {picture}"
            pictures += 1
    assert pictures > 40


@pytest.mark.browser
def test_every_picture_with_events_steps(book: list[Path], open_page: Any) -> None:
    page = open_page(book[2])
    page.evaluate("document.querySelectorAll('details.deeper').forEach(part => { part.open = true; })")
    page.evaluate("document.querySelectorAll('.lesson-wait button').forEach(button => button.click())")
    before, marks = page.evaluate(EVENT), page.evaluate(MARKS)
    assert len(before) >= 5 and all(int(step) > 0 for step in before)
    for slider in page.get_by_role("slider", name="Event").all():
        slider.focus()
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(EVENT) == [str(int(step) - 1) for step in before]
    assert all(now < then for now, then in zip(page.evaluate(MARKS), marks, strict=True))


@pytest.mark.browser
def test_a_search_by_keyboard_leads_to_the_lesson(book: list[Path], open_page: Any) -> None:
    page = open_page(book[0])
    field = page.get_by_role("searchbox", name="Search all lessons")
    field.focus()
    page.keyboard.type("lost ack")
    assert re.match(r"\d+ sections", page.get_by_role("status").first.inner_text())
    assert serious(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/02-*")
    assert page.get_by_role("heading", level=1).inner_text().startswith("2 · One lost ack")


@pytest.mark.browser
def test_a_search_in_vain_says_so_and_escape_ends_it(book: list[Path], open_page: Any) -> None:
    page = open_page(book[3])
    page.get_by_role("searchbox").fill("lost zebra")
    assert page.locator("#found-count").inner_text() == "Nothing holds all of: lost, zebra."
    page.keyboard.press("Escape")
    assert page.locator("#found-count").inner_text() == "" and page.get_by_role("searchbox").input_value() == ""


@pytest.mark.browser
def test_a_text_in_another_lesson_is_found_from_any_page(book: list[Path], open_page: Any) -> None:
    page = open_page(book[3])
    page.get_by_role("searchbox").fill("Tracking  NUMBER letter")
    assert page.locator("#found a").first.get_attribute("href").startswith("01-")
