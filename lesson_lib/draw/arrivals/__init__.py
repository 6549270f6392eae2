"""The layout with the order of arrival to the right and sequences upward, one row for each producer id and
epoch.

`chart` says what arrives in which row and column, and knows no pixel; `layout` draws it.
"""
