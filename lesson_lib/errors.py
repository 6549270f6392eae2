"""The one exception that a learner is meant to see: a sentence, not a traceback."""

from __future__ import annotations


class LessonError(Exception):
    """Something the learner can put right; its text is one sentence that says how."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of printing a traceback."""
        return [f"{type(self).__name__}: {self}"]
