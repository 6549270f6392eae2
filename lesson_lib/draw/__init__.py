"""Pictures of a run: `show` and `compare`, in three layouts: lanes, space-time and arrival graph.

Here lives what turns a history into a drawing. Nothing here may know a simulation, a broker or a lesson, or
from which of them a run came: only `core` and `history`. `lanes`, `space_time` and `arrivals` place things;
`sheet/marks.py` has every shape, the cross of a lost message included; `words` has every text; `facts` has
what is worked out before anything is placed.
"""

from lesson_lib.draw.picture import Picture
from lesson_lib.draw.show import compare, show

__all__ = ["Picture", "compare", "show"]
