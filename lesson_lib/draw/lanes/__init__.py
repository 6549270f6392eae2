"""The layout with a lane for each producer, time running to the right, and the log below.

`events` says what each event puts into which row, `layout` where rows and moments lie and how messages run.
"""
