"""The picture of a run, under one line that holds the prediction against it."""

from __future__ import annotations

from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.history import History, Kind, Settings
from lesson_lib.teach import store
from lesson_lib.teach.ask import Asked, sure_words
from lesson_lib.teach.message import Message, Outcome


def reveal(run: History, predict: Asked, control: History | None = None, layout: str | None = None) -> Message:
    """The prediction beside what happened, then the picture; with `control`, both runs on one axis.

    `layout` is lanes, space-time or arrivals, as in `show`. LessonError when `predict` is no question.
    """
    if not isinstance(predict, Asked):
        raise LessonError('reveal takes the run and the question, as in reveal(run, predict) after predict = question("...").')
    return Message(*_line(predict, _runs(run, predict, control)), _picture(run, control, layout))


def _runs(run: History, predict: Asked, control: History | None) -> tuple[History, ...]:
    """The runs that the question's options are about."""
    if predict.item.control is None:
        return (run,)
    if control is None:
        raise LessonError(f"The question {predict.item.id} compares two runs: reveal(run, predict, control=the_other_run).")
    return (run, control)


def _is_about(predict: Asked, runs: tuple[History, ...]) -> bool:
    """Whether these are the runs that the question asks about: a cell further up may have been run again in between."""
    if predict.item.live:
        return all(run.settings.world != "simulated" for run in runs)
    return all(_what_was_tried(asked) == _what_was_tried(run) for asked, run in zip(predict.item.runs(), runs, strict=True))


def _what_was_tried(run: History) -> tuple[Settings, frozenset[tuple[str, ...]]]:
    return run.settings, frozenset(event.values for event in run.of(Kind.SEND))


def _line(predict: Asked, runs: tuple[History, ...]) -> tuple[Outcome, str]:
    if predict.item.scenario is not None and not _is_about(predict, runs):
        return Outcome.INFO, (f"This run is not the one that {predict.item.id} asks about, so nothing is judged; "
                              "run the cell under that question.")
    item, right, key = predict.item, predict.item.truth(*runs), predict.given
    shown = "None of the options describes this run."
    if right:  # the conclusion comes out of the run: as a text cell it would stand beside the question, to be read before it
        shown = f"The run shows {right}: {item.option(right).sentence} {item.explanation}"
    if not key:
        return Outcome.NOT_ATTEMPTED, f"You looked without predicting ({item.id} was skipped). {shown}"
    sure = sure_words(store.entries(item.id)[-1])
    said = f"You predicted {key}{f' ({sure})' if sure else ''}"
    if key == right or not right:
        return (Outcome.RIGHT if key == right else Outcome.INFO), f"{said}. {shown}"
    option = item.option(key)
    against = option.contradiction(*runs)
    return Outcome.WRONG, " ".join(filter(None, (f"{said}: {option.sentence}", against and f"But {against}", shown)))


def _picture(run: History, control: History | None, layout: str | None) -> Any:
    from lesson_lib.draw import compare, show
    named = {} if layout is None else {"layout": layout}
    return show(run, **named) if control is None else compare(run, control, **named)
