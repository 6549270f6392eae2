"""Paper and pen: shapes, letters, free places, and the two printers (SVG, PNG). Knows no history."""
