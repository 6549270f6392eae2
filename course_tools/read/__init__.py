"""What is in a topic already: `python -m lesson_lib read`, on a running broker or on a segment file.

Here belongs what looks at batches that lie in a log, whoever wrote them. Sending is not known here.
"""
