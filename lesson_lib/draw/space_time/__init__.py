"""The layout with time running down and one column for each machine."""
