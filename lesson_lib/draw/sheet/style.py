"""How things look, in every picture: colours, sizes, line styles.

The colours are Okabe and Ito's. None of them carries a meaning alone: a shape and a word always go with it, and every
mark has a dark edge, so that a picture can be read in grey and with any colour vision.
"""

from __future__ import annotations

FIRST_SEND = "#0072B2"
RETRY = "#E69F00"
STORED = "#009E73"
DUPLICATE = "#CC79A7"
REFUSED = "#D55E00"
FENCED = "#000000"
KEPT = "#FFFFFF"         # a batch that a wrong broker keeps aside: nothing is stored
ACK = "#666666"
MEMORY = "#D5EDFA"       # sky blue #56B4E9 at a quarter of its strength, on white
MEMORY_EDGE = "#56B4E9"
EDGE = "#1A1A1A"
LANE = "#9A9A9A"
QUIET = "#595959"        # small print; 7 : 1 on white
PALE = "#0000000D"       # see-through, so that a stepped picture shows the future behind it
BAND = "#E4E4E4"
AGAIN = "#FBE3B3"        # a second copy in the log: the retry's orange, pale
TINT = "#FFF4C2"         # what differs between two runs
BEHIND = 0.3             # how much is left of the run before, behind the present one

VERDICT_COLOURS = {"stored": STORED, "duplicate": DUPLICATE, "refused": REFUSED, "fenced": FENCED, "kept": KEPT}

DOTTED, DASHED, EXPECTED = (0, (1, 2)), (0, (4, 2.2)), (0, (5, 3))  # as matplotlib has them

FAMILY = "DejaVu Sans"
DPI = 100
WIDTH = 1000             # pixels: a notebook's width
MARGIN = 12.0            # pixels at the edges of a sheet
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5  # points

# How wide the letters of DejaVu Sans are (regular, bold), in 2048ths of the size of the type: a layout must know it
# before anything is drawn, and without loading a font. What is not listed counts as wide as a digit.
EM = 2048
OTHER_LETTER = (1303, 1425)
LETTER_WIDTHS = {
    " ": (651, 713), "!": (821, 934), "\"": (942, 1067), "#": (1716, 1716), "$": (1303, 1425), "%": (1946, 2052),
    "&": (1597, 1786), "'": (563, 627), "(": (799, 936), ")": (799, 936), "*": (1024, 1071), "+": (1716, 1716),
    ",": (651, 778), "-": (739, 850), ".": (651, 778), "/": (690, 748), "0": (1303, 1425), "1": (1303, 1425),
    "2": (1303, 1425), "3": (1303, 1425), "4": (1303, 1425), "5": (1303, 1425), "6": (1303, 1425), "7": (1303, 1425),
    "8": (1303, 1425), "9": (1303, 1425), ":": (690, 819), ";": (690, 819), "<": (1716, 1716), "=": (1716, 1716),
    ">": (1716, 1716), "?": (1087, 1188), "@": (2048, 2048), "A": (1401, 1585), "B": (1405, 1561), "C": (1430, 1503),
    "D": (1577, 1700), "E": (1294, 1399), "F": (1178, 1399), "G": (1587, 1681), "H": (1540, 1714), "I": (604, 762),
    "J": (604, 762), "K": (1343, 1587), "L": (1141, 1305), "M": (1767, 2038), "N": (1532, 1714), "O": (1612, 1741),
    "P": (1235, 1501), "Q": (1612, 1741), "R": (1423, 1577), "S": (1300, 1475), "T": (1251, 1397), "U": (1499, 1663),
    "V": (1401, 1585), "W": (2025, 2259), "X": (1403, 1579), "Y": (1251, 1483), "Z": (1403, 1485), "[": (799, 936),
    "\\": (690, 748), "]": (799, 936), "^": (1716, 1716), "_": (1024, 1024), "`": (1024, 1024), "a": (1255, 1382),
    "b": (1300, 1466), "c": (1126, 1214), "d": (1300, 1466), "e": (1260, 1389), "f": (721, 891), "g": (1300, 1466),
    "h": (1298, 1458), "i": (569, 702), "j": (569, 702), "k": (1186, 1362), "l": (569, 702), "m": (1995, 2134),
    "n": (1298, 1458), "o": (1253, 1407), "p": (1300, 1466), "q": (1300, 1466), "r": (842, 1010), "s": (1067, 1219),
    "t": (803, 979), "u": (1298, 1458), "v": (1212, 1335), "w": (1675, 1892), "x": (1212, 1321), "y": (1212, 1335),
    "z": (1075, 1192), "{": (1303, 1458), "|": (690, 748), "}": (1303, 1458), "~": (1716, 1716), "¶": (1303, 1303),
    "·": (651, 778), "•": (1208, 1309), "…": (2048, 2048),
    "≠": (1716, 1716), "→": (1716, 1716), "–": (1024, 1024),
    "─": (1233, 1233), "│": (1233, 1233), "┌": (1233, 1233), "┐": (1233, 1233), "└": (1233, 1233),
    "┘": (1233, 1233), "▶": (1575, 1575), "✓": (1716, 1716), "✗": (1716, 1716), "�": (2100, 2280),
}
