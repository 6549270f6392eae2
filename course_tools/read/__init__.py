"""What is in a topic already: `python -m lesson_lib read`, on a running broker or on a segment file.

Here belongs what looks at the batches in a log, no matter who wrote them. Sending is not known here.
"""
