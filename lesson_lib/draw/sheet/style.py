"""How things look, in every picture: colours, sizes, words, and how wide a text is.

The colours are Okabe and Ito's. None of them carries a meaning alone: a shape and a word always go with it, and every
mark has a dark edge, so that a picture can be read in grey and with any colour vision.
"""

from __future__ import annotations

from functools import cache

from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.draw.sheet.font_widths import width_of

FIRST_SEND = "#0072B2"
RETRY = "#E69F00"
STORED = "#009E73"
DUPLICATE = "#CC79A7"
REFUSED = "#D55E00"
FENCED = "#000000"
KEPT = "#FFFFFF"     # a batch that a wrong broker keeps aside: nothing is stored
ACK = "#666666"
MEMORY = "#D5EDFA"   # sky blue #56B4E9 at a quarter of its strength, on white
EDGE = "#1A1A1A"
LANE = "#9A9A9A"
QUIET = "#595959"    # small print; 7 : 1 on white
PALE = "#0000000D"   # see-through, so that a stepped picture shows the future behind it
BAND = "#E4E4E4"
AGAIN = "#FBE3B3"    # a second copy in the log: the retry's orange, pale
TINT = "#FFF4C2"     # what differs between two runs
FAINT_FILL, FAINT_LINE = 0.28, 0.45  # how much of a colour is left in a ghost; the rest is white

VERDICT_COLOURS = {"stored": STORED, "duplicate": DUPLICATE, "refused": REFUSED, "fenced": FENCED,
                   "kept": KEPT}

FAMILY = "DejaVu Sans"
DPI = 100
WIDTH = 1000         # pixels: a notebook's width
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5

_SHORT = {ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: "out of order", ErrorCode.INVALID_PRODUCER_EPOCH: "old epoch",
          ErrorCode.PRODUCER_FENCED: "fenced", ErrorCode.UNKNOWN_PRODUCER_ID: "unknown id",
          ErrorCode.NOT_ENOUGH_REPLICAS: "few replicas", ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND: "few replicas",
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "no such topic", ErrorCode.NOT_LEADER_OR_FOLLOWER: "not leader",
          ErrorCode.DUPLICATE_SEQUENCE_NUMBER: "duplicate", ErrorCode.REQUEST_TIMED_OUT: "timed out",
          ErrorCode.INVALID_TXN_STATE: "bad txn state", ErrorCode.TRANSACTION_ABORTABLE: "abort the txn"}
_FENCES = (ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED)


def short_name(error: ErrorCode) -> str:
    """Two or three words for an error code, for the narrow place under a mark."""
    return _SHORT.get(error, error.name.replace("_", " ").lower())


def shape_of(what: str, error: ErrorCode) -> str:
    """Which mark a verdict gets: stored, duplicate, refused, or fenced for the two errors that say so."""
    return "fenced" if what == "refused" and error in _FENCES else what


def mixed(colour: str, share: float) -> str:
    """A colour with white, `share` of it left; what can be seen through becomes clearer, names (white, none) stay."""
    if not colour.startswith("#"):
        return colour
    if len(colour) == 9:
        return f"{colour[:7]}{round(share * int(colour[7:], 16)):02X}"
    return "#" + "".join(f"{round(255 - share * (255 - int(colour[i:i + 2], 16))):02X}" for i in (1, 3, 5))


@cache
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Width in pixels of the widest line of `text`."""
    return max(width_of(line, bold) for line in text.split("\n")) * size * DPI / 72


def line_height(size: float = SMALL) -> float:
    """Pixels from one line of text to the next."""
    return size * DPI / 72 * 1.25


def milliseconds(t: int) -> str:
    """A duration in words: 250 ms, 1.5 s, 2 min."""
    if t < 1000:
        return f"{t} ms"
    return f"{t / 1000:.3g} s" if t < 120_000 else f"{t / 60_000:.3g} min"
