"""What a class learned, by its answers to the two forms: how many were right before, after and later, the
gain with an interval, and which beliefs stayed.

The gain is Hake's: of what the class had wrong before, the share that it has right afterwards, over the
learners who answered both forms and the questions that they answered in both. The interval resamples those
learners. Neither says what the lessons did: there is no group without them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from course_tools.report.formats import table
from course_tools.report.model import CopyReport
from lesson_lib.teach.concepts import SITTINGS, Answers, said_to
from lesson_lib.teach.lessons.concept_questions import CONCEPTS, Concept

HEADING = "## What the class learned"
DRAWS, SEED = 2000, 1
FEWEST = 2  # learners for an interval
NONE = ("Nobody's answers to the two forms are here. They are in the `.progress` folder beside the "
        "notebooks, so collect that too.")
Learner = dict[str, Answers]  # by sitting


class BothForms(NamedTuple):
    """What one learner answered in both forms: so many questions, right before, right after."""

    asked: int
    before: int
    after: int


def learned(reports: Iterable[CopyReport]) -> list[str]:
    """The section, as lines of Markdown."""
    by_name: dict[str, Learner] = {}
    for report in reports:  # of two answers to one question the first counts
        mine = by_name.setdefault(report.learner or report.notebook, {sitting: {} for sitting in SITTINGS})
        for sitting, answers in report.forms.items():
            mine[sitting] = {**answers, **mine[sitting]}
    learners = [one for one in by_name.values() if any(one.values())]
    if not learners:
        return ["", HEADING, "", NONE]
    answered = ", ".join(f"{sum(bool(one[sitting]) for one in learners)} {sitting}" for sitting in SITTINGS)
    head = ("belief", *(f"right {sitting}" for sitting in SITTINGS), "of those with both", "gain",
            "wrong before and after")
    return ["", HEADING, "", f"Learners who answered a form: {answered}.",
            in_words(list(map(matched, learners))), *table(head, (_row(one, learners) for one in CONCEPTS))]


def _right(concept: Concept, sitting: str, learner: Learner) -> bool:
    return not said_to(concept, sitting, learner[sitting][concept.id])


def matched(learner: Learner, concepts: Sequence[Concept] = CONCEPTS) -> BothForms:
    """What a learner answered in both forms."""
    both = [one for one in concepts if one.id in learner["before"] and one.id in learner["after"]]
    return BothForms(len(both), *(sum(_right(one, form, learner) for one in both)
                                  for form in ("before", "after")))


def gain(learners: Sequence[BothForms]) -> float | None:
    """(after - before) / (1 - before), of what they answered in both forms; None where all was right before,
    or nothing was answered twice.
    """
    asked, before, after = map(sum, zip((0, 0, 0), *learners, strict=True))
    return (after - before) / (asked - before) if asked > before else None


def interval(learners: Sequence[BothForms]) -> tuple[float, float] | None:
    """The middle 95 % of the gains of classes drawn from this one, the same each time; None where there are
    too few learners for it, or many of those classes have no gain.
    """
    if len(learners) < FEWEST:
        return None
    chance = random.Random(SEED)
    drawn = (gain(chance.choices(learners, k=len(learners))) for _ in range(DRAWS))
    gains = sorted(one for one in drawn if one is not None)
    if len(gains) < DRAWS * 0.95:
        return None
    return gains[round(len(gains) * 0.025)], gains[round(len(gains) * 0.975) - 1]


def in_words(learners: Sequence[BothForms]) -> str:
    """The gain of the class, as a sentence or two."""
    both = [one for one in learners if one.asked]
    if not both:
        return "Nobody answered a question in both forms, so there's no gain to measure."
    asked, before, after = map(sum, zip(*both, strict=True))
    said = (f"{len(both)} learner{'s' * (len(both) != 1)} answered in both forms. Of {asked} "
            f"pair{'s' * (asked != 1)} of answers {before} were right before, {after} after.")
    found, around = gain(both), interval(both)
    if found is None:
        return f"{said} All was right before, so there's no gain to measure."
    width = (f"95 % interval {around[0]:+.2f} to {around[1]:+.2f}, by resampling the learners" if around
             else "too few learners for an interval")
    return f"{said} Normalised gain {found:+.2f} ({width})."


def _row(concept: Concept, learners: Sequence[Learner]) -> tuple[str, ...]:
    """A belief: right of those who answered, by sitting; those who answered both; their gain; the
    ideas afterwards of those who were wrong both times.
    """
    both = [one for one in (matched(learner, [concept]) for learner in learners) if one.asked]
    found = gain(both)
    _, before, after = map(sum, zip((0, 0, 0), *both, strict=True))
    moved = f"{before} → {after} of {len(both)}" if both else ""
    stayed = Counter(said_to(concept, "after", learner["after"][concept.id]) for learner in learners
                     if matched(learner, [concept]) == BothForms(1, 0, 0))
    ideas = ", ".join(f"{idea} ({number})" for idea, number in stayed.most_common())
    return (concept.belief, *(_share(concept, sitting, learners) for sitting in SITTINGS), moved,
            "" if found is None else f"{found:+.2f}", ideas)


def _share(concept: Concept, sitting: str, learners: Sequence[Learner]) -> str:
    answered = [_right(concept, sitting, one) for one in learners if concept.id in one[sitting]]
    return f"{sum(answered)} of {len(answered)}" if answered else ""
