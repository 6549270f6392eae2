"""Pictures of a run: `show` and `compare`, in three layouts: lanes, space-time and arrival graph.

Here lives what turns a history into a drawing. Nothing here may know a simulation, a broker or a lesson, or
from which of them a run came: only `core` and `history`. `run_view` has what is worked out before anything is
placed. `lanes`, `space_time` and `arrivals` place things on a `canvas`: `marks` has every shape, every arrow
and the cross of a lost message, `words` every text and the order in which they are told.
"""

from lesson_lib.draw.picture import Picture, compare, show

__all__ = ["Picture", "compare", "show"]
