"""The playground in a real JupyterLab: the kernel makes the runs that were not computed ahead; no key reaches the notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS, Opener, Server
from tests.browser.jupyterlab import IDLE, write_notebook

pytestmark = pytest.mark.browser
CELLS = ["from lesson_lib import playground", "ground = playground(3, idempotence=False)",
         "import threading; asleep = threading.Event(); asleep.wait(4)",
         "own = playground(['order', 'payment'], idempotence=False)", "print(ground.call)"]


@pytest.fixture(scope="module")
def page(server: Server, open_notebook: Opener) -> Iterator[Any]:
    """A small notebook, its first playground made, in the window of a small laptop."""
    write_notebook(server.folder / "playground.ipynb", CELLS)
    page = open_notebook("playground.ipynb")
    page.set_viewport_size({"width": 1366, "height": 768})
    for cell in (0, 1, 3):
        run(page, cell)
    for number in (0, 1):  # the wire comes a little later
        expect(sheet(page, number).get_by_label("in flight").locator("option").nth(1)).to_be_enabled(timeout=60_000)
    yield page
    page.close()


def run(page: Any, cell: int, wait: bool = True) -> None:
    """Run one cell."""
    page.evaluate("""n => { jupyterapp.shell.currentWidget.content.activeCellIndex = n;
        jupyterapp.commands.execute('notebook:run-cell'); }""", cell)
    if wait:
        page.wait_for_function(IDLE)


def sheet(page: Any, number: int = 0) -> Any:
    """One of the playgrounds."""
    return page.get_by_role("group", name="Playground").nth(number)


def choose(page: Any, name: str, *fates: str, number: int = 0) -> None:
    """Press a request (q2) or an answer (a2), then what becomes of it."""
    part = sheet(page, number)
    part.locator(f"[data-name={name}]").focus()
    page.keyboard.press("Enter")
    for fate in fates:
        part.get_by_role("menu").get_by_text(fate).first.click()


def said(page: Any, number: int = 0) -> Any:
    """The result."""
    return sheet(page, number).locator(".said")


def test_a_run_that_was_computed_ahead_is_there_at_once_while_the_kernel_works(page: Any) -> None:
    run(page, 2, wait=False)
    choose(page, "a2", "is lost")
    assert said(page).inner_text() == "Log: m0 m1 m1 m2. m1 is stored twice."
    choose(page, "q3", "arrives twice")
    for fate in ("is lost", "arrives", "is refused"):
        choose(page, "q4", fate)
    expect(sheet(page).locator(".why")).to_contain_text("The kernel is busy; the run follows.")
    assert "q4" == page.evaluate("document.activeElement.dataset.name"), "clicks are taken while it works"
    expect(sheet(page).locator("code")).to_have_text(
        "simulate(3, idempotence=False, faults={2: 'lose ack', 3: 'repeat', 4: 'refuse 6'})", timeout=10_000)


def test_the_kernel_follows(page: Any) -> None:
    """What the page shows reaches the kernel as well, a moment later where it is busy."""
    for _ in range(20):
        page.wait_for_function(IDLE)
        run(page, 4)
        if page.locator(".jp-OutputArea-output").last.inner_text().strip() == sheet(page).locator("code").inner_text():
            return
        page.wait_for_timeout(300)
    expect(page.locator(".jp-OutputArea-output").last).to_have_text(sheet(page).locator("code").inner_text())


def test_what_is_under_more_is_drawn_by_the_kernel(page: Any) -> None:
    sheet(page).get_by_role("button", name="No faults").click()
    expect(said(page)).to_have_text("Log: m0 m1 m2. Each record is stored once.")
    choose(page, "q2", "more…", "the producer's last")
    expect(said(page)).to_have_text("Log: m0 m1 m2. The application can't know whether m1 is there.")
    assert sheet(page).get_by_text("producer", exact=False).count() > 0
    sheet(page).get_by_text("more", exact=True).click()
    sheet(page).get_by_label("acks").select_option("1")
    expect(sheet(page).locator("code")).to_have_text("simulate(3, idempotence=False, acks=1, faults={2: 'kill producer'})")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "playground.png")


def test_the_client_that_was_chosen_stays(page: Any) -> None:
    part, more = sheet(page), sheet(page).get_by_text("more", exact=True)
    part.get_by_role("button", name="No faults").click()
    more.click()
    part.get_by_label("acks").select_option("all")
    part.get_by_label("client").select_option("java")
    expect(part.locator("code")).to_have_text("simulate(3, idempotence=False, client='java')")
    part.get_by_label("in flight").select_option("3")
    expect(part.locator("code")).to_have_text("simulate(3, idempotence=False, in_flight=3, client='java')")
    for on in (True, False):
        part.get_by_label("idempotence").set_checked(on)
        expect(part.locator("code")).to_have_text(f"simulate(3, idempotence={on}, in_flight=3, client='java')")
    more.click()
    part.get_by_label("client").select_option("kafka-python")
    for on, client in ((True, ", client='java'"), (False, "")):  # taken along, and given back
        part.get_by_label("idempotence").set_checked(on)
        expect(part.locator("code")).to_have_text(f"simulate(3, idempotence={on}, in_flight=3{client})")
    part.get_by_label("in flight").select_option("1")


def test_values_of_ones_own(page: Any) -> None:
    choose(page, "a1", "is lost", number=1)
    expect(said(page, 1)).to_have_text("Log: order order payment. order is stored twice.")
    choose(page, "q3", "more…", "the leader changes", number=1)
    expect(sheet(page, 1).locator("code")).to_have_text(
        "simulate(['order', 'payment'], idempotence=False, faults={1: 'lose ack', 3: 'fail over'})")


def test_no_key_reaches_the_notebook(page: Any) -> None:
    sheet(page).locator("[data-name=q1]").focus()
    for key in ("d", "d", "b", "x", "a", "ArrowDown", "Enter", "ArrowDown", "d", "d", "Escape"):
        page.keyboard.press(key)
    assert page.locator(".jp-CodeCell").count() == len(CELLS)
    assert page.evaluate("document.activeElement.dataset.name") == "q1" and sheet(page).get_by_role("menu").count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_in_either_theme_and_it_is_in_view(page: Any, theme: str) -> None:
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    found = Axe().run(page, {"include": [[".lesson-playground"]]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    panel = page.locator(".jp-WindowedPanel-outer").bounding_box()
    assert sheet(page).bounding_box()["height"] <= panel["height"], "nothing of it is below the fold"


def test_after_a_restart_it_works_on_what_was_computed_ahead(page: Any) -> None:
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
    page.wait_for_function(IDLE, timeout=60_000)
    expect(sheet(page).get_by_text("Run this cell for every fault and switch.")).to_be_visible()
    sheet(page).get_by_label("idempotence").check()
    expect(said(page)).to_have_text("Log: m0 m1 m2. Each record is stored once.")
    choose(page, "q2")
    assert sheet(page).get_by_role("menuitem", name="more…").is_disabled()
    page.keyboard.press("Escape")
    choose(page, "q1", number=1)
    assert sheet(page, 1).get_by_role("menuitemradio", name="is lost").is_disabled(), "own values were not computed ahead"


def test_nothing_left_the_machine(page: Any) -> None:
    assert [words for words in page.complaints if words.startswith("asked for")] == []
