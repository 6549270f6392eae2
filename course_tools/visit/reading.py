"""The texts of the course as pages of the site: plain HTML that is there at once, without JupyterLab."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Comment
from nbconvert.filters.markdown import markdown2html

from course_tools.publish import incidents
from course_tools.publish.published import NOTEBOOKS, as_published

FOLDER = "pages"  # of the site
TEMPLATE = Path(__file__).with_name("text.html")


def page(source: Path, known: set[str]) -> str:
    """A text of the notebooks' folder as a page; `known` are the names of those that the site has."""
    body = BeautifulSoup(markdown2html(as_published(source).decode()), "html.parser")
    for comment in body.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for mark in body.select(".anchor-link"):
        mark.extract()
    for heading in body.find_all(re.compile("h[1-6]")):  # as GitHub names them, for the links in the text
        heading["id"] = re.sub(r"[^\w\- ]", "", heading.get_text().lower()).replace(" ", "-")
    for link in body.find_all("a", href=True):
        if (there := _target(link["href"], known)) is None:
            link.unwrap()
        else:
            link["href"] = there
    for table in body.find_all("table"):
        table.wrap(body.new_tag("div", attrs={"class": "table", "tabindex": "0"}))
    for block in body.find_all("pre"):
        block["tabindex"] = "0"
    title = escape(body.find("h1").get_text())
    template = TEMPLATE.read_text(encoding="utf-8")
    return template.replace("<!-- title -->", title).replace("<!-- text -->", str(body))


def _target(link: str, known: set[str]) -> str | None:
    """Where a link leads on the site; None for what is in the repository only."""
    path, _, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    if path == incidents.PAGE.name or path.endswith(".ipynb") and (NOTEBOOKS / path).is_file():
        return f"../notebooks/index.html?path={Path(path).stem}.ipynb"
    return f"{Path(path).stem}.html{'#' if anchor else ''}{anchor}" if path in known else None
