"""How things look, in every picture: colours, sizes, line styles.

The colours are Okabe and Ito's. None of them carries a meaning alone: a shape and a word always go with it,
and every mark has a dark edge, so that a picture can be read in grey and with any colour vision.
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

VERDICT_COLOURS = {"stored": STORED, "duplicate": DUPLICATE, "refused": REFUSED, "fenced": FENCED,
                   "kept": KEPT, "dropped": KEPT}

DOTTED, DASHED, EXPECTED = (0, (1, 2)), (0, (4, 2.2)), (0, (5, 3))  # as matplotlib has them

FAMILY = "DejaVu Sans"
DPI = 100
WIDTH = 940              # pixels: what a page of a book has room for, so that no label is made smaller there
MARGIN = 12.0            # pixels at the edges of a sheet
SMALL, NORMAL, LARGE = 8.0, 9.0, 10.5  # points

# How wide the letters of DejaVu Sans are (regular, bold), in 2048ths of the size of the type: a layout must
# know it before anything is drawn, without loading a font. What is not listed counts as wide as a digit.
EM, OTHER_LETTER = 2048, (1303, 1425)
_LETTERS = {
    (563, 627): "'", (569, 702): "ijl", (604, 762): "IJ", (651, 713): " ", (651, 778): ",.·",
    (690, 748): "/\\|", (690, 819): ":;", (721, 891): "f", (739, 850): "-", (799, 936): "()[]",
    (803, 979): "t", (821, 934): "!", (842, 1010): "r", (942, 1067): "\"", (1024, 1024): "_`–",
    (1024, 1071): "*", (1067, 1219): "s", (1075, 1192): "z", (1087, 1188): "?", (1126, 1214): "c",
    (1141, 1305): "L", (1178, 1399): "F", (1186, 1362): "k", (1208, 1309): "•", (1212, 1321): "x",
    (1212, 1335): "vy", (1233, 1233): "─│┌┐└┘", (1235, 1501): "P", (1251, 1397): "T", (1251, 1483): "Y",
    (1253, 1407): "o", (1255, 1382): "a", (1260, 1389): "e", (1294, 1399): "E", (1298, 1458): "hnu",
    (1300, 1466): "bdgpq", (1300, 1475): "S", (1303, 1303): "¶", (1303, 1458): "{}", (1343, 1587): "K",
    (1401, 1585): "AV", (1403, 1485): "Z", (1403, 1579): "X", (1405, 1561): "B", (1423, 1577): "R",
    (1430, 1503): "C", (1499, 1663): "U", (1532, 1714): "N", (1540, 1714): "H", (1575, 1575): "▶",
    (1577, 1700): "D", (1587, 1681): "G", (1597, 1786): "&", (1612, 1741): "OQ", (1675, 1892): "w",
    (1716, 1716): "#+<=>^~≠→✓✗", (1767, 2038): "M", (1946, 2052): "%", (1995, 2134): "m", (2025, 2259): "W",
    (2048, 2048): "@…", (2100, 2280): "�"}
LETTER_WIDTHS = {letter: widths for widths, letters in _LETTERS.items() for letter in letters}
