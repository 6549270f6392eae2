"""What stands above a run: the switch that matters, its name where two runs stand together, and the settings in small print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.style import LANE, LARGE, QUIET, SMALL, text_width
from lesson_lib.history import History, Kind

if TYPE_CHECKING:
    from lesson_lib.draw.canvas import Canvas

LEFT = 12.0
_DIFFERENCES = (("world", "{} run"), ("broker", "{}"), ("in_flight", "{} in flight"), ("acks", "acks={}"), ("retries", "retries={}"),
                ("client", "{}"), ("faults", "faults: {}"))


def switch(history: History) -> str:
    """Idempotence on or off."""
    return f"idempotence {'on' if history.settings.idempotence else 'off'}"


def small_print(history: History) -> str:
    """The other settings."""
    s = history.settings
    waits = [] if s.acks == "0" else [f"{s.in_flight} in flight"]  # without answers there is no limit
    parts = (f"acks={s.acks}", *waits, place(history), f"faults: {s.faults or _died(history) or 'none'}")
    return "  ·  ".join(parts)


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
    """What to call two runs: by the first of their settings that differs. Empty for a single run."""
    if len(histories) == 1:
        return [""]
    if found := differences(histories[0], histories[1]):
        return [_capital(words) for words in found[0]]
    with_them = [bool(h.of(Kind.TXN)) for h in histories]
    if with_them[0] != with_them[1]:
        return ["With transactions" if has else "Without transactions" for has in with_them]
    return ["First run", "Second run"]


def differences(one: History, other: History) -> list[tuple[str, str]]:
    """Every setting that differs between two runs, in words, the switch that matters first."""
    return [pair for pair in zip(_in_words(one), _in_words(other), strict=True) if pair[0] != pair[1]]


def _in_words(history: History) -> list[str]:
    values = {field: getattr(history.settings, field) for field, _ in _DIFFERENCES}
    values["broker"] = broker_name(values["broker"])
    values["retries"] = "no limit" if values["retries"] is None else values["retries"]
    return [switch(history), *(form.format("none" if values[field] == "" else values[field]) for field, form in _DIFFERENCES)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def title(history: History, name: str) -> str:
    """A run's name together with the switch."""
    return name if "idempotence o" in name.lower() else f"{name}, {switch(history)}" if name else _capital(switch(history))


def draw_heading(canvas: Canvas, history: History, name: str, y: float) -> None:
    """Write both, the small print cut where the sheet ends."""
    bold = fitted(title(history, name), 0.6 * canvas.width, LARGE, True)
    canvas.text(LEFT, y, bold, size=LARGE, bold=True, align="left")
    wide = text_width(bold, LARGE, True)
    left = LEFT + wide + max(12, 0.05 * wide)  # letters on a grid of pixels are a little wider than measured
    canvas.text(left, y + 0.5, fitted(small_print(history), 0.95 * (canvas.width - LEFT - left)), colour=QUIET, align="left")


def divide(canvas: Canvas, y: float) -> None:
    """Draw a line between two runs, and remember where it is: where there is little room, each run can be shown alone."""
    canvas.line([(LEFT, y), (canvas.width - LEFT, y)], colour=LANE, width=1.0)
    canvas.divided_at = y


def fitted(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    while text and text_width(text, size, bold) > width:
        text = text[:-2].rstrip() + "…"
    return text
