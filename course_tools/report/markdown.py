"""A report as Markdown. Everything that comes from a copy is shown as text, whatever it holds."""

from __future__ import annotations

import re

from course_tools.report.model import CopyReport, ItemResult, ItemState, shown

SIGNS = {ItemState.RIGHT: "✓", ItemState.WRONG: "✗", ItemState.NOT_ATTEMPTED: "·", ItemState.NOT_CHECKED: "?"}
_SURE = {1: ", a guess", 2: ", fairly sure", 3: ", sure"}


def report(one: CopyReport) -> str:
    """One copy: the figures, what went wrong with it, every item, and the functions that were handed in."""
    parts = [f"# {title(one)}", counts(one)]
    parts += [f"- **{text(error)}**" for error in one.errors]
    parts += [f"- {text(remark)}" for remark in one.remarks]
    if one.results:
        parts += table(("", "item", "kind", "state", "answer", "what the check says"),
                       [_row(r) for r in one.results])
    for item_id, source in one.code.items():
        parts += [f"\n## The function handed in for {item_id}", fenced(source)]
    return "\n".join([*parts[:1], "", *parts[1:]]) + "\n"


def title(one: CopyReport) -> str:
    return text(f"{one.learner}: {one.notebook}" if one.learner else one.notebook)


def counts(one: CopyReport) -> str:
    figures = [f"{number} {state}" for state, number in one.count().items()]
    return f"{', '.join(figures)}, of {len(one.results)}.\n"


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """The lines of a table, with an empty one before."""
    return ["", *(f"| {' | '.join(row)} |" for row in (headings, ("---",) * len(headings), *rows))]


def _row(one: ItemResult) -> tuple[str, ...]:
    answer = f"{code(one.answer)}{_SURE.get(one.confidence, '')}" if one.answer else ""
    return SIGNS[one.state], text(one.id), text(one.kind), one.state, answer, text(one.said)


def text(words: str, longest: int = 400) -> str:
    """Words that are no Markup and stay in one line."""
    words = " ".join(shown(words).split())
    words = words if len(words) <= longest else f"{words[:longest]} …"
    return re.sub(r"([\\`*_\[\]|<>#&~])", r"\\\1", words)


def code(source: str, longest: int = 80) -> str:
    """Source in one line of a table."""
    source = " ".join(shown(source).split())
    source = source if len(source) <= longest else f"{source[:longest]} …"
    fence = "`" * (1 + max(map(len, re.findall("`+", source)), default=0))
    fenced_in = f"{fence} {source} {fence}" if "`" in source else f"`{source}`"
    return fenced_in.replace("|", "\\|")


def fenced(source: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", source)), default=0))
    return f"{fence}python\n{shown(source).rstrip()}\n{fence}"
