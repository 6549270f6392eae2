"""The lab's second world: what stands in for clock, threads, sockets and event loop while it is open, and
nothing that knows of Kafka's rule, of faults or of histories. README.md tells how, and what differs.
"""

import kafka

from lesson_lib.errors import LessonError

KNOWN_VERSION = "3.0.12"  # on whose inside all of it leans


def check_client() -> None:
    """LessonError for another kafka-python than the one that we know."""
    if kafka.__version__ != KNOWN_VERSION:
        raise LessonError(f"The virtual world was made for the inside of kafka-python {KNOWN_VERSION}, and "
                          f"this is {kafka.__version__}: install kafka-python=={KNOWN_VERSION}, or use "
                          "start_lab(world='sockets').")
