"""Lessons for readers and rooms: a book and slides of the executed notebooks, which ask nothing of the
network.

What is published is what was committed, never what the builder's own copy holds (`published`). Templates lie
in `templates`; nothing here knows what a lesson asks or how it is judged.
"""
