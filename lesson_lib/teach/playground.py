"""A run to play with: one control an attempt, a few switches; the same thing as a text call, so that it can be shared.

Changing what happens to attempt k keeps everything before k, for the same script leads to the same run up to there. Faults
after k belonged to the old future and are dropped; that future stays on the page, above the new one, with what differs marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lesson_lib.errors import LessonError
from lesson_lib.faults import DELIVER, parse_script
from lesson_lib.history import History
from lesson_lib.teach.content import Scenario
from lesson_lib.teach.message import Message, Outcome, Shown, box, inline, picture_html, picture_text, show_now
from lesson_lib.teach.widget import Controls, guard_script, has_kernel

MOST_ATTEMPTS = 12
_SWITCHES = ("idempotence", "acks", "retries", "in_flight", "broker", "client")


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
        """Let something else happen to one attempt, and see what follows from there."""
        kept = {n: old for n, old in self.faults.items() if n < attempt}
        return self.switch(faults={**kept, attempt: fault} if fault != "deliver" else kept)

    def switch(self, **settings: Any) -> Message:
        """Run again with other settings. What cannot be run says why, and nothing changes."""
        changed = self.scenario.with_settings(**{**settings, "faults": settings.get("faults", self.faults) or None})
        try:
            run = changed.run()
        except LessonError as error:
            return Message(Outcome.INFO, str(error))
        self.before, self.run, self.scenario = self.run, run, changed
        return self.message()

    def message(self) -> Message:
        """The run as it is now, under the run as it was before."""
        from lesson_lib.draw import compare, show
        picture = show(self.run, step=False) if self.before is None else compare(self.before, self.run, step=False)
        return Message(Outcome.INFO, f"`{self.call}`", picture)

    def plain(self) -> str:
        """The call, and the run as text."""
        return f"{self.call}\n\n{picture_text(self.message().picture)}"

    def rich(self) -> str:
        """The call and the picture."""
        said = box(f"<strong>Playground.</strong> Choose what happens to each attempt, then Run. {inline(f'`{self.call}`')}", "#56B4E9")
        return said + picture_html(self.message().picture) + guard_script()

    def show(self) -> None:
        """Show the run, and the controls where the notebook has any."""
        super().show()
        if has_kernel():
            from lesson_lib.teach.playground_view import PlaygroundView
            show_now(Controls(PlaygroundView(self).box))


def playground(values: int | list[str] = 3, *, faults: Mapping[int, str] | str | None = None, **settings: Any) -> Playground:
    """A run with controls: `playground(3, idempotence=False)`. Takes what `simulate` takes."""
    known = {name: value for name, value in {**settings, "faults": faults}.items() if value is not None}
    shown = Playground(Scenario(values if isinstance(values, int) else tuple(values), known))
    if len(shown.run.attempts) > MOST_ATTEMPTS:
        raise LessonError(f"The playground has room for {MOST_ATTEMPTS} attempts, and this run takes {len(shown.run.attempts)}; "
                          "send less, or use simulate(...).")
    shown.show()
    return shown
