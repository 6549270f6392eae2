"""A run to play with: press a request or an answer in the picture, choose what becomes of it, and see the run
that follows; or say the same in code.

Changing what happens to one request keeps everything before it, for the same script leads to the same run up
to there, and what was chosen for later requests. Only a fault whose request is not sent any more is dropped,
and said to be. The run before stays in the picture, pale behind the new one; in code the two are compared.

`playground.js` draws. Runs that were computed ahead need no kernel, so the same picture is in the book and on
the front page of the site; for any other the kernel is asked. Both kinds are written as `encoded` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from lesson_lib.draw import compare, show
from lesson_lib.errors import LessonError
from lesson_lib.faults import DELIVER, Fault, parse_fault, parse_script
from lesson_lib.history import History, Kind
from lesson_lib.history.link import PAGE, Link, link_to, site
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.kernel_link import KernelLink, script
from lesson_lib.teach.message import Message, Outcome, SelfShowing
from lesson_lib.teach.runs_ahead import MOST, RECORDS, encoded, key_of, runs_ahead

# What a menu calls a fault; a script calls it by its key. "" is none.
REQUEST = {"": "arrives", "lose request": "is lost", "repeat": "arrives twice", "refuse 6": "is refused"}
ANSWER = {"": "arrives", "lose ack": "is lost"}
# Under "more", for a request, where there is a kernel.
MORE = {"refuse 19": "is refused: too few replicas",
        "store and answer 20": "is stored, the answer is an error",
        "cut 2 1": "the next one is stored, its answer is lost",
        "cut 3 1": "the next two are stored if both are in flight, their answers are lost",
        "kill producer": "is the producer's last: it is killed",
        "restart broker": "comes after the broker restarts",
        "fail over": "comes after the leader changes"}
MOST_ATTEMPTS = 12
NO_LIMIT = "no limit"
# The name of each switch, its label, its values, the usual one first.
SWITCHES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "idempotence": ("idempotence", (True, False)), "in_flight": ("in flight", (1, 2, 3, 4, 5)),
    "acks": ("acks", ("all", 1, 0)), "retries": ("retries", (NO_LIMIT, 0, 1, 3)),
    "broker": ("Kafka", ("4.4", "2.4", "4.5")), "client": ("client", ("kafka-python", "java"))}
_numbers = count(1)


class Playground(SelfShowing):
    """`change(request, fault)` and `switch(idempotence=False)` run again; the picture does the same."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.run = scenario.run()
        self.before: History | None = None
        self.name = f"playground-{next(_numbers)}"

    @property
    def faults(self) -> dict[int, str]:
        """The script as it stands: request and fault."""
        script = parse_script(self.scenario.settings.get("faults"))
        return {n: str(script.at(n)) for n in range(1, len(self.run.attempts) + 1) if script.at(n) != DELIVER}

    @property
    def call(self) -> str:
        """The run as one line that can be pasted into a cell."""
        return str(self.scenario)

    def link(self) -> Link:
        """An address that opens the run as it stands, with a playground on it, in a browser copy."""
        return link_to(self.run.call)

    def change(self, attempt: int, fault: str) -> Message:
        """Let something else happen to one request ("deliver": nothing), and see what follows from there."""
        if not isinstance(attempt, int):
            return Message(Outcome.INFO, f"A request is named by its number, such as 2, not {attempt!r}.")
        return self._told(lambda: self._keep({**self.faults, attempt: fault}, {}, asked=attempt))

    def switch(self, **settings: Any) -> Message:
        """Run again with other settings. What cannot be run says why, and nothing changes."""
        if "faults" in settings:  # a script as it stands
            changed = self.scenario.with_settings(**{**settings, "faults": settings["faults"] or None})
            return self._told(lambda: self._go(changed))
        return self._told(lambda: self._keep(self.faults, settings))

    def _told(self, run: Callable[[], str]) -> Message:
        try:
            dropped = run()
        except LessonError as error:
            return Message(Outcome.INFO, str(error))
        self.refresh()
        return self.message(dropped)

    def _keep(self, faults: Mapping[int, str], settings: Mapping[str, Any], asked: int = 0) -> str:
        """Run with the faults that happen; says which don't. One that was `asked` for must, or it's an error.
        """
        bare = self.scenario.with_settings(**{**settings, "faults": None})
        named = {n: parse_fault(fault) for n, fault in faults.items()}
        chosen = {n: fault for n, fault in named.items() if fault != DELIVER}
        kept = {n: str(fault) for n, fault in chosen.items() if n in (asked, *_happening(bare, chosen))}
        self._go(bare.with_settings(faults=kept or None))
        dropped = _dropped_words({n: fault for n, fault in chosen.items() if n not in kept})
        return " ".join(filter(None, [dropped, *self._spare_cuts()]))

    def _spare_cuts(self) -> Iterator[str]:
        """Cuts that had fewer requests to let through than they could have, as with 1 in flight."""
        for n, text in self.faults.items():
            fault = parse_fault(text)
            if fault.cut and fault.cut[0] > fault.cut[1]:
                less = str(Fault("cut", (fault.cut[0] - 1, fault.cut[1])))
                if encoded(self.scenario.run(faults={**self.faults, n: less})) == encoded(self.run):
                    yield f"Too few requests are in flight for `{n}: {fault}`. It does what `{less}` does."

    def _go(self, changed: Scenario) -> str:
        run = changed.run()
        if changed != self.scenario:
            self.before, self.run, self.scenario = self.run, run, changed
        return ""

    def message(self, dropped: str = "") -> Message:
        """The run as it is now, under the run before, and which faults were dropped."""
        before, now = self.before, self.run
        same = before is not None and now.events == before.events
        words = [f"`{self.call}`", *(["Nothing has changed."] if same else []), *filter(None, [dropped])]
        picture = show(now) if before is None or same else compare(before, now)
        return Message(Outcome.INFO, "\n".join(words), picture)

    def hear(self, asked: str) -> None:
        """What was chosen in the picture: run it and send back what to draw, or why it can't be run."""
        wanted = json.loads(asked)
        faults = {int(n): fault for n, fault in wanted["faults"].items()}
        told: dict[str, Any] = {}
        try:
            said = self._keep(faults, {**dict.fromkeys(SWITCHES), **wanted["settings"]})
            told = {"faults": self.faults, "run": drawn(self.run)}
        except LessonError as error:
            said = str(error)
        self.wire.tell(asked=wanted["key"], said=said.replace("`", ""), **told)

    def plain(self) -> str:
        """The call, and the run as text."""
        return f"{self.call}\n\n{self.message().picture}"

    def rich(self) -> str:
        return playground_html(self.scenario, self.run, self.faults, self.name)

    def show(self) -> None:
        """Show it, and the link to it where there is a kernel."""
        super().show()
        self.wire = KernelLink(self.name, self.hear)
        self.wire.show()


def playground_html(scenario: Scenario, run: History, faults: Mapping[int, str], name: str = "") -> str:
    """The picture as a part of any page; without script it is the finished picture."""
    chosen = {switch: scenario.settings.get(switch, values[0]) for switch, (_, values) in SWITCHES.items()}
    others = {key: value for key, value in scenario.settings.items() if key not in (*SWITCHES, "faults")}
    usual = scenario.values == RECORDS and not others
    settings = {key: value for key, value in chosen.items()
                if key == "idempotence" or value != SWITCHES[key][1][0]}
    switches = {key: (label, values if chosen[key] in values else (*values, chosen[key]))
                for key, (label, values) in SWITCHES.items()}
    opens = f"{site()}/{PAGE}#" if site() else ""
    told = script("playground.js", name=name, opens=opens,
                  settings=settings, faults=faults, switches=switches,
                  fates=[REQUEST, ANSWER, MORE], most=MOST, values=str(Scenario(scenario.values)),
                  others=[f"{key}={value!r}" for key, value in others.items()],
                  runs={**(runs_ahead() if usual else {}), key_of(faults, settings): drawn(run)})
    picture = show(run, step=False).html()
    return f'<div class="lesson-playground" role="group" aria-label="Playground">{picture}</div>{told}'


def drawn(run: History) -> tuple[str, dict[int, str]]:
    """What there is to draw: the events, and the values of each batch."""
    return encoded(run), {e.batch: e.values for e in run.of(Kind.SEND)}


def _happening(bare: Scenario, faults: Mapping[int, Fault]) -> list[int]:
    """The requests with a fault that are sent: whether one is depends only on what happened before it."""
    kept: list[int] = []
    for n in sorted(faults):
        script = {before: str(faults[before]) for before in kept}
        kept += [n] if n <= len(bare.run(faults=script).attempts) else []
    return kept


def _dropped_words(dropped: Mapping[int, Fault]) -> str:
    """Which faults were dropped, and why; nothing for none."""
    numbers = ", ".join(map(str, dropped))
    faults = "; ".join(f"{n}: {fault}" for n, fault in dropped.items())
    if len(dropped) > 1:
        return f"There are no requests {numbers} any more, so their faults are dropped: `{faults}`."
    return f"There is no request {numbers} any more, so its fault is dropped: `{faults}`." if dropped else ""


def page_part() -> str:
    """The picture that the front pages of book and site begin with."""
    begun = Scenario(RECORDS, {"idempotence": False, "faults": {2: "lose ack"}})
    return playground_html(begun, begun.run(), begun.settings["faults"])


def playground(values: int | list[str] = 3, *, faults: Mapping[int, str] | str | None = None,
               **settings: Any) -> Playground:
    """A run to press: `playground(3, idempotence=False)`. Takes what `simulate` takes, but one partition."""
    known = {name: value for name, value in {**settings, "faults": faults}.items() if value is not None}
    if settings.get("partitions", 1) != 1 or settings.get("consumer"):
        raise LessonError("The playground draws one log and no consumer; use show(simulate(...)) for those.")
    shown = Playground(Scenario(values if isinstance(values, int) else tuple(values), known))
    if len(shown.run.attempts) > MOST_ATTEMPTS:
        raise LessonError(f"The playground has room for {MOST_ATTEMPTS} requests, and this run takes "
                          f"{len(shown.run.attempts)}; send less, or use simulate(...).")
    return shown.shown()
