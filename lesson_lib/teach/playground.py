"""A run to play with, by call or by controls: what happens to each request, and a few switches.

Changing what happens to attempt k keeps everything before k, for the same script leads to the same run up to
there, and what was chosen for the attempts after k. Only a fault whose attempt does not happen any more is
dropped, and said to be. The old future stays on the page, pale behind the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as w

from lesson_lib.draw import show
from lesson_lib.draw.two_runs import alike
from lesson_lib.errors import LessonError
from lesson_lib.faults import DELIVER, Fault, parse_fault, parse_script
from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import (
    Controls,
    Message,
    Outcome,
    Shown,
    box,
    guard_script,
    has_kernel,
    picture_html,
    picture_text,
    show_now,
)
from lesson_lib.text_table import inline_html

# What a control calls a fault, and what a script calls it.
FAULTS = (("deliver", "deliver"), ("request lost", "lose request"), ("ack lost", "lose ack"),
          ("sent twice", "repeat"),
          ("refused: 19 not enough replicas", "refuse 19"), ("refused: 6 not leader", "refuse 6"),
          ("stored, answered with 20", "store and answer 20"),
          ("connection cut: 2 handled, 1 answered", "cut 2 1"),
          ("connection cut: 3 handled, 1 answered", "cut 3 1"),
          ("producer killed", "kill producer"), ("the broker restarts first", "restart broker"),
          ("the leader changes first", "fail over"))
MOST_ATTEMPTS = 12
NO_LIMIT = "no limit"  # not None, which a drop-down shows as nothing chosen
SWITCHES: dict[str, tuple[str, tuple[tuple[str, Any], ...], Any]] = {
    "idempotence": ("Idempotence", (("on", True), ("off", False)), True),
    "acks": ("Acks", (("all", "all"), ("1", 1), ("0", 0)), "all"),
    "retries": ("Retries", ((NO_LIMIT, NO_LIMIT), ("0", 0), ("1", 1), ("3", 3)), NO_LIMIT),
    "in_flight": ("In flight", tuple((str(n), n) for n in range(1, 6)), 1),
    "broker": ("Broker", (("2.4", "2.4"), ("4.4", "4.4"), ("4.5", "4.5")), "4.4"),
    "client": ("Client", (("kafka-python", "kafka-python"), ("java", "java")), "kafka-python"),
}


class Playground(Shown):
    """`change(attempt, fault)` and `switch(idempotence=False)` run again; the controls do the same."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.run = scenario.run()
        self.before: History | None = None

    @property
    def faults(self) -> dict[int, str]:
        """The script as it stands: attempt and fault."""
        script = parse_script(self.scenario.settings.get("faults"))
        return {n: str(script.at(n)) for n in range(1, len(self.run.attempts) + 1) if script.at(n) != DELIVER}

    @property
    def call(self) -> str:
        """The run as one line that can be pasted into a cell."""
        return str(self.scenario)

    def change(self, attempt: int, fault: str) -> Message:
        """Let something else happen to one attempt ("deliver": nothing), and see what follows from there."""
        if not isinstance(attempt, int):
            return Message(Outcome.INFO, f"A request is named by its number, such as 2, not {attempt!r}.")
        return self._chosen({**self.faults, attempt: fault}, {}, asked=attempt)

    def choose(self, faults: Mapping[int, str], **settings: Any) -> Message:
        """Run with many faults; those whose attempt does not happen then are dropped, and said to be."""
        return self._chosen(faults, settings)

    def switch(self, **settings: Any) -> Message:
        """Run again with other settings. What cannot be run says why, and nothing changes."""
        if "faults" not in settings:
            return self.choose(self.faults, **settings)
        return self._go(self.scenario.with_settings(**{**settings, "faults": settings["faults"] or None}))

    def _chosen(self, faults: Mapping[int, str], settings: Mapping[str, Any], asked: int = 0) -> Message:
        """Run with the faults that happen. One that was asked for by number must, or it is a mistake."""
        bare = self.scenario.with_settings(**{**settings, "faults": None})
        try:
            named = {n: parse_fault(dict(FAULTS).get(str(text), text)) for n, text in faults.items()}
            chosen = {n: fault for n, fault in named.items() if fault != DELIVER}
            kept = {n: str(fault) for n, fault in chosen.items() if n in (asked, *_happening(bare, chosen))}
        except LessonError as error:
            return Message(Outcome.INFO, str(error))
        dropped = {n: fault for n, fault in chosen.items() if n not in kept}
        return self._go(bare.with_settings(faults=kept or None), dropped)

    def _go(self, changed: Scenario, dropped: Mapping[int, Fault] | None = None) -> Message:
        try:
            run = changed.run()
        except LessonError as error:
            return Message(Outcome.INFO, str(error))
        if changed != self.scenario:
            self.before, self.run, self.scenario = self.run, run, changed
        return self.message(dropped)

    def message(self, dropped: Mapping[int, Fault] | None = None) -> Message:
        """The run as it is now with the run before pale behind it, and which faults were dropped."""
        same = self.before is not None and alike(self.run, self.before)
        words = ["Nothing has changed."] if same else []
        words += [_dropped_words(dropped)] if dropped else []
        return Message(Outcome.INFO, "\n".join([f"`{self.call}`", *words]), show(self.run, ghost=self.before))

    def plain(self) -> str:
        """The call, and the run as text."""
        return f"{self.call}\n\n{picture_text(self.message().picture)}"

    def rich(self) -> str:
        """The call and the picture."""
        said = box("<strong>Playground.</strong> Choose what happens to each request, then press Run. "
                   f"{inline_html(f'`{self.call}`')}<p>Run this cell to play.</p>", "#56B4E9",
                   'class="lesson-playground-words"')
        return said + picture_html(self.message().picture) + guard_script()

    def show(self) -> None:
        """Show the run, and the controls where the notebook has any."""
        super().show()
        if has_kernel():
            show_now(Controls(PlaygroundView(self).box))


def _happening(bare: Scenario, faults: Mapping[int, Fault]) -> list[int]:
    """The attempts with a fault that are made: whether one is depends only on what happened before it."""
    kept: list[int] = []
    for n in sorted(faults):
        script = {before: str(faults[before]) for before in kept}
        kept += [n] if n <= len(bare.run(faults=script).attempts) else []
    return kept


def _dropped_words(dropped: Mapping[int, Fault]) -> str:
    """Which faults were dropped, and why."""
    faults = "; ".join(f"{n}: {fault}" for n, fault in dropped.items())
    if len(dropped) == 1:
        return f"There is no request {next(iter(dropped))} any more, so its fault is dropped: `{faults}`."
    attempts = ", ".join(map(str, dropped))
    return f"There are no requests {attempts} any more, so their faults are dropped: `{faults}`."


class PlaygroundView:
    """A drop-down an attempt, a drop-down a switch, Run; `box` shows them, the picture is a value in it."""

    def __init__(self, ground: Playground) -> None:
        self.ground = ground
        self.attempts = w.Box(layout=w.Layout(flex_flow="row wrap"))
        self.switches = {name: self._switch(name) for name in SWITCHES}
        self.button = w.Button(description="Run", tooltip="Run the playground with these faults and switches")
        self.said = w.HTML()
        self.button.on_click(self._run)
        below = w.Box([*self.switches.values(), self.button], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([self.attempts, below, self.said])
        self.box.add_class("lesson-playground")
        self._strip()

    def _switch(self, name: str) -> w.Dropdown:
        label, options, usual = SWITCHES[name]
        value = self.ground.scenario.settings.get(name, usual)
        known = options if value in [v for _, v in options] else (*options, (str(value), value))
        return _dropdown(label, known, value)

    def _strip(self) -> None:
        """A drop-down for each attempt that was made; more than fit are left as they are."""
        made = self.ground.run.attempts[:MOST_ATTEMPTS]
        named = [(a.number, a.send.values[0] if a.send.values else a.label) for a in made]
        self.attempts.children = [self._attempt(n, f"Request {n} ({name})") for n, name in named]

    def _attempt(self, number: int, label: str) -> w.Dropdown:
        fault = self.ground.faults.get(number, "deliver")
        options = FAULTS if fault in [f for _, f in FAULTS] else (*FAULTS, (fault, fault))
        return _dropdown(label, options, fault)

    def _run(self, _: Any) -> None:
        """Run with what the controls say; attempts that have none keep their faults."""
        switches = {name: one.value for name, one in self.switches.items() if one.value != SWITCHES[name][2]}
        unset = {name: None for name in SWITCHES if name not in switches}
        chosen = {n: one.value for n, one in enumerate(self.attempts.children, 1)}
        said = self.ground.choose({**self.ground.faults, **chosen}, **unset, **switches)
        self.said.value = said._repr_mimebundle_()["text/html"]
        self._strip()


def _dropdown(label: str, options: tuple[tuple[str, Any], ...], value: Any) -> w.Dropdown:
    return w.Dropdown(description=label, options=list(options), value=value,
                      style={"description_width": "initial"},
                      layout=w.Layout(width="max-content", max_width="calc(100% - 4px)"))


def playground(values: int | list[str] = 3, *, faults: Mapping[int, str] | str | None = None,
               **settings: Any) -> Playground:
    """A run with controls: `playground(3, idempotence=False)`. Takes what `simulate` takes."""
    known = {name: value for name, value in {**settings, "faults": faults}.items() if value is not None}
    shown = Playground(Scenario(values if isinstance(values, int) else tuple(values), known))
    if len(shown.run.attempts) > MOST_ATTEMPTS:
        raise LessonError(f"The playground has room for {MOST_ATTEMPTS} requests, and this run takes "
                          f"{len(shown.run.attempts)}; send less, or use simulate(...).")
    shown.show()
    return shown
