"""What makes a search quick: what was worked out once is looked up, what is equal has one number."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any


class Known(dict[Any, Any]):
    """A dict that works out what it is asked for the first time."""

    def __init__(self, work_out: Callable[[Any], Any]) -> None:
        super().__init__()
        self.work_out = work_out

    def __missing__(self, key: Hashable) -> Any:
        value = self[key] = self.work_out(key)
        return value


class Numbered(list[Any]):
    """Values by the number that each got when it first turned up."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        """The number of a value."""
        if value not in self.numbers:
            self.numbers[value] = len(self)
            self.append(value)
        return self.numbers[value]


def worked_out(known: dict[Any, Any], key: Any, needs: Callable[[Any], list[Any]], work_out: Callable[[Any], Any]) -> Any:
    """The value of a key, once the values of all that it needs are known too; however long the chain is."""
    wanted = [key]
    while wanted:
        if wanted[-1] in known:
            wanted.pop()
        elif missing := [other for other in needs(wanted[-1]) if other not in known]:
            wanted.extend(missing)
        else:
            known[wanted[-1]] = work_out(wanted[-1])
    return known[key]
