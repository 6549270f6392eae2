"""A fault script in words that can stand above a run: `2: lose ack` is "ack lost at attempt 2"."""

from __future__ import annotations

from lesson_lib.errors import LessonError
from lesson_lib.faults import FaultScript, Rule, parse_script

_AT = {"deliver": "nothing wrong", "lose request": "request lost", "lose ack": "ack lost", "lose request silently": "request lost silently",
       "lose ack silently": "ack lost silently", "refuse": "refused with {}", "store and answer": "stored and answered {}",
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
