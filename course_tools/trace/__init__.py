"""Anybody's application in the picture: `python -m lesson_lib trace`.

Here belongs what a stranger's client needs beyond the lab: what can be known from the wire alone, and the
command. `command` runs the client and the proxy and writes the page, `wire_history` knows what can be told
from the wire, `verdict` says it. The proxy and the pictures are the course's own.
"""
