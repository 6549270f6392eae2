"""Objects of the lesson that a learner's function is handed, such as the simulated Kafka that it plays on.

They stay with the judge; the worker gets numbers for them and asks for their methods to be called. Only public methods that
their classes define can be called, with literals and with other such objects as arguments.
"""

from __future__ import annotations

import builtins
import pickle
from dataclasses import is_dataclass
from types import FunctionType
from typing import Any

from course_tools.report.answers import literal_text, read
from lesson_lib.errors import LessonError

Packed = tuple[str, Any]


class Held:
    """The objects that one answer got hold of, by number."""

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def packed(self, value: Any) -> Packed:
        """A value for the worker: the thing itself where it is data, else a number for it."""
        ours = type(value).__module__.startswith("lesson_lib.") and not is_dataclass(value)
        if not ours:
            return "value", pickle.dumps(value)
        known = next((number for number, one in enumerate(self._objects) if one is value), None)
        if known is None:
            known = len(self._objects)
            self._objects.append(value)
        return "held", known

    def done(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what the worker asks for: say whether an attribute is a method, or what it holds; or call a method."""
        try:
            target, name = self._objects[asked["number"]], str(asked["name"])
            method = self._method(target, name)
            if "arguments" not in asked:
                return {"method": True} if method else {"result": self.packed(self._data(target, name))}
            arguments = [self._value(one) for one in asked["arguments"]]
            named = {str(key): self._value(one) for key, one in asked["named"].items()}
            return {"result": self.packed(getattr(target, name)(*arguments, **named))}
        except Exception as error:  # noqa: BLE001 - whatever the call raises belongs to the learner's function
            return {"raised": type(error).__name__, "text": str(error)}

    @staticmethod
    def _method(target: Any, name: str) -> bool:
        return not name.startswith("_") and isinstance(getattr(type(target), name, None), FunctionType)

    @staticmethod
    def _data(target: Any, name: str) -> Any:
        """A public attribute that is plain data, so that nothing behind the object can be reached through it."""
        value = None if name.startswith("_") else getattr(target, name)
        if name.startswith("_") or literal_text(value) is None:
            raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")
        return value

    def _value(self, reply: dict[str, Any]) -> Any:
        return self._objects[reply["held"]] if "held" in reply else read(reply)


def error_like(name: str, text: str) -> BaseException:
    """The exception that was raised on the other side, where it is one of Python's or a LessonError."""
    kind = getattr(builtins, name, None)
    return kind(text) if isinstance(kind, type) and issubclass(kind, Exception) else LessonError(text)
