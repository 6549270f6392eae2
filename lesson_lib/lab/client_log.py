"""Where kafka-python's log goes while a lab runs: into a list that the learner can look at, not into the cell."""

from __future__ import annotations

import logging
from collections import deque

MOST_LINES = 2_000


class ClientLog(logging.Handler):
    """Collects what the logger `kafka` says at `level` and above."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self._logger = logging.getLogger("kafka")
        self._before = (self._logger.propagate, self._logger.level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(f"{record.levelname:<7} {record.name}: {record.getMessage()}")

    def open(self) -> None:
        """Take over from the handlers that would write into the cell."""
        self._before = (self._logger.propagate, self._logger.level)
        self._logger.propagate = False
        self._logger.setLevel(self.level)
        self._logger.addHandler(self)

    def close(self) -> None:
        """Give the logger back as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate, level = self._before
        self._logger.setLevel(level)
        super().close()
