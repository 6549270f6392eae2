"""Pictures of a history: lanes, space-time and arrival graph. Knows `history` only, and not which world it came from."""

from lesson_lib.draw.picture import Picture
from lesson_lib.draw.show import compare, show

__all__ = ["Picture", "compare", "show"]
