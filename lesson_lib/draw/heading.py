"""What stands above and below a run: its name, the switch that matters, its settings; and what it came to.

A fault script is told in words here: `2: lose ack` is "ack lost at request 2".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lesson_lib.draw.canvas import LARGE, MARGIN, NORMAL, QUIET, SMALL, Canvas, line_height, text_width
from lesson_lib.errors import LessonError
from lesson_lib.faults import ScriptLine, parse_script
from lesson_lib.history import History, Kind
from lesson_lib.history.story import finding, recognised, subject, verdict_on

MANY = 24  # records that one still reads one by one
LINE = line_height(LARGE)
BETWEEN = "  ·  "
CLIENTS = ("kafka-python", "librdkafka", "aiokafka")
# What differs, in which words, and what stands there where a run has none.
_DIFFERENCES = {"world": ("{} run", ""), "broker": ("{}", ""), "in_flight": ("{} in flight", ""),
                "acks": ("acks={}", ""), "retries": ("retries={}", "no limit"), "client": ("{}", "none"),
                "consumer": ("{}", "no consumer"), "faults": ("faults: {}", "none")}


def title(history: History, name: str) -> str:
    """What there is to see in a run, after its name where there are two."""
    found = finding(history).removeprefix("Transactions: " * (name == "With transactions"))
    return f"{name}: {found}" if name and found else name or found


def small_print(history: History, name: str = "") -> str:
    """The other settings, without the one that the run's name says already."""
    s, named = history.settings, name.lower()
    if s.by_hand:
        return f"batches {s.world}{BETWEEN}{broker_name(s.broker)}"
    # A real client on a bare release talked to the embedded broker; an address is somebody else's broker.
    is_release = s.broker[:1].isdigit() and ":" not in s.broker
    where = (f"{s.world}, {broker_name(s.broker)}" if s.world != "real"
             else f"real client, {'embedded broker ' * is_release}{s.broker}")
    where = where[:-len(named) - 2] if where.lower().endswith(f", {named}") else where
    ends = {Kind.PRODUCER: "killed", Kind.CONSUMER: "crashed"}
    died = dict.fromkeys(f"{e.lane} {e.what}" for e in history.of(*ends) if e.what == ends[e.kind])
    faults, transactions = s.faults or ", ".join(died), bool(history.of(Kind.TXN))
    # Without answers there is no limit, and on the wire nobody can know it (0).
    waits = "" if s.acks == "0" or not s.in_flight else f"{s.in_flight} in flight"
    switched = "idempotence on" if s.idempotence else ""  # lesson 1 comes before the word
    producer = [switched, f"acks={s.acks}", waits]
    parts = [part for part in (*(["transactions"] if transactions else producer), s.consumer, where)
             if part and part.lower() != named]
    said = (f"faults: {faults or 'none'}" in name or (transactions and not faults)
            or (bool(named) and script_words(s.faults) == named))
    return BETWEEN.join(parts + [f"faults: {faults or 'none'}"] * (not said))


def broker_name(broker: str) -> str:
    """Whose rule decided: a bare release number is Kafka's."""
    return f"Kafka {broker}" if broker[:1].isdigit() else broker


def names_of(histories: Sequence[History]) -> list[str]:
    """What to call two runs: by the first setting that differs, else by what was sent. Empty for one run."""
    if len(histories) == 1:
        return [""]
    differing = (pair for pair in zip(*map(_in_words, histories), strict=True) if pair[0] != pair[1])
    if pair := next(differing, None):
        by_faults = pair[0].startswith("faults: ")
        faults = (h.settings.faults for h in histories)
        return [_capital(words) for words in (names_by_faults(*faults) if by_faults else pair)]
    with_them = [bool(h.of(Kind.TXN)) for h in histories]
    if with_them[0] != with_them[1]:
        return ["With transactions" if has else "Without transactions" for has in with_them]
    batches = [f"{len(h.told)} batch{'es' * (len(h.told) != 1)}" for h in histories]
    return batches if batches[0] != batches[1] else ["First run", "Second run"]


def _in_words(history: History) -> Iterable[str]:
    """Every setting by which two runs can be told apart, the switch that matters first."""
    yield f"idempotence {'on' if history.settings.idempotence else 'off'}"
    for field, (form, missing) in _DIFFERENCES.items():
        value = getattr(history.settings, field)
        value = broker_name(value) if field == "broker" else value
        yield form.format(missing if value in (None, "") else value)


def _capital(text: str) -> str:
    """With a capital letter, but for a client's name, and a setting as it is written in code."""
    as_written = text in CLIENTS or "=" in text.split(" ")[0]
    return text if as_written else text[:1].upper() + text[1:]


class Heading:
    """Title and small print, on one line where they fit, else on as many as they need; nothing is cut.

    `height` is in pixels.
    """

    def __init__(self, history: History, name: str, width: float) -> None:
        room, words = 0.95 * (width - 2 * MARGIN), small_print(history, name)
        self.bold = wrap(title(history, name), room, LARGE, True)
        # Letters on a grid of pixels are a little wider than measured.
        wide = text_width(self.bold[-1], LARGE, True)
        self.after = MARGIN + wide + max(12, 0.05 * wide)
        self.beside = text_width(words) <= 0.95 * (width - MARGIN - self.after)
        self.small = [words] if self.beside else wrap(words, room, SMALL, False)
        self.height = 30 + (len(self.bold) - 1 + len(self.small) - self.beside) * LINE

    def draw(self, canvas: Canvas, last: int | None) -> None:
        """Write it; the title gives the end away, so it comes with the step `last`."""
        y, canvas.event = 13.0, last
        for n, line in enumerate(self.bold):
            canvas.text(MARGIN, y + n * LINE, line, size=LARGE, bold=True, align="left")
        y, canvas.event = y + (len(self.bold) - 1) * LINE + 0.5, None
        left = self.after if self.beside else MARGIN
        for n, line in enumerate(self.small, 0 if self.beside else 1):
            canvas.text(left, y + n * LINE, line, colour=QUIET, align="left")


class LastLines:
    """What a run came to, in bold lines: the log, the anomalies by name (of several alike the first, and how
    many more), and what each of several consumers received. `height` is in pixels.
    """

    def __init__(self, history: History, width: float) -> None:
        logs = [[c.value if c.kind == "data" else c.kind.upper() for c in cells]
                for cells in history.logs.values()]
        held = [f"{len(log)} records" if len(log) > MANY else " ".join(log) or "nothing" for log in logs]
        said = [f"The log holds {held[0]}."] if len(logs) == 1 else []
        named: dict[str, list[str]] = defaultdict(list)
        for anomaly in history.anomalies:
            named[anomaly.name].append(anomaly.sentence)
        for name, (first, *rest) in named.items():
            said.append(f"{name.capitalize()}: {first}" + f" And {len(rest)} more of these." * bool(rest))
        said += [] if named else [recognised(history), verdict_on(history)]
        reads: dict[str, list[str]] = {}
        for event in history.of(Kind.READ):
            reads.setdefault(event.lane, []).extend(event.values)
        if len({event.lane for event in history.of(Kind.READ, Kind.POLL)}) > 1:
            said += [f"{subject(lane)} received {' '.join(those[:MANY])}." for lane, those in reads.items()]
        self.lines = wrap(" ".join(said), 0.95 * width - 2 * MARGIN)
        self.height = 6 + len(self.lines) * line_height(NORMAL)

    def draw(self, canvas: Canvas) -> None:
        for n, line in enumerate(self.lines):
            canvas.text(MARGIN, 9 + n * line_height(NORMAL), line, size=NORMAL, bold=True, align="left")


def wrap(text: str, width: float, size: float = NORMAL, bold: bool = True) -> list[str]:
    """Break a text into lines of at most `width` pixels, none of which begins with a number."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        stays = word[0].isdigit() and " " not in lines[-1]
        if lines[-1] and not stays and text_width(longer, size, bold) > width:
            while word[0].isdigit() and " " in lines[-1]:
                lines[-1], _, before = lines[-1].rpartition(" ")
                word = f"{before} {word}"
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


_AT = {"deliver": "nothing wrong", "lose request": "request lost", "lose ack": "ack lost",
       "lose request silently": "request lost silently", "lose ack silently": "ack lost silently",
       "refuse": "refused with {}", "store and answer": "stored and answered {}",
       "repeat": "request repeated", "delay": "answer {} ms late",
       "cut": "cut with {} handled and {} answered", "kill producer": "producer killed"}
_BEFORE = {"restart broker": "broker restarted", "crash broker": "broker crashed",
           "fail over": "broker failed over", "forget idle ids": "ids forgotten"}


def script_words(script: str) -> str:
    """A whole script; "no fault" for an empty one, and as it is where it is none that can be run."""
    rules = _rules(script)
    return f"faults: {script}" if rules is None else ", ".join(rules) or "no fault"


def names_by_faults(left: str, right: str) -> tuple[str, str]:
    """What to call two runs with different scripts: by the lines that only one of them has."""
    ours, theirs = _rules(left), _rules(right)
    if ours is None or theirs is None:
        return script_words(left), script_words(right)
    # Where all that a run has, the other one has too, it has only that.
    only = ["only " * bool(script) + script_words(script) for script in (left, right)]
    return (", ".join(rule for rule in ours if rule not in theirs) or only[0],
            ", ".join(rule for rule in theirs if rule not in ours) or only[1])


def _rules(script: str) -> list[str] | None:
    """The lines of a script in words; None for a path of the explorer, told in words of its own."""
    try:
        return list(map(_rule_words, parse_script(script).lines))
    except LessonError:
        return None


def _rule_words(rule: ScriptLine) -> str:
    """What goes wrong, and at which attempt."""
    name, first, last = rule.fault.name, rule.first, rule.last
    if not rule.api and first == 1 and last is None and name.startswith("lose"):
        return f"every {_AT[name]}"
    request = f"{rule.api} request".lstrip()
    span = f"{request} {first}" if first == last else f"{request}s {first} to {last}"
    if last is None:
        span = f"every {request}" if first == 1 else f"{request} {first} and all later ones"
    what = (_AT | _BEFORE)[name].format(*rule.fault.numbers)
    return f"{what} {'before' if name in _BEFORE else 'at'} {span}"
