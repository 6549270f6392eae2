"""The sentences of a picture: its heading, its last line, and one sentence for each event. All from the history alone."""

from __future__ import annotations

from lesson_lib.draw.style import NORMAL, text_width
from lesson_lib.history import History


def caption(history: History) -> tuple[str, str]:
    """What stands above a run: the switch that matters, and the rest in small print."""
    s = history.settings
    rest = [f"acks={s.acks}", f"{s.in_flight} in flight", f"{s.world}, rule of Kafka {s.broker}", f"faults: {s.faults or 'none'}"]
    return f"idempotence {'on' if s.idempotence else 'off'}", "  ·  ".join(rest)


def ending(history: History, width: float) -> list[str]:
    """Lines below a run: the log and the anomalies, each line within `width` pixels."""
    logs = [" ".join(c.value if c.kind == "data" else c.kind.upper() for c in cells) or "nothing" for cells in history.logs.values()]
    found = history.anomalies
    wrong = " ".join(f"{a.name.capitalize()}: {a.sentence}" for a in found[:2]) + (f" And {len(found) - 2} more." if found[2:] else "")
    first = f"The log holds {logs[0]}. " if len(logs) == 1 else ""
    return wrap(first + (wrong or "No anomaly."), width)


def wrap(text: str, width: float, size: float = NORMAL, bold: bool = True) -> list[str]:
    """Break a text into lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size, bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
