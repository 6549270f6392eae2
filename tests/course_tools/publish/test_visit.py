"""What a visitor of the site meets beside JupyterLite: front page, texts, the picture while a lesson loads, a copy that works offline."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from course_tools.publish.published import NOTEBOOKS
from course_tools.visit import pages
from course_tools.visit.shown import SHOWN, TEXTS, Shown
from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.teach.content import Question, lesson_items, scenario
from tests.browser.test_no_answer_in_sight import gives_away
from tests.course_tools.publish.conftest import serious
from tests.course_tools.publish.served_site import (
    KERNEL,
    LESSONS,
    NO_NETWORK,
    SITE,
    errors,
    opened,
    ready,
    run_all,
    served,
    wait_until_kept,
)

FIRST, SECOND = LESSONS[0].name, LESSONS[1].name
PACKED = """async () => {
  const kept = await caches.open("sent-twice-files"), packed = (await kept.keys()).filter(({ url }) => url.includes(".packed"));
  return Promise.all(packed.map(async (one) => (await kept.match(one)).headers.get("Unpacked")));
}"""
BAR = "document.querySelector('#waiting [role=progressbar]')?.getAttribute('aria-valuenow')"


@pytest.fixture(scope="module")
def play() -> Iterator[Any]:
    """Playwright, which can be there once."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def browser(play: Any, browser_path: str) -> Iterator[Any]:
    """A browser for `open_page`."""
    browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def front(tmp_path: Path) -> Path:
    """The front page of a site without a book."""
    (tmp_path / "index.html").write_text(pages.front_page(tmp_path))
    return tmp_path / "index.html"


def test_the_front_page_leads_to_each_lesson_and_text(front: Path) -> None:
    links = re.findall(r'(?:href|src)="(?!data:)([^"]+)"', front.read_text())
    opens = [f"notebooks/index.html?path={path.name}" for path in LESSONS]
    texts = [f"pages/{Path(name).stem}.html" for name in TEXTS]
    assert links == ["icon-120x120.png", opens[0], *opens, "notebooks/index.html?path=incidents.ipynb", *texts]
    assert "2 · One lost ack</a></h3>" in front.read_text() and "minutes, and" in front.read_text()
    assert not re.search(r"<!-- \w+ -->", front.read_text()), "every place is filled"


def test_a_book_that_was_made_is_on_the_front_page(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    assert 'href="book/index.html"' in pages.front_page(tmp_path)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768), (1920, 1080)])
def test_the_front_page_can_be_read_by_everybody(open_page: Any, front: Path, width: int, height: int, scheme: str) -> None:
    page = open_page(front, width=width, height=height, color_scheme=scheme)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_the_picture_on_the_front_page_knows_that_there_is_no_cell_to_run(open_page: Any, front: Path) -> None:
    page = open_page(front, 1366, 768)
    page.wait_for_timeout(2000)  # a notebook would say so by then
    assert page.locator(".why").inner_text() == ""
    page.get_by_label("in flight").select_option("5")
    page.get_by_label("idempotence").check()
    page.get_by_role("button", name="Request 3").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("menu").get_by_text("more").count() == 0
    page.get_by_role("menuitemradio", name="is refused").click()
    box = page.get_by_role("group", name="Playground").bounding_box()
    assert box["y"] + box["height"] <= 768, "nothing of it is below the fold"


@pytest.mark.browser
def test_the_three_things_to_try_can_be_done(open_page: Any, front: Path) -> None:
    page = open_page(front, 1366, 768)

    def choose(request: int, what: str) -> None:
        page.get_by_role("button", name=f"Request {request}", exact=False).first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("menuitemradio", name=what).first.click()

    page.get_by_label("idempotence").check()
    page.get_by_text("Log: m0 m1 m2.").wait_for()
    page.get_by_label("idempotence").uncheck()
    choose(2, "is lost")
    page.get_by_role("button", name="No faults").click()
    page.get_by_label("in flight").select_option("5")
    choose(1, "is refused")
    page.get_by_text("Log: m1 m2 m0.").wait_for()


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_a_page_whose_links_lead_somewhere(name: str) -> None:
    text = pages.text_page(NOTEBOOKS / name, set(TEXTS))
    assert text.count("<h1") == 1 and "<!--" not in text.split("<body>")[1]
    links = re.findall(r'href="([^"]+)"', text.split("<main>")[1])
    known = {f"{Path(one).stem}.html" for one in TEXTS}
    anchors = set(re.findall(r'id="([^"]+)"', text))
    for link in links:
        path, _, anchor = link.partition("#")
        assert path in known or path.startswith(("http", "../notebooks/index.html?path=")) or not path and anchor in anchors, link


def test_a_link_to_what_is_in_the_repository_only_is_its_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n[gone](../Makefile) [one](01-a-record-an-ack-an-offset.ipynb#x) [b](b.md#c) [i](incidents.md)\n")
    text = pages.text_page(tmp_path / "a.md", {"b.md"}).split("<main>")[1]
    assert ">gone<" not in text and "gone" in text and "Makefile" not in text
    assert re.findall(r'href="([^"#]+)', text) == [f"../notebooks/index.html?path={FIRST}", "b.html",
                                                   "../notebooks/index.html?path=incidents.ipynb"]


def answered_by(lesson: str, shown: Shown) -> list[str]:
    """The questions of a lesson that a picture answers: it's the run that they ask about, or has half of the words of the answer."""
    run = shown.run.run()
    words = f"{shown.does} {shown.caption} {show(run).alt}"
    asked = [item for item in lesson_items(int(lesson)) if isinstance(item, Question)]
    return [item.id for item in asked if gives_away(item, words) or any(getattr(one, "events", None) == run.events for one in item.runs())]


@pytest.mark.parametrize("lesson", SHOWN)
def test_what_is_shown_while_a_lesson_loads_answers_none_of_its_questions(lesson: str) -> None:
    assert answered_by(lesson, SHOWN[lesson]) == []


def test_a_picture_that_answers_a_question_is_found() -> None:
    assert "1.offsets" in answered_by("01", Shown("", "", scenario(("coffee", "tea", "rum"), idempotence=False)))
    assert "2.lost-ack" in answered_by("02", Shown("", "", scenario(3, faults={2: "lose ack"}, idempotence=False)))


def test_each_lesson_has_something_to_show() -> None:
    assert sorted(SHOWN) == [path.stem[:2] for path in LESSONS]


def built(folder: Path) -> Path:
    """As much of a site as the cover needs."""
    worker = folder / "extensions/@jupyterlite/pyodide-kernel-extension/static/comlink.worker.1a.js"
    worker.parent.mkdir(parents=True)
    worker.write_text("work();")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "index.html").write_text('<body class="jp-ThemedContainer" data-notebook="notebooks">')
    (folder / "service-worker.js").write_text("theirs();")
    return folder


def test_the_cover_knows_every_lesson_and_the_worker(tmp_path: Path) -> None:
    pages.cover_notebook(built(tmp_path))
    page = (tmp_path / "notebooks" / "index.html").read_text()
    assert page.count('id="waiting"') == 1 and "comlink.worker.1a.js" in page and "/* " not in page
    assert all(f'"{path.name}"' in page for path in LESSONS)
    assert len(list((tmp_path / "meanwhile").glob("*.html"))) == len(LESSONS)
    assert next(tmp_path.rglob("comlink.worker.*")).read_text() == 'import("../../../../static/pyodide/pyodide.mjs");\nwork();'


@pytest.mark.parametrize("spoil", [lambda site: next(site.rglob("comlink*")).unlink(),
                                   lambda site: (site / "notebooks/index.html").write_text("<body>")])
def test_another_jupyterlite_is_refused(tmp_path: Path, spoil: Any) -> None:
    spoil(built(tmp_path))
    with pytest.raises(LessonError, match="made for another JupyterLite"):
        pages.cover_notebook(tmp_path)


def test_the_list_of_files_changes_with_a_file(tmp_path: Path) -> None:
    theirs = built(tmp_path) / "service-worker.js"
    pages.keep_files(tmp_path)
    before = json.loads((tmp_path / pages.FILES).read_text())
    assert "notebooks/index.html" in before and not {pages.FILES, "service-worker.js"} & before.keys()
    assert theirs.read_text().endswith("theirs();") and 'addEventListener("fetch"' in theirs.read_text()
    (tmp_path / "notebooks" / "index.html").write_text("new")
    theirs.write_text("theirs();")
    (tmp_path / pages.FILES).unlink()
    pages.keep_files(tmp_path)
    after = json.loads((tmp_path / pages.FILES).read_text())
    assert {name for name in after if after[name] != before.get(name)} == {"notebooks/index.html"}


@pytest.fixture
def visitor(play: Any, browser_path: str, tmp_path: Path) -> Iterator[Any]:
    """Somebody whose browser keeps what it fetched."""
    context = play.chromium.launch_persistent_context(tmp_path / "profile", executable_path=browser_path,
                                                      args=["--no-sandbox", NO_NETWORK], viewport={"width": 1366, "height": 768})
    yield context.new_page()
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("through_the_front_page", [True, False])
def test_a_second_visit_needs_no_network(visitor: Any, through_the_front_page: bool) -> None:
    with served() as address:
        if through_the_front_page:
            opened(visitor, address, FIRST)
        else:
            visitor.goto(f"{address}/notebooks/index.html?path={FIRST}")
            ready(visitor, FIRST)
        run_all(visitor)
        wait_until_kept(visitor)
        visitor.goto(address)
        visitor.wait_for_load_state()
    with pytest.raises(OSError, match="refused"):
        urlopen(address)
    visitor.goto("about:blank")
    for name in (FIRST, LESSONS[2].name):  # the second one was never open
        opened(visitor, address, name)
        run_all(visitor)
        assert errors(visitor) == []
        assert visitor.locator("[data-picture][data-ready]").count() > 0
    assert visitor.evaluate(PACKED) == ["yes", "yes"], "Python and its packages are kept unpacked"


@pytest.mark.browser
def test_a_new_version_of_the_site_replaces_the_old_one(visitor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with served() as address:
        pass
    copy = tmp_path / "site"
    copy.mkdir()
    for name in ("service-worker.js", "files.json", "jupyter-lite.json", "icon-120x120.png"):
        shutil.copy(SITE / name, copy / name)
    shutil.copytree(SITE / "pages", copy / "pages")
    (copy / "index.html").write_text((SITE / "index.html").read_text())
    monkeypatch.setattr("tests.course_tools.publish.served_site.SITE", copy)
    with served() as address:
        visitor.goto(address)
        visitor.wait_for_function("navigator.serviceWorker.controller")
        for hour, version in enumerate(("second", "third")):
            changed = (SITE / "index.html").read_text().replace("<h1>Sent Twice", f"<h1>The {version}")
            (copy / "index.html").write_text(changed)
            os.utime(copy / "index.html", (hour * 3600, hour * 3600))  # a server compares seconds
            marks = json.loads((copy / "files.json").read_text())
            (copy / "files.json").write_text(json.dumps({**marks, "index.html": version}))
            visitor.reload()
            assert visitor.locator("h1").inner_text() == f"The {version}, Stored Once"
        kept = "caches.open('sent-twice-files').then(cache => cache.keys()).then(keys => keys.map(key => key.url))"
        assert [url for url in visitor.evaluate(kept) if "index.html" in url] == [f"{address}/index.html?third"]


@pytest.mark.browser
def test_a_bar_and_a_picture_while_python_loads(visitor: Any) -> None:
    with served() as address:
        visitor.goto(f"{address}/notebooks/index.html?path={SECOND}", wait_until="commit")
        picture = visitor.frame_locator("#waiting iframe").locator("[data-picture][data-ready]")
        picture.wait_for(timeout=20_000)
        assert visitor.evaluate(f"{KERNEL} !== 'idle'"), "the picture is there before Python"
        assert visitor.locator("#waiting h1").inner_text() == "2 · One lost ack"
        before = int(picture.get_attribute("data-step"))
        picture.get_by_role("button", name="Previous event").click()
        assert int(picture.get_attribute("data-step")) == before - 1
        seen = [0]
        while seen[-1] < 100:
            seen.append(int(visitor.evaluate(BAR)))
            time.sleep(0.05)
        assert seen == sorted(seen) and len(set(seen)) >= 6, "it moves, and forward only"
        visitor.get_by_role("button", name="Open the lesson").click()  # it stays for somebody who is busy with the picture
        assert visitor.locator("#waiting").count() == 0
        assert visitor.evaluate("jupyterapp.shell.currentWidget.node.contains(document.activeElement)")


@pytest.mark.browser
def test_the_lesson_opens_by_itself_for_somebody_who_waits(visitor: Any) -> None:
    with served() as address:
        opened(visitor, address, SECOND)
        visitor.locator("#waiting").wait_for(state="detached", timeout=5000)
        assert visitor.evaluate("jupyterapp.shell.currentWidget.node.contains(document.activeElement)")
