"""What stands above a run: the switch that matters, its name where two runs stand together, and the settings in small print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesson_lib.draw.style import LARGE, QUIET, SMALL, text_width
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
    parts = (f"acks={s.acks}", f"{s.in_flight} in flight", f"{s.world}, {broker_name(s.broker)}", f"faults: {s.faults or 'none'}")
    return "  ·  ".join(parts)


def broker_name(broker: str) -> str:
    """Whose rule decided: a bare release number is Kafka's."""
    return f"Kafka {broker}" if broker[:1].isdigit() else broker


def names_of(histories: Sequence[History]) -> list[str]:
    """What to call two runs: by the first of their settings that differs. Empty for a single run."""
    if len(histories) == 1:
        return [""]
    if histories[0].settings.idempotence != histories[1].settings.idempotence:
        return [_capital(switch(h)) for h in histories]
    for field, form in _DIFFERENCES:
        values = [str(getattr(h.settings, field)) for h in histories]
        if values[0] != values[1]:
            return [_capital(form.format(broker_name(v) if field == "broker" else v or "none")) for v in values]
    with_them = [bool(h.of(Kind.TXN)) for h in histories]
    if with_them[0] != with_them[1]:
        return ["With transactions" if has else "Without transactions" for has in with_them]
    return ["First run", "Second run"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def title(history: History, name: str) -> str:
    """A run's name together with the switch."""
    return name if name.lower().startswith("idempotence") else f"{name}, {switch(history)}" if name else _capital(switch(history))


def draw_heading(canvas: Canvas, history: History, name: str, y: float) -> None:
    """Write both, the small print cut where the sheet ends."""
    bold = fitted(title(history, name), canvas.width / 2, LARGE, True)
    canvas.text(LEFT, y, bold, size=LARGE, bold=True, align="left")
    left = LEFT + text_width(bold, LARGE, True) + 12
    canvas.text(left, y + 0.5, fitted(small_print(history), 0.95 * (canvas.width - LEFT - left)), colour=QUIET, align="left")


def fitted(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    while text and text_width(text, size, bold) > width:
        text = text[:-2].rstrip() + "…"
    return text
