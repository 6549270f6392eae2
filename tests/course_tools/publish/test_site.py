"""The site in which lessons run in the reader's browser: how it is put together, and one lesson in it where `make site` was run."""

from __future__ import annotations

import gzip
import json
import re
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_tools import site
from course_tools.publish import book, execute, slides
from course_tools.publish.published import published_files
from lesson_lib.errors import LessonError
from lesson_lib.history.link import PAGE, packed, plain
from lesson_lib.sim import simulate
from tests.course_tools.publish.served_site import (
    LESSONS,
    NO_NETWORK,
    SESSIONS,
    Pages,
    errors,
    opened,
    outputs,
    ready,
    run_all,
    served,
    size,
)

MOST_BYTES = 28_500_000  # to all that a first lesson shows; most hosts send less, as they compress
PRINTED = """async (code) => {
    const said = [], future = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.requestExecute({code});
    future.onIOPub = (message) => said.push(message.content.text ?? message.content.evalue ?? '');
    await future.done;
    return said.join('');
}"""


def wheel(folder: Path, name: str, *more: str) -> Path:
    """A wheel with a package."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (f"{name}/__init__.py", f"{name}-1.0.dist-info/METADATA", *more):
            archive.writestr(file, f"text of {file}")
    return path


def test_all_packages_are_in_one_file(tmp_path: Path) -> None:
    site.pack_packages([wheel(tmp_path, "one", "one-1.0.data/share/a"), wheel(tmp_path, "two")], tmp_path / "packed")
    whole = gzip.decompress((tmp_path / "packed").read_bytes())
    at = 4 + int.from_bytes(whole[:4], "little")
    found = {}
    for name, length in json.loads(whole[4:at]).items():
        found[name], at = whole[at:at + length].decode(), at + length
    assert at == len(whole) and found == {name: f"text of {name}" for name in (
        "one/__init__.py", "one-1.0.dist-info/METADATA", "two/__init__.py", "two-1.0.dist-info/METADATA")}


def test_pyodide_is_told_of_no_package(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text('{"info": {"python": "3.14"}, "packages": {"numpy": {}}}')
    site.empty_lock(tmp_path / "lock.json")
    assert json.loads((tmp_path / "lock.json").read_text()) == {"info": {"python": "3.14"}, "packages": {}}


def test_python_is_fetched_compressed_by_whoever_can_unpack_it(tmp_path: Path) -> None:
    (tmp_path / site.WASM).write_bytes(b"\0asm" * 1000)
    (tmp_path / site.LOADER).write_text('let{binary:t,response:n}=_(e+"pyodide.asm.wasm"),i=K();')
    site.pack(tmp_path)
    packed = tmp_path / f"{site.WASM}.packed"
    assert gzip.decompress(packed.read_bytes()) == (tmp_path / site.WASM).read_bytes()
    loader = (tmp_path / site.LOADER).read_text()
    assert loader.startswith('let{binary:t,response:n}=typeof DecompressionStream=="undefined"?_(e+"pyodide.asm.wasm"):{response:fetch(')
    assert f'fetch(e+"{packed.name}")' in loader and loader.endswith("},i=K();")


@pytest.mark.parametrize("loader", ["", '_(e+"pyodide.wasm")', '_(e+"pyodide.asm.wasm");_(e+"pyodide.asm.wasm")'])
def test_a_pyodide_that_loads_otherwise_is_refused(tmp_path: Path, loader: str) -> None:
    (tmp_path / site.WASM).write_bytes(b"")
    (tmp_path / site.LOADER).write_text(loader)
    with pytest.raises(LessonError, match="this one loads pyodide.asm.wasm in another way: unpack that version"):
        site.pack(tmp_path)
    assert (tmp_path / site.LOADER).read_text() == loader


ASKS = "a=!!((null==b?void 0:b.enabled)||crossOriginIsolated)"


def test_the_kernel_waits_until_it_is_known_whether_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "1.js").write_text("let c=1;")
    (tmp_path / "2.js").write_text(f"let {ASKS};")
    site.wait_for_storage(tmp_path)
    assert (tmp_path / "1.js").read_text() == "let c=1;"
    assert (tmp_path / "2.js").read_text() == (
        "let a=!!(crossOriginIsolated||b&&navigator.serviceWorker&&await b.ready.then(()=>true,()=>false));")


@pytest.mark.parametrize("files", [[], ["let a=b.enabled;"], [ASKS, ASKS]])
def test_a_kernel_that_asks_otherwise_is_refused(tmp_path: Path, files: list[str]) -> None:
    for number, text in enumerate(files):
        (tmp_path / f"{number}.js").write_text(text)
    with pytest.raises(LessonError, match="asks in another way whether it can keep files"):
        site.wait_for_storage(tmp_path)


def test_without_npm_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.shutil, "which", lambda name: None)
    with pytest.raises(LessonError, match="install Node.js, or unpack Pyodide"):
        site.main([])


def test_a_folder_with_other_files_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A site replaces the one before it, and nothing else."""
    built: list[Path] = []
    monkeypatch.setattr(site, "build", lambda scratch, folder, *others: built.append(folder))
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LessonError, match="holds something else than a site"):
        site.main([str(tmp_path), "--pyodide", "pyodide"])
    (tmp_path / site.LITE_SETTINGS).touch()
    for folder in (tmp_path, tmp_path / "new" / "one"):
        assert site.main([str(folder), "--pyodide", "pyodide"]) == 0
    assert built == [tmp_path, tmp_path / "new" / "one"]


@pytest.mark.parametrize("command", [book.main, slides.main, lambda argv: site.main([*argv, "--pyodide", "pyodide"])])
def test_a_folder_that_nothing_can_be_written_into_is_said_before_anything_runs(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Callable[[list[str]], int]) -> None:
    monkeypatch.setattr(site, "build", lambda *_: pytest.fail("it was built"))
    monkeypatch.setattr(execute, "run_all", lambda *_: pytest.fail("the lessons were run"))
    (tmp_path / "file").touch()
    for folder in ("/proc/nowhere", tmp_path / "file", tmp_path / "file" / "in it"):
        with pytest.raises(LessonError, match="cannot be written"):
            command([str(folder)])


def test_the_site_opens_what_was_committed(monkeypatch: pytest.MonkeyPatch, own_work: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(site, "NOTEBOOKS", own_work)
    monkeypatch.setattr(site, "published_files", lambda: published_files(own_work))
    site._copy_published(tmp_path / "files")
    assert sorted(p.relative_to(tmp_path / "files").as_posix() for p in (tmp_path / "files").rglob("*") if p.is_file()) == [
        "02-one.ipynb", "a-run.ipynb", "images/a.svg", "incidents.ipynb"]
    assert "SECRET" not in (tmp_path / "files" / "02-one.ipynb").read_text()


@pytest.fixture
def address() -> Iterator[str]:
    """Where the site that `make site` has built is served."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Any]:
    """One that finds no other machine."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox", NO_NETWORK])
        yield browser
        browser.close()


@pytest.fixture
def page(address: str, browser: Any) -> Iterator[Any]:
    """A page of that browser; `page.asked` are the requests that went elsewhere."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.asked = []
    page.context.on("request", lambda one: None if one.url.startswith((address, "data:", "blob:")) else page.asked.append(one.url))
    yield page
    page.context.close()


@pytest.mark.browser
def test_a_lesson_runs_in_the_browser_with_stepping_and_prediction_and_keeps_the_answers(page: Any, address: str) -> None:
    Pages.sent.clear()
    opened(page, address, "02-one-lost-ack.ipynb")
    run_all(page)
    assert 0 < size(Pages.sent) < MOST_BYTES
    shown = outputs(page)
    assert errors(page) == []
    assert sum("in a virtual world" in text for text in shown) == 1
    assert not [text for text in shown if "Left out" in text]
    assert sum("data:image/svg+xml" in text for text in shown) >= 5

    picture = page.locator("[data-picture][data-ready]").first
    picture.scroll_into_view_if_needed()
    before = int(picture.get_attribute("data-step"))
    picture.get_by_role("button", name="Previous event").click()
    assert int(picture.get_attribute("data-step")) == before - 1

    asked = page.locator(".lesson-card[aria-labelledby=question-2-lost-ack]")
    asked.scroll_into_view_if_needed()
    asked.get_by_role("button", name="b m0 m1 m1 m2").click()
    asked.get_by_role("button", name="A guess").click()
    asked.get_by_text("You said b, a guess. Now run the next cell.").wait_for(timeout=60_000)
    page.evaluate(PRINTED, "from lesson_lib import exercise; exercise('2.two-copies').check({2: 'lose request'})")

    opened(page, address, "07-transactions.ipynb")
    told = page.evaluate(PRINTED, "from lesson_lib import progress; print(progress())")
    assert re.search(r"^2.lost-ack +prediction +right +b +1$", told, re.MULTILINE)
    assert re.search(r"^2.two-copies +exercise +wrong", told, re.MULTILINE)
    page.reload()
    ready(page, "07-transactions.ipynb")
    assert page.evaluate(SESSIONS) == ["07-transactions.ipynb"], "a lesson that was open before has not started again"
    assert page.asked == []


FOLDER = "import os; print(os.getcwd())"


def test_the_kernel_of_the_built_site_waits(address: str) -> None:
    extension = site.ROOT / "build" / "site" / "extensions" / "@jupyterlite" / "pyodide-kernel-extension" / "static"
    texts = [path.read_text(encoding="utf-8") for path in extension.glob("*.js")]
    assert sum(".ready.then(()=>true,()=>false)" in text for text in texts) == 1
    assert not [text for text in texts if site.ASKS_FOR_STORAGE.search(text)]


@pytest.mark.browser
def test_files_are_kept_on_every_page_of_a_visit(page: Any, address: str) -> None:
    """On the second one the browser registers anew what keeps them, and the kernel doesn't start before."""
    for lesson in ("01-a-record-an-ack-an-offset.ipynb", "02-one-lost-ack.ipynb", "03-idempotency.ipynb"):
        opened(page, address, lesson)
        assert page.evaluate(PRINTED, FOLDER) == "/drive\n", lesson


@pytest.mark.browser
def test_where_the_browser_keeps_nothing_the_learner_is_told(browser: Any, address: str) -> None:
    page = browser.new_page(service_workers="block")
    opened(page, address, "02-one-lost-ack.ipynb")
    told = page.evaluate(PRINTED, "from lesson_lib import exercise; exercise('2.two-copies').check({2: 'lose request'})")
    page.context.close()
    assert "Your browser keeps nothing for this page, as in a private window" in told


@pytest.mark.browser
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_run_all(page: Any, address: str, lesson: Path) -> None:
    opened(page, address, lesson.name)
    run_all(page)
    assert errors(page) == [] and page.asked == []
    assert any("in a virtual world" in text for text in outputs(page))


def test_a_browser_that_asks_for_an_icon_by_its_usual_name_gets_one(address: str) -> None:
    with urllib.request.urlopen(f"{address}/favicon.ico") as answer:
        assert answer.status == 200 and answer.read(4) == b"\0\0\1\0"


def test_no_page_of_the_built_site_runs_the_code_of_an_address(address: str) -> None:
    assert (site.ROOT / "build" / "site" / PAGE).is_file() and not (site.ROOT / "build" / "site" / "repl").exists()


OPENED = "() => document.querySelector('iframe')?.contentDocument.querySelector('[data-picture][data-ready]')"


@pytest.mark.browser
def test_a_link_opens_its_run_with_a_playground_and_its_button_copies_a_link(page: Any, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/{PAGE}#simulate(3,faults=%7B2:'lose+ack'%7D,idempotence=False)")
    page.wait_for_function(OPENED, timeout=180_000)
    run = page.frame_locator("iframe")
    run.get_by_role("button", name="Copy link").first.click()
    run.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    run.get_by_role("button", name="Answer to request 2").click()
    run.get_by_role("menuitemradio", name="arrives").click()
    run.get_by_text("Log: m0 m1 m2.").wait_for()
    run.locator(".link").click()
    run.get_by_text("Copied.", exact=False).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{address}/{PAGE}#simulate(3,idempotence=False)"
    assert page.asked == []


@pytest.mark.browser
def test_somebodys_rule_is_text_until_it_is_run(page: Any, address: str) -> None:
    code = "def accept(batch, memory):\n    # <img src=x onerror=alert(1)>\n    return True"
    page.goto(f"{address}/{PAGE}#{packed(f'simulate(2, faults={{1: {chr(39)}lose ack{chr(39)}}}, rule=as_rule({code!r}))')}")
    run = page.frame_locator("iframe")
    run.get_by_text("This code is somebody else's").wait_for(timeout=180_000)
    run.get_by_text("# <img src=x onerror=alert(1)>").first.wait_for()
    assert run.locator("img[src=x]").count() == run.locator("[data-picture]").count() == 0
    run.get_by_role("button", name="Run it").click()
    page.wait_for_function(OPENED)
    assert page.asked == []


@pytest.mark.browser
@pytest.mark.parametrize(("text", "said"), [
    ("", "This address holds no run."), ("simulate(3,faults=%7B2:'lose", "This link is broken."), ("%E0%A4%A", "This link is broken."),
    ("z.", "This link is broken."), ("<img src=x onerror=alert(1)>", "This link is broken."), ("(" * 5000, "This link is broken.")])
def test_a_broken_link_says_so_and_loads_no_python(page: Any, address: str, text: str, said: str) -> None:
    page.goto(f"{address}/{PAGE}#{text}")
    page.get_by_role("status").get_by_text(said).wait_for()
    assert page.locator("iframe, img").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("value", [":(", "it's :)", '"(', "\\("])
def test_brackets_and_quotes_in_a_value_break_nothing(page: Any, address: str, value: str) -> None:
    page.goto(f"{address}/{PAGE}#{plain(simulate([value]).call)}")
    page.get_by_role("status").get_by_text("Python is loading").wait_for()


@pytest.mark.browser
def test_what_looks_whole_and_is_not_is_a_sentence_in_the_notebook(page: Any, address: str) -> None:
    page.goto(f"{address}/{PAGE}#exec('import os')")
    page.frame_locator("iframe").get_by_text("This link is broken. Perhaps a part of it is missing").wait_for(timeout=180_000)
