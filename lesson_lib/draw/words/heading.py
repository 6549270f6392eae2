"""What stands above and below a run: its name, the switch that matters, its settings in small print; and what it came to.

A fault script is told in words here: `2: lose ack` is "ack lost at attempt 2".
"""

from __future__ import annotations

from collections.abc import Sequence

from lesson_lib.draw.sheet.canvas import Canvas, line_height, text_width
from lesson_lib.draw.sheet.style import LARGE, MARGIN, NORMAL, QUIET, SMALL
from lesson_lib.errors import LessonError
from lesson_lib.faults import FaultScript, Rule, parse_script
from lesson_lib.history import History, Kind, LogCell
from lesson_lib.history.story import recognised, subject, verdict_on

MANY = 24  # records that one still reads one by one
LINE = line_height(LARGE)
CLIENTS = ("kafka-python", "librdkafka", "aiokafka")
_DIFFERENCES = (("world", "{} run"), ("broker", "{}"), ("in_flight", "{} in flight"), ("acks", "acks={}"),
                ("retries", "retries={}"), ("client", "{}"), ("consumer", "{}"), ("faults", "faults: {}"))


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


class Heading:
    """Title and small print, on one line where they fit, else on as many as they need; nothing is cut.

    `behind` says what stands pale behind the run. `height` is in pixels.
    """

    def __init__(self, history: History, name: str, width: float, behind: str = "") -> None:
        room = 0.95 * (width - 2 * MARGIN)
        words = "  ·  ".join(filter(None, (small_print(history, name), behind)))
        self.bold = wrap(title(history, name), room, LARGE, True)
        # Letters on a grid of pixels are a little wider than measured.
        self.after = MARGIN + max(1.05 * text_width(self.bold[-1], LARGE, True), text_width(self.bold[-1], LARGE, True) + 12)
        self.beside = text_width(words) <= 0.95 * (width - MARGIN - self.after)
        self.small = [words] if self.beside else wrap(words, room, SMALL, False)
        self.height = 30 + (len(self.bold) - 1 + len(self.small) - self.beside) * LINE

    def draw(self, canvas: Canvas, top: float) -> None:
        """Write it below `top`."""
        y = top + 13
        for n, line in enumerate(self.bold):
            canvas.text(MARGIN, y + n * LINE, line, size=LARGE, bold=True, align="left")
        last = y + (len(self.bold) - 1) * LINE
        for n, line in enumerate(self.small):
            left = self.after if self.beside else MARGIN
            canvas.text(left, last + 0.5 + (n + (not self.beside)) * LINE, line, colour=QUIET, align="left")


class Ending:
    """What a run came to: the log and the anomalies, in bold lines as long as there is room. `height` is in pixels."""

    def __init__(self, history: History, width: float) -> None:
        logs = [_contents(cells) for cells in history.logs.values()]
        first = f"The log holds {logs[0]}. " if len(logs) == 1 else ""
        calm = " ".join(filter(None, (recognised(history), verdict_on(history))))
        self.lines = wrap(first + (_wrong(history) or calm) + _handed(history), 0.95 * width - 2 * MARGIN)
        self.height = 6 + len(self.lines) * line_height(NORMAL)

    def draw(self, canvas: Canvas, top: float) -> None:
        """Write it below `top`."""
        for n, line in enumerate(self.lines):
            canvas.text(MARGIN, top + 9 + n * line_height(NORMAL), line, size=NORMAL, bold=True, align="left")


_PLAIN = {"nonmonotonic poll": "read again (nonmonotonic poll)", "poll skip": "passed over (poll skip)"}


def _wrong(history: History) -> str:
    """The anomalies by name; of several alike the first, and how many more there are."""
    named: dict[str, list[str]] = {}
    for anomaly in history.anomalies:
        named.setdefault(anomaly.name, []).append(anomaly.sentence)
    return " ".join(f"{_PLAIN.get(name, name).capitalize()}: {first}" + f" And {len(more)} more of these." * bool(more)
                    for name, (first, *more) in named.items())


def _handed(history: History) -> str:
    """What each consumer was handed, where there are several to tell apart."""
    reads: dict[str, list[str]] = {}
    for event in history.of(Kind.READ):
        reads.setdefault(event.lane, []).extend(event.values)
    if len({event.lane for event in history.of(Kind.READ, Kind.POLL)}) < 2:
        return ""
    return "".join(f" {subject(lane)} was handed {' '.join(values[:MANY])}." for lane, values in reads.items())


def _contents(cells: Sequence[LogCell]) -> str:
    words = [c.value if c.kind == "data" else c.kind.upper() for c in cells]
    return f"{len(words)} records" if len(words) > MANY else " ".join(words) or "nothing"


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


_AT = {"deliver": "nothing wrong", "lose request": "request lost", "lose ack": "ack lost",
       "lose request silently": "request lost silently", "lose ack silently": "ack lost silently",
       "refuse": "refused with {}", "store and answer": "stored and answered {}",
       "repeat": "request repeated", "delay": "answer {} ms late", "cut": "cut with {} handled and {} answered",
       "kill producer": "producer killed"}
_BEFORE = {"restart broker": "broker restarted", "crash broker": "broker crashed", "fail over": "broker failed over",
           "forget idle ids": "ids forgotten"}


def rule_words(rule: Rule) -> str:
    """One line of a script: what goes wrong, and at which attempt."""
    name = rule.fault.name
    if rule.first == 1 and rule.last is None and name.startswith("lose"):
        return f"every {_AT[name]}"
    what = (_AT | _BEFORE)[name].format(*rule.fault.numbers)
    return f"{what} {'before' if name in _BEFORE else 'at'} {_span(rule)}"


def _span(rule: Rule) -> str:
    if rule.last is None:
        return "every attempt" if rule.first == 1 else f"attempt {rule.first} and all later ones"
    return f"attempt {rule.first}" if rule.first == rule.last else f"attempts {rule.first} to {rule.last}"


def script_words(script: str) -> str:
    """A whole script; "no fault" for an empty one, and as it is where it is none that can be run."""
    parsed = _parsed(script)
    return f"faults: {script}" if parsed is None else _listed(parsed.rules) or "no fault"


def told_apart(one: str, other: str) -> tuple[str, str]:
    """What to call two runs with different scripts: by the lines that only one of them has."""
    left, right = _parsed(one), _parsed(other)
    if left is None or right is None:
        return script_words(one), script_words(other)
    first, second = ([rule for rule in mine.rules if rule not in theirs.rules] for mine, theirs in ((left, right), (right, left)))
    return _listed(first) or _only(one), _listed(second) or _only(other)


def _only(script: str) -> str:
    """All that this run has, the other one has too."""
    return f"only {script_words(script)}" if script else script_words(script)


def _listed(rules: list[Rule] | tuple[Rule, ...]) -> str:
    return ", ".join(map(rule_words, rules))


def _parsed(script: str) -> FaultScript | None:
    try:
        return parse_script(script)
    except LessonError:  # a path of the explorer, told in words of its own
        return None
