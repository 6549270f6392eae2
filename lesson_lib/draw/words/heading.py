"""What stands above a run: the switch that matters, its name where two runs stand together, and the settings in small print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.sheet.style import LANE, LARGE, QUIET, SMALL, line_height, text_width
from lesson_lib.draw.words.faults import script_words, told_apart
from lesson_lib.draw.words.sentences import wrap
from lesson_lib.history import History, Kind

if TYPE_CHECKING:
    from lesson_lib.draw.sheet.canvas import Canvas

LEFT = 12.0
LINE = line_height(LARGE)
CLIENTS = ("kafka-python", "librdkafka", "aiokafka")
_DIFFERENCES = (("world", "{} run"), ("broker", "{}"), ("in_flight", "{} in flight"), ("acks", "acks={}"), ("retries", "retries={}"),
                ("client", "{}"), ("consumer", "{}"), ("faults", "faults: {}"))


def switch(history: History) -> str:
    """Idempotence on or off."""
    return f"idempotence {'on' if history.settings.idempotence else 'off'}"


def small_print(history: History, name: str = "") -> str:
    """The other settings, without the one that the run's name says already."""
    s = history.settings
    if s.by_hand:
        return broker_name(s.broker)
    waits = [] if s.acks == "0" else [f"{s.in_flight} in flight"]  # without answers there is no limit
    reader, named = ([s.consumer] if s.consumer else []), name.lower()
    where = place(history)
    where = where[:-len(named) - 2] if where.lower().endswith(f", {named}") else where
    parts = [f"acks={s.acks}", *waits, *reader, where]
    faults = f"faults: {s.faults or _died(history) or 'none'}"
    said = script_words(s.faults) == named or faults in name
    return "  ·  ".join([*(part for part in parts if part.lower() != named), *([] if said else [faults])])


def _died(history: History) -> str:
    """Who died in a run without a fault script."""
    ends = {Kind.PRODUCER: "killed", Kind.CONSUMER: "crashed"}
    return ", ".join(dict.fromkeys(f"{e.lane} {e.what}" for e in history.of(*ends) if e.what == ends[e.kind]))


def place(history: History) -> str:
    """Which world it was: the client and the broker. A real client on a bare release talked to the embedded broker."""
    s = history.settings
    if s.world != "real":
        return f"{s.world}, {broker_name(s.broker)}"
    return f"real client, {f'embedded broker {s.broker}' if s.broker[:1].isdigit() else s.broker}"


def broker_name(broker: str) -> str:
    """Whose rule decided: a bare release number is Kafka's."""
    return f"Kafka {broker}" if broker[:1].isdigit() else broker


def names_of(histories: Sequence[History]) -> list[str]:
    """What to call two runs: by the first of their settings that differs, else by what was sent. Empty for a single run."""
    if len(histories) == 1:
        return [""]
    if found := differences(histories[0], histories[1]):
        faults = [h.settings.faults for h in histories]
        apart = told_apart(*faults) if found[0][0].startswith("faults: ") else found[0]
        return [_capital(words) for words in apart]
    with_them = [bool(h.of(Kind.TXN)) for h in histories]
    if with_them[0] != with_them[1]:
        return ["With transactions" if has else "Without transactions" for has in with_them]
    batches = [len(h.told) for h in histories]
    return [f"{n} batch{'es' * (n != 1)}" for n in batches] if batches[0] != batches[1] else ["First run", "Second run"]


def differences(one: History, other: History) -> list[tuple[str, str]]:
    """Every setting that differs between two runs, in words, the switch that matters first."""
    return [pair for pair in zip(_in_words(one), _in_words(other), strict=True) if pair[0] != pair[1]]


def _in_words(history: History) -> list[str]:
    values = {field: getattr(history.settings, field) for field, _ in _DIFFERENCES}
    values["broker"] = broker_name(values["broker"])
    values["retries"] = "no limit" if values["retries"] is None else values["retries"]
    values["consumer"] = values["consumer"] or "no consumer"
    return [switch(history), *(form.format("none" if values[field] == "" else values[field]) for field, form in _DIFFERENCES)]


def _capital(text: str) -> str:
    """With a capital letter, but for a client's name, and a setting as it is written in code."""
    as_written = text in CLIENTS or "=" in text.split(" ")[0]
    return text if as_written else text[:1].upper() + text[1:]


def title(history: History, name: str) -> str:
    """A run's name together with the switch."""
    what = "batches made by hand" if history.settings.by_hand else switch(history)
    return name if what in name.lower() else f"{name}, {what}" if name else _capital(what)


def heading_extra(history: History, name: str, width: float) -> float:
    """Pixels that a heading needs besides its first line, on a sheet of that width."""
    bold, small, beside = _heading(history, name, width)
    return (len(bold) - 1 + len(small) - beside) * LINE


def draw_heading(canvas: Canvas, history: History, name: str, y: float) -> None:
    """Title and small print, on one line where they fit, else on as many as they need; nothing is cut."""
    bold, small, beside = _heading(history, name, canvas.width)
    for n, line in enumerate(bold):
        canvas.text(LEFT, y + n * LINE, line, size=LARGE, bold=True, align="left")
    last = y + (len(bold) - 1) * LINE
    for n, line in enumerate(small):
        left = _behind(bold[-1]) if beside else LEFT
        canvas.text(left, last + 0.5 + (n + (not beside)) * LINE, line, colour=QUIET, align="left")


def _heading(history: History, name: str, width: float) -> tuple[list[str], list[str], bool]:
    """The lines of the title, those of the small print, and whether the latter stands behind the former."""
    room, words = 0.95 * (width - 2 * LEFT), small_print(history, name)
    bold = wrap(title(history, name), room, LARGE, True)
    beside = text_width(words) <= 0.95 * (width - LEFT - _behind(bold[-1]))
    return bold, [words] if beside else wrap(words, room, SMALL, False), beside


def _behind(line: str) -> float:
    """Where what follows a line of the title begins: letters on a grid of pixels are a little wider than measured."""
    wide = text_width(line, LARGE, True)
    return LEFT + wide + max(12, 0.05 * wide)


def divide(canvas: Canvas, y: float) -> None:
    """Draw a line between two runs, and remember where it is: where there is little room, each run can be shown alone."""
    canvas.line([(LEFT, y), (canvas.width - LEFT, y)], colour=LANE, width=1.0)
    canvas.divided_at = y
