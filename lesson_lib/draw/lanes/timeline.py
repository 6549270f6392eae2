"""Where each moment lies on the page: time to the right, stretched where words need room, shortened where nothing happens.

A place is (t, k): the k-th thing at time t in its row. Places never change their order, so left of means before; only
distances are not to scale. A wait of more than four usual steps and 100 ms becomes a break, with its real length written under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from lesson_lib.draw.sheet.style import milliseconds, text_width
from lesson_lib.history import History

Place = tuple[int, int]
STEPS, GAP, LONG, SHORT_MS, WIDEST = (30.0, 18.0, 11.0, 6.0), 8.0, 4.0, 100, 2.6

FIRST_WAITING, WAITING = "{} of\nwaiting left out", "{}\nleft out"  # once it was said, fewer words will do


@dataclass(frozen=True, slots=True)
class Need:
    """A mark or a text that wants `left` and `right` pixels around its place, in one row; rows do not disturb each other."""

    place: Place
    row: str
    left: float
    right: float


@dataclass(frozen=True)
class Timeline:
    """Pixels of every place, and the breaks as (x, words)."""

    xs: Mapping[Place, float]
    breaks: tuple[tuple[float, str], ...] = field(default=())
    end: float = 0.0

    def x(self, place: Place) -> float:
        """Pixels from the left edge of the picture."""
        return self.xs[place]


def comparable(histories: Sequence[History]) -> bool:
    """Whether one clock serves all runs: on the wire `t` only counts."""
    return len(histories) == 1 or all(h.settings.world == "simulated" for h in histories)


def lay_out(needs: Iterable[Need], left: float, right: float) -> Timeline:
    """Give every place its x between `left` and `right` pixels, or beyond `right` where there is too much to write."""
    wanted = sorted(needs, key=lambda need: need.place)
    places = sorted({need.place for need in wanted})
    usual = _usual_step(places)
    for least in STEPS:  # the more there is to show, the steeper the lines may get
        xs, breaks, edge = _place(wanted, places, usual, least)
        if left + edge <= right:
            break
    stretch = min(WIDEST, max(1.0, (right - left) / max(edge, 1.0)))
    moved = {place: left + x * stretch for place, x in xs.items()}
    return Timeline(moved, tuple((left + x * stretch, words) for x, words in breaks), left + edge * stretch)


def _usual_step(places: list[Place]) -> float:
    steps = [b[0] - a[0] for a, b in zip(places, places[1:], strict=False) if b[0] > a[0]]
    return median(steps) if steps else 1.0


def _place(needs: list[Need], places: list[Place], usual: float,
           least: float) -> tuple[dict[Place, float], list[tuple[float, str]], float]:
    xs: dict[Place, float] = {}
    used: dict[str, float] = {}
    breaks: list[tuple[float, str]] = []
    queue, before = iter(needs), None
    need = next(queue, None)
    for place in places:
        step, words = _step(before, place, usual, least, WAITING if breaks else FIRST_WAITING)
        x = xs[before] + step if before else 0.0
        here = []
        while need is not None and need.place == place:
            here.append(need)
            need = next(queue, None)
        x = max([x, *(used.get(n.row, 0.0) + n.left for n in here)])
        if words and before:
            breaks.append(((xs[before] + x) / 2, words))
        used.update({n.row: max(x + n.right + GAP, used.get(n.row, 0.0)) for n in here})
        xs[place], before = x, place
    return xs, breaks, max([0.0, *used.values()])


def _step(before: Place | None, place: Place, usual: float, least: float, cut: str) -> tuple[float, str]:
    """Least distance in pixels to the next place, and what to write when time is `cut` out there."""
    if before is None or place[0] == before[0]:
        return min(7.0, least), ""
    share = (place[0] - before[0]) / usual
    if share <= LONG or place[0] - before[0] < SHORT_MS:
        return least * min(1.5, max(0.7, share)), ""
    words = cut.format(milliseconds(place[0] - before[0]))
    return max(3 * least, text_width(words) + 24), words
