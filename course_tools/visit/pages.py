"""Puts into the site that JupyterLite has built what a visitor meets beside it."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from pathlib import Path

from bs4 import BeautifulSoup, Comment
from nbconvert.filters.markdown import markdown2html

from course_tools.publish import incidents
from course_tools.publish.published import NOTEBOOKS, ROOT, as_published, heading, lessons
from course_tools.publish.slides import address
from course_tools.visit.shown import INCIDENTS, SHOWN, TEXTS, Shown
from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.teach.playground import page_part

HERE = Path(__file__).parent
LOADER, RENAMED, PACKAGES = "pyodide.mjs", "loader.mjs", "packages.packed"
FILES = "files.json"
# What Python begins with, fetched when somebody reaches for a lesson.
BEGINS_WITH = (RENAMED, LOADER, "pyodide.asm.mjs", "pyodide.asm.wasm.packed", "python_stdlib.zip", PACKAGES,
               "pyodide-lock.json")
MEGABYTES = 22  # to the first lesson; `make bench BENCH_ARGS=site` measures it
BOOK = ROOT / "build" / "book"
TEXT_FOLDER = "pages"  # of the site
MINUTES = re.compile(r"about (\d+) minutes(?:, plus (\d+) for the exercises)?")


def add_pages(site: Path) -> None:
    """The front page, what is shown while a lesson loads, and the list of what a browser keeps."""
    if (BOOK / "index.html").is_file():
        shutil.copytree(BOOK, site / "book")
    cover_notebook(site)
    (site / TEXT_FOLDER).mkdir()
    for name in TEXTS:
        text = text_page(NOTEBOOKS / name, set(TEXTS))
        (site / TEXT_FOLDER / name).with_suffix(".html").write_text(text, encoding="utf-8")
    (site / "index.html").write_text(front_page(site), encoding="utf-8")
    shutil.copy(site / "static" / "favicons" / "favicon.ico", site)  # browsers ask for it by that name
    keep_files(site)


def text_page(source: Path, known: set[str]) -> str:
    """A text of the notebooks' folder as plain HTML, which is there at once, without JupyterLab; `known` are
    the names of those that the site has.
    """
    body = BeautifulSoup(markdown2html(as_published(source).decode()), "html.parser")
    for comment in body.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for mark in body.select(".anchor-link"):
        mark.extract()
    for head in body.find_all(re.compile("h[1-6]")):  # for the links in the text
        head["id"] = address(head.get_text())
    for link in body.find_all("a", href=True):
        if (there := _target(link["href"], known)) is None:
            link.unwrap()
        else:
            link["href"] = there
    for table in body.find_all("table"):
        table.wrap(body.new_tag("div", attrs={"class": "table", "tabindex": "0"}))
    for block in body.find_all("pre"):
        block["tabindex"] = "0"
    title = html.escape(body.find("h1").get_text())
    template = (HERE / "text.html").read_text(encoding="utf-8")
    return template.replace("<!-- title -->", title).replace("<!-- text -->", str(body))


def _target(link: str, known: set[str]) -> str | None:
    """Where a link leads on the site; None for what is in the repository only."""
    path, _, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    if path == incidents.PAGE.name or path.endswith(".ipynb") and (NOTEBOOKS / path).is_file():
        return f"../notebooks/index.html?path={Path(path).stem}.ipynb"
    return f"{Path(path).stem}.html{'#' if anchor else ''}{anchor}" if path in known else None


def begin_early(pyodide: Path, environment: dict[str, str]) -> None:
    """Put `early.mjs` in the place of Pyodide's loader, which it uses under another name."""
    (pyodide / LOADER).rename(pyodide / RENAMED)
    size = sum(path.stat().st_size for path in pyodide.iterdir() if path.suffix in (".packed", ".zip"))
    text = (HERE / "early.mjs").read_text(encoding="utf-8")
    text = text.replace("/* environment */ {}", json.dumps(environment))
    (pyodide / LOADER).write_text(text.replace("/* bytes */ 1", str(size)), encoding="utf-8")


def cover_notebook(site: Path) -> None:
    """Lay a page with a bar and a picture over JupyterLite's own for one notebook, and let Python begin.

    LessonError for a JupyterLite whose page or worker can't be found.
    """
    page = site / "notebooks" / "index.html"
    body = '<body class="jp-ThemedContainer" data-notebook="notebooks">'
    workers = list(site.glob("extensions/@jupyterlite/pyodide-kernel-extension/static/comlink.worker.*.js"))
    if len(workers) != 1 or page.read_text(encoding="utf-8").count(body) != 1:
        raise LessonError("The site is made for another JupyterLite: see cover_notebook in "
                          "course_tools/visit/pages.py.")
    text = workers[0].read_text(encoding="utf-8")
    workers[0].write_text(f'import("../../../../static/pyodide/{LOADER}");\n{text}', encoding="utf-8")
    (site / "meanwhile").mkdir()
    known = {}
    for path in lessons():
        shown, picture = SHOWN[path.stem[:2]], f"meanwhile/{path.stem[:2]}.html"
        (site / picture).write_text(picture_page(shown), encoding="utf-8")
        title = heading(json.loads(as_published(path)))
        known[path.name] = {"title": title, "caption": shown.caption, "picture": picture}
    cover = (HERE / "waiting.html").read_text(encoding="utf-8")
    cover = cover.replace("/* lessons */ {}", json.dumps(known).replace("<", "\\u003c"))
    cover = cover.replace("/* worker */", f"../{workers[0].relative_to(site).as_posix()}")
    page.write_text(page.read_text(encoding="utf-8").replace(body, body + cover), encoding="utf-8")


def keep_files(site: Path) -> None:
    """Let the browser keep what it fetches: `offline.js`, and a list with a mark of each file's content."""
    worker = site / "service-worker.js"
    parts = [path.read_text(encoding="utf-8") for path in (HERE / "offline.js", worker)]
    worker.write_text("\n".join(parts), encoding="utf-8")
    files = sorted(path for path in site.rglob("*") if path.is_file() and path != worker)
    marks = {path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
             for path in files}
    (site / FILES).write_text(json.dumps(marks, indent=0), encoding="utf-8")


def picture_page(shown: Shown) -> str:
    """The run drawn, to step through, alone on a page that stands in another."""
    return ('<!doctype html>\n<html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(shown.caption)}</title>"
            "<style>body{margin:0;font:16px/1.5 system-ui,sans-serif}</style>"
            f"{show(shown.run.run()).html()}</html>\n")


def front_page(site: Path) -> str:
    """The page with the picture that one touches, and a card for each lesson, each text and the book."""
    opened = "notebooks/index.html?path="
    cards = [_lesson_card(opened, path) for path in lessons()]
    more = [_card(f"{opened}{incidents.PAGE.stem}.ipynb", "Incidents", INCIDENTS)]
    more += [_card(f"{TEXT_FOLDER}/{Path(name).stem}.html", *told) for name, told in TEXTS.items()]
    if (site / "book").is_dir():
        more.append(_card("book/index.html", "The book", "All lessons as pages to read, with a search."))
    begins = [f"static/pyodide/{name}" for name in BEGINS_WITH]
    page = (HERE / "front.html").read_text(encoding="utf-8")
    for name, text in {"first": f"{opened}{lessons()[0].name}", "lessons": "\n".join(cards),
                       "more": "\n".join(more), "begins": json.dumps(begins), "size": str(MEGABYTES),
                       "touch": page_part()}.items():
        page = page.replace(f"<!-- {name} -->", text)
    return page


def _lesson_card(opened: str, path: Path) -> str:
    notebook = json.loads(as_published(path))
    minutes = MINUTES.search("".join(notebook["cells"][0]["source"]))
    if not minutes:
        raise LessonError(f"{path.name} doesn't say in its first cell how many minutes it takes.")
    takes = f"{minutes[1]} minutes" + (f", and {minutes[2]} for the exercises" if minutes[2] else "")
    return _card(f"{opened}{path.name}", heading(notebook), SHOWN[path.stem[:2]].does, takes)


def _card(leads_to: str, title: str, does: str, takes: str = "") -> str:
    last = f'<p class="quiet">{takes}</p>' if takes else ""
    head = f'<h3><a href="{leads_to}">{html.escape(title)}</a></h3>'
    return f"<li>{head}<p>{html.escape(does)}</p>{last}</li>"
