"""Sent Twice, Stored Once: a toy of Kafka's idempotent producer, the real one behind a fault proxy, one
picture for both.

The map. Read these in this order, and you have read the course's machinery:

1. `core/producer_state.py`: the rule. What a broker does with a batch, given what it remembers. Begin here.
2. `core/partition_log.py`: a log that asks the rule, and keeps what the rule remembers.
3. `faults.py`: what can go wrong, addressed by the n-th request, and what a cut lets through.
4. `history/history.py`: what happened, as one list of events (`event.py`), and the questions you can ask of
   it.
5. `sim/producer.py`: the toy producer. It sends, waits, sends again; `java_producer.py` and
   `librdkafka_producer.py` beside it decide when to raise the epoch.
6. `sim/run.py`: `simulate`, which puts application, producer, network and the toy broker (`toy_broker.py`)
   together in virtual time (`sim/world.py` has its clock; the real client's is another).
7. `explorer/explore.py`: every outcome of that toy up to a bound, not one; `moves.py` says what may happen
   next.
8. `broker/embedded.py`: the same rule behind Kafka's protocol, for any client; `handlers/` has a file for
   each family of requests.
9. `lab/lab.py`: that broker, a proxy that loses messages (`proxy/proxy.py`), and the real client.
10. `draw/picture.py`: the door to the pictures, which know a history and not the world it came from; every
    mark and every message, the lost ones too, is drawn in `draw/marks.py`.

What the lessons ask is in `teach/lessons`; the real client's virtual time in `lab/virtual/world.py`. The
table in CONTRIBUTING.md says where to begin for a change.

What a lesson needs is here by name and is loaded when it is first used, so a page that only simulates opens
no socket.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "simulate": "sim", "simulate_pipeline": "sim", "Transactions": "sim", "explore": "explorer.explore",
    "show": "draw", "compare": "draw",
    "question": "teach.ask", "reveal": "teach.ask", "observe": "teach.ask",
    "exercise": "teach.tasks.task",
    "as_rule": "teach.tasks.learner_rule", "own_rule": "teach.tasks.learner_rule",
    "progress": "teach.progress", "misconception_map": "teach.progress",
    "before": "teach.concepts", "afterwards": "teach.concepts", "playground": "teach.playground",
    "hand_in": "teach.hand_in",
    "start_lab": "lab.lab", "forge": "lab.forge", "fetch_batches": "lab.forge",
    "explain_header": "lab.header_table",
    "measure_cost": "lab.cost", "measure_distance": "lab.cost",
    "every_schedule": "lab.every_schedule", "open_link": "teach.open_link",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"lesson_lib has no {name!r}; it has {', '.join(_HOMES)}.")
    return getattr(import_module(f"lesson_lib.{_HOMES[name]}"), name)
