"""The controls of the playground: a drop-down an attempt, a drop-down a switch, Run. The picture is a value, never captured output."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from lesson_lib.teach.message import Message
from lesson_lib.teach.playground import FAULTS, MOST_ATTEMPTS, Playground

NO_LIMIT = "no limit"  # not None, which a drop-down shows as nothing chosen
SWITCHES: dict[str, tuple[str, tuple[tuple[str, Any], ...], Any]] = {
    "idempotence": ("Idempotence", (("on", True), ("off", False)), True),
    "acks": ("Acks", (("all", "all"), ("1", 1), ("0", 0)), "all"),
    "retries": ("Retries", ((NO_LIMIT, NO_LIMIT), ("0", 0), ("1", 1), ("3", 3)), NO_LIMIT),
    "in_flight": ("In flight", tuple((str(n), n) for n in range(1, 6)), 1),
    "broker": ("Broker", (("2.4", "2.4"), ("4.4", "4.4"), ("4.5", "4.5")), "4.4"),
    "client": ("Client", (("kafka-python", "kafka-python"), ("java", "java")), "kafka-python"),
}


class PlaygroundView:
    """One set of controls over a `Playground`; `box` is what the notebook shows."""

    def __init__(self, ground: Playground) -> None:
        self.ground = ground
        self.attempts = w.Box(layout=w.Layout(flex_flow="row wrap"))
        self.switches = {name: self._switch(name) for name in SWITCHES}
        self.button = w.Button(description="Run", tooltip="Run the playground with these faults and switches")
        self.said = w.HTML()
        self.button.on_click(self._run)
        self.box = w.VBox([self.attempts, w.Box([*self.switches.values(), self.button], layout=w.Layout(flex_flow="row wrap")),
                           self.said])
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
        self.attempts.children = [self._attempt(a.number, f"Attempt {a.number} ({a.send.values[0] if a.send.values else a.label})")
                                  for a in made]

    def _attempt(self, number: int, label: str) -> w.Dropdown:
        fault = self.ground.faults.get(number, "deliver")
        options = FAULTS if fault in [f for _, f in FAULTS] else (*FAULTS, (fault, fault))
        return _dropdown(label, options, fault)

    def _run(self, _: Any) -> None:
        """Run with what the controls say; attempts that have none keep their faults."""
        switches = {name: one.value for name, one in self.switches.items() if one.value != SWITCHES[name][2]}
        unset = {name: None for name in SWITCHES if name not in switches}
        chosen = {n: one.value for n, one in enumerate(self.attempts.children, 1)}
        self._say(self.ground.choose({**self.ground.faults, **chosen}, **unset, **switches))

    def _say(self, said: Message) -> None:
        bundle = said._repr_mimebundle_()
        self.said.value = bundle["text/html"]
        self._strip()


def _dropdown(label: str, options: tuple[tuple[str, Any], ...], value: Any) -> w.Dropdown:
    return w.Dropdown(description=label, options=list(options), value=value, style={"description_width": "initial"},
                      layout=w.Layout(width="max-content", max_width="calc(100% - 4px)"))
