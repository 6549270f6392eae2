"""The playground on a page without a kernel: its runs are those that `simulate` makes, by mouse, keyboard and finger."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lesson_lib import simulate
from lesson_lib.draw import canvas
from lesson_lib.history import Event, History, Kind
from lesson_lib.teach.playground import ANSWER, MORE, REQUEST, page_part, playground_html
from lesson_lib.teach.runs_ahead import FAULTS, MODES, encoded, key_of, runs_ahead
from lesson_lib.teach.scenarios import Scenario

CHOICES = sorted(runs_ahead())


def simulated(key: str) -> History:
    """What `simulate` says to the name of a run."""
    mode, *faults = key.split(";")
    settings = next(settings for settings in MODES if key_of({}, settings) == mode)
    return simulate(3, faults={int(n): fault for n, fault in (part.split(":") for part in faults)}, **settings)


def read_back(run: str) -> list[tuple[Any, ...]]:
    """A run's words as what happens: the kind, the request or batch, and its numbers."""
    names = {">": "send", "s": "stored", "d": "duplicate", "r": "refused", "x": "request lost", "y": "answer lost", "a": "answer",
             "e": "error", "t": "drop", "o": "told ok", "f": "told failed", "u": "told unknown",
             "k": "killed", "n": "started", "b": "restarted", "l": "failed over"}
    return [(names[word[0]], *map(int, filter(None, word[1:].split(".")))) for word in run.split()]


def happened(event: Event) -> tuple[Any, ...] | None:
    """An event as `read_back` gives it; None for what the picture does not show, or shows with an answer."""
    match event.kind:
        case Kind.SEND:
            return "send", event.batch, event.try_no, event.base_sequence
        case Kind.VERDICT:
            return event.what, event.attempt, event.error.value if event.error else event.offset
        case Kind.ACK:
            return "error" if event.error else "answer", event.attempt, event.error.value if event.error else event.offset
        case Kind.LOST:
            return f"{event.what} lost", event.attempt
        case Kind.DROP:
            return ("drop",)
        case Kind.REPORT if event.offset is None:
            return f"told {event.what}", event.batch
        case Kind.PRODUCER | Kind.BROKER:
            return (event.what,)
    return None


@pytest.mark.parametrize("key", CHOICES)
def test_every_run_ahead_is_the_simulations(key: str) -> None:
    run = simulated(key)
    assert read_back(runs_ahead()[key]) == list(filter(None, map(happened, run.events)))
    answered = {run.attempts[n - 1].batch: offset for kind, n, offset in
                (one for one in read_back(runs_ahead()[key]) if one[0] == "answer")}
    assert answered == {report.batch: report.offset for report in run.reports if report.offset is not None}, "an answer says what is told"


@pytest.mark.parametrize("fault", [*REQUEST, *ANSWER, *MORE])
@pytest.mark.parametrize("on", [False, True])
def test_a_run_that_the_kernel_makes_is_written_the_same_way(fault: str, on: bool) -> None:
    run = simulate(["a", "b", "a"], faults={2: fault} if fault else None, idempotence=on)
    assert read_back(encoded(run)) == list(filter(None, map(happened, run.events)))


def test_what_can_be_chosen_is_there() -> None:
    assert {key.partition(";")[0] for key in CHOICES} == {key_of({}, settings) for settings in MODES}
    assert {fault for key in CHOICES for fault in re.findall(r":([^;]+)", key)} == set(FAULTS)
    assert {key.count(";") for key in CHOICES} == {0, 1, 2}
    assert len(page_part()) < 200_000


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    """A page with the picture and nothing else, on a small screen."""
    path = tmp_path / "page.html"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Playground</title>'
    path.write_text(f'<!doctype html><html lang="en">{head}<main><h1>Playground</h1>{page_part()}</main>', encoding="utf-8")
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert page.complaints == []
    page.close()


def said(page: Any) -> str:
    """The result as the page tells it."""
    return page.locator(".said").inner_text()


LOST = """() => {
    const now = (query) => [...document.querySelectorAll(`svg ${query}`)].filter((e) => !e.closest('g[opacity]'));
    const box = (e) => { const { x, y, width, height } = e.getBBox(); return [x + width / 2, y + height / 2]; };
    const lost = now('g[role=button]').filter((g) => g.querySelector('path[stroke-width="3.5"]'));
    const lines = lost.map((g) => g.querySelector('line:not(.hit)'));
    return { crosses: now('path[stroke-width="3.5"]').map(box), drops: now('polyline').map(box),
             lines: lines.map((l) => ['x1', 'y1', 'x2', 'y2'].map((name) => +l.getAttribute(name))) }; }"""


def cross(one: list[float], other: list[float]) -> bool:
    """Whether two lines (x1, y1, x2, y2) meet."""
    def side(line: list[float], x: float, y: float) -> float:
        return (line[2] - line[0]) * (y - line[1]) - (line[3] - line[1]) * (x - line[0])
    return all(side(a, *b[:2]) * side(a, *b[2:]) < 0 for a, b in ((one, other), (other, one)))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1366, 390])
def test_what_is_lost_with_its_connection_ends_on_the_drop(page: Any, width: int) -> None:
    assert cross([0, 0, 2, 2], [0, 2, 2, 0]) and not cross([0, 0, 2, 0], [0, 1, 2, 1])
    page.set_viewport_size({"width": width, "height": 768})
    page.get_by_label("in flight").select_option("5")
    drawn, across = page.evaluate(LOST), int(width == 390)  # on a phone time runs downward
    assert len(drawn["crosses"]) == len(drawn["lines"]) == 2, "a request and an answer"
    assert all(min(abs(place[across] - drop[across]) for drop in drawn["drops"]) < 5 for place in drawn["crosses"])
    assert not cross(*drawn["lines"])


@pytest.mark.browser
@pytest.mark.parametrize("width", [1366, 390])
def test_its_marks_mean_what_they_mean_in_every_other_picture(page: Any, width: int) -> None:
    """A cross has its word, a retry is dashed in its colour, a copy is orange with a heavy edge, a duplicate is filled."""
    def drawn(query: str) -> Any:
        return page.locator(f"svg > :not([opacity]) {query}, svg > {query}")

    page.set_viewport_size({"width": width, "height": 768})
    assert drawn(f'rect[fill="{canvas.AGAIN}"]').count() == 1, "the second copy in the log"
    assert drawn(f'line[stroke="{canvas.RETRY}"]').first.get_attribute("stroke-dasharray")
    page.get_by_label("in flight").select_option("5")
    assert drawn('path[stroke-width="3.5"]').count() == drawn("text").filter(has_text=re.compile("^lost$")).count() == 2
    assert set(drawn('path[stroke-width="3.5"]').evaluate_all("all => all.map(e => e.getAttribute('stroke'))")) == {"#1b1b1b"}
    page.get_by_label("idempotence").check()
    assert drawn(f'path[fill="{canvas.DUPLICATE}"]').count() and not drawn(f'rect[fill="{canvas.AGAIN}"]').count()


@pytest.mark.browser
def test_by_mouse(page: Any) -> None:
    assert said(page) == "Log: m0 m1 m1 m2. m1 is stored twice."
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="arrives twice").click()
    assert said(page) == "Log: m0 m1 m1 m1 m2. m1 is stored three times."
    page.get_by_label("idempotence").check()
    assert said(page) == "Log: m0 m1 m2. Each record is stored once."
    assert page.locator("code").inner_text() == "simulate(3, idempotence=True, faults={2: 'lose ack', 3: 'repeat'})"
    assert page.locator("svg > g[opacity]").count() == 1, "the run before stays pale behind"
    page.get_by_role("button", name="No faults").click()
    assert page.locator("code").inner_text() == "simulate(3, idempotence=True)"
    assert page.get_by_role("button", name="No faults").is_disabled()


@pytest.mark.browser
def test_by_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    for _ in range(40):
        name = page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
        if name.startswith("Answer to request 1"):
            break
        page.keyboard.press("Tab")
    assert name == "Answer to request 1: arrives. Change it."
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert said(page).startswith("Log: m0 m0 m0 m1 m2.")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Answer to request 1: is lost. Change it."
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.get_by_role("menu").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("key, then", [("Tab", "a2"), ("Shift+Tab", "a1")])
def test_tab_closes_a_menu_and_goes_on_from_its_arrow(page: Any, key: str, then: str) -> None:
    names = page.locator("svg > [role=button]").evaluate_all("all => all.map((e) => e.dataset.name)")
    assert names[names.index("q2") - 1:names.index("q2") + 2] == ["a1", "q2", "a2"]
    page.locator("[data-name=q2]").press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(key)
    assert page.get_by_role("menu").count() == 0
    assert page.evaluate("document.activeElement.dataset.name") == then


@pytest.mark.browser
def test_what_is_so_already_changes_nothing(page: Any) -> None:
    """The request whose answer is lost arrives; to choose that again takes nothing from the answer."""
    before = page.locator("code").inner_text()
    for name, fate in (("q2", "arrives"), ("a2", "is lost"), ("a1", "arrives"), ("q3", "arrives")):
        page.locator(f"[data-name={name}] .hit").click(force=True)
        chosen = page.get_by_role("menuitemradio", name=fate, exact=fate == "arrives")
        assert chosen.get_attribute("aria-checked") == "true" and page.locator(".menu [aria-checked=true]").count() == 1
        chosen.click()
        assert page.locator("code").inner_text() == before and page.get_by_role("menu").count() == 0
        assert page.evaluate("document.activeElement.dataset.name") == name
    page.locator("[data-name=a2] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="arrives", exact=True).click()
    assert page.locator("code").inner_text() == "simulate(3, idempotence=False)", "here it's something new"


@pytest.mark.browser
def test_what_is_lost_with_its_connection_is_not_said_to_arrive(page: Any) -> None:
    page.get_by_label("in flight").select_option("5")
    lost = page.locator('[role=button][aria-label*="is lost with its connection"]').first
    lost.press("Enter")
    assert page.locator(".menu button").count() and page.locator(".menu [aria-checked=true]").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("allowed", [True, False])
def test_copy_says_that_it_copied(page: Any, allowed: bool) -> None:
    page.evaluate("""(allowed) => Object.defineProperty(navigator, 'clipboard', { value: allowed
        ? { writeText: async (words) => { window.copied = words; } } : undefined })""", allowed)
    page.get_by_role("button", name="Copy").click()
    code, status = page.locator("code").inner_text(), page.locator("p > [role=status]")
    status.get_by_text("Copied." if allowed else "Selected. Copy it with your keyboard.").wait_for(timeout=5_000)
    assert page.evaluate("allowed => allowed ? window.copied : String(getSelection())", allowed) == code
    page.get_by_label("idempotence").check()
    assert status.inner_text() == "", "it was said of the line before"


PALE = """() => { const part = (n) => (n /= 255) <= .03928 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4;
    return [...document.querySelectorAll('.sheet svg > :not(g[opacity]) text, .sheet svg > text')].map((text) => {
        const [r, g, b] = getComputedStyle(text).fill.match(/[0-9]+/g).map(Number).map(part);
        return [1.05 / (.2126 * r + .7152 * g + .0722 * b + .05), text.textContent]; }).filter(([contrast]) => contrast < 4.5); }"""


@pytest.mark.browser
def test_words_stand_out_from_white(page: Any) -> None:
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is refused").click()
    assert page.locator("svg text", has_text="error").count() and page.locator("svg text", has_text="try 2").count()
    assert page.evaluate(PALE) == []


@pytest.mark.browser
def test_it_fits_its_screens_and_names_its_parts(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
    assert Axe().run(page).response["violations"] == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('.lesson-playground svg').viewBox.baseVal.height > 500")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert json.loads(page.evaluate("JSON.stringify([...document.querySelectorAll('[role=button]')].map(e => e.ariaLabel))"))


@pytest.mark.browser
def test_several_in_flight_and_what_is_under_more(page: Any) -> None:
    page.get_by_label("in flight").select_option("5")
    assert said(page) == "Log: m0 m1 m2 m1. m1 is stored twice." and page.get_by_text("connection", exact=True).count() == 1
    page.get_by_role("button", name="No faults").click()
    page.locator("[data-name=q1] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is refused").click()
    assert said(page) == "Log: m1 m2 m0. m0 comes after m2."
    page.get_by_label("idempotence").check()
    assert page.locator("code").inner_text().endswith("idempotence=True, in_flight=5, client='java')")
    assert "this is the Java client" in page.locator(".why").inner_text()
    page.get_by_text("more", exact=True).click()
    page.get_by_label("acks").select_option("0")
    assert not page.get_by_label("idempotence").is_checked()
    assert page.locator("code").inner_text() == "simulate(3, idempotence=False, acks=0)"
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is lost").click()
    assert said(page) == "Log: m0 m1. m2 was told ok, but is not in the log."
    page.get_by_text("more", exact=True).click()
    page.get_by_label("retries").select_option("0")
    page.locator("[data-name=a1] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is lost").click()
    assert "The application can't know whether m0 is there." in said(page)
    for mode in ("1", "5"):
        page.get_by_label("in flight").select_option(mode)
        assert page.evaluate("document.documentElement.scrollHeight") <= 768


CUT = """([script, starts]) => { const bad = [], main = document.querySelector('main');
    for (const [settings, faults] of starts) {
        const again = document.createElement('script'), root = document.createElement('div');
        root.className = 'lesson-playground';
        again.textContent = script.replace(/"settings":[^}]*},"faults":[^}]*}/, `"settings":${settings},"faults":${faults}`);
        main.replaceChildren(root);
        root.after(again);
        const svg = root.querySelector('.sheet svg'), size = svg.viewBox.baseVal;
        for (const text of svg.querySelectorAll('text')) { const b = text.getBBox();
            const cut = b.x < -1 || b.x + b.width > size.width + 1 || b.y + b.height > size.height + 1;
            if (cut) bad.push(`${settings} ${faults}: ${text.textContent} is cut`); }
        const least = 14 * svg.getBoundingClientRect().width / size.width;
        if (least < 11) bad.push(`${settings} ${faults}: ${least}`);
    } return bad; }"""


def started(key: str) -> list[str]:
    """What the script begins with where it is to show that run first."""
    mode, *faults = key.split(";")
    settings = next(settings for settings in MODES if key_of({}, settings) == mode)
    return [json.dumps(settings), json.dumps(dict(fault.split(":") for fault in faults))]


@pytest.mark.browser
def test_no_label_is_cut_or_too_small_in_any_run(page: Any) -> None:
    """The words of every run that can be chosen, on a computer and on a phone."""
    script = page_part().rpartition("<script>")[2].removesuffix("</script>")
    for width, height in ((1366, 768), (954, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(CUT, [script, [started(key) for key in CHOICES]]) == []


# The words beside a ragged line that an arrow goes through, and the middle of each cross.
CROSSED = """() => { const bad = [], svg = document.querySelector('.sheet svg');
    const through = (line, box) => Array.from({ length: 101 }, (_, n) => line.getPointAtLength(line.getTotalLength() * n / 100))
        .some((p) => p.x > box.x && p.x < box.x + box.width && p.y > box.y && p.y < box.y + box.height);
    for (const words of svg.querySelectorAll('text[paint-order]'))
        for (const line of svg.querySelectorAll('line:not(.hit)')) if (through(line, words.getBBox())) bad.push(words.textContent);
    return { bad, crosses: [...svg.querySelectorAll('[data-name^=a] path[stroke-width="3.5"]')].map((e) => e.getBBox().x),
        squares: [...svg.querySelectorAll('rect[height="12"]')].map((e) => e.getBBox().x) }; }"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [954, 390])
@pytest.mark.parametrize("fault", ["kill producer", "restart broker", "fail over"])
def test_nothing_goes_through_the_words_of_what_befalls_a_request(page: Any, width: int, fault: str) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    scenario = Scenario(3, {"idempotence": False, "faults": {2: fault}})
    page.set_content(f"<meta charset='utf-8'>{playground_html(scenario, scenario.run(), scenario.settings['faults'])}")
    seen = page.evaluate(CROSSED)
    assert seen["bad"] == []
    if fault == "kill producer" and width == 954:
        assert seen["crosses"][0] > seen["squares"][1], "the answer is lost after the request has arrived"


@pytest.mark.browser
def test_more_closes_by_keyboard_and_lies_over_no_menu(page: Any) -> None:
    for way in ("Escape", "Enter"):
        page.get_by_text("more", exact=True).press("Enter")
        assert page.get_by_label("acks").is_visible()
        (page.locator("summary") if way == "Escape" else page.locator("[data-name=q1]")).first.press(way)
        assert page.get_by_label("acks").is_hidden()


@pytest.mark.browser
def test_a_third_fault_is_not_offered(page: Any) -> None:
    page.locator("[data-name=q3] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is refused").click()
    page.locator("[data-name=q1] .hit").click(force=True)
    assert page.get_by_role("menuitemradio", name="is lost").is_disabled()


@pytest.mark.browser
def test_a_fault_whose_request_is_gone_is_dropped_and_named(page: Any) -> None:
    page.locator("[data-name=q4] .hit").click(force=True)
    page.get_by_role("menuitemradio", name="is lost").click()
    page.get_by_label("in flight").select_option("5")
    assert page.locator(".why").inner_text() == ""
    page.get_by_text("more", exact=True).click()
    page.get_by_label("retries").select_option("0")
    assert page.locator("code").inner_text() == "simulate(3, idempotence=False, retries=0, faults={2: 'lose ack'})"
    assert "There is no request 4 any more, so its fault is dropped: 4: lose request." in page.locator(".why").inner_text()
    assert page.get_by_label("retries").locator("option").nth(2).is_disabled(), "not computed ahead"


@pytest.mark.browser
def test_by_finger(browser: Any, page: Any) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.goto(page.url)
    box = phone.locator("[data-name=a1]").bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    phone.get_by_role("menuitemradio", name="is lost").tap()
    assert said(phone).startswith("Log: m0 m0 m0 m1")
    phone.close()


@pytest.mark.browser
def test_without_script_it_is_the_finished_picture(browser: Any, page: Any) -> None:
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(page.url)
    assert "its answer is lost" in plain.locator("img").get_attribute("alt")
    plain.context.close()
