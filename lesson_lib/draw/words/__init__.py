"""All that is written in a picture: at a mark, above and below a run, as a caption, and beside each other for
two runs.

Words come from the facts alone. Where they stand is for the layouts to decide.
"""
