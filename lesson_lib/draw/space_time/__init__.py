"""The layout with time running down, a lane for everyone who takes part, and the log as a growing column.

`layout` has the lanes, rows and messages, `log_column` what stands in and beside one partition's log.
"""
