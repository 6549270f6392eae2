"""Which world the lab is in: sockets, threads and the clock on the wall, or one thread, in memory, on a
virtual clock.

In a web page it is the virtual one, as Python has no sockets and no threads there.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab.choose_broker import VARIABLE, Choice, of_embedded
from lesson_lib.wire.server import Server

IN_PAGE = sys.platform == "emscripten"
WORLD, WORLDS = "LESSON_WORLD", ("sockets", "virtual")


def is_virtual(world: str | None) -> bool:
    """Whether the lab is to be in the virtual world; None leaves it to LESSON_WORLD. LessonError for a
    world that there is not.
    """
    wanted = world or os.environ.get(WORLD, "").strip() or ("virtual" if IN_PAGE else "sockets")
    if wanted not in WORLDS:
        raise LessonError(f"There is no world {wanted!r}: start_lab(world=...) and {WORLD} know 'sockets' "
                          "and 'virtual'.")
    if IN_PAGE and wanted == "sockets":
        raise LessonError("A web page has no sockets: leave the world out of start_lab(), or open "
                          "the course on a computer with `make lab`.")
    return wanted == "virtual"


def choose_virtual(broker: str | EmbeddedBroker | None, version: str) -> Choice:
    """A broker in a virtual world, which is opened for it. LessonError where another broker is asked for,
    and for no release of Kafka.
    """
    if broker not in (None, "embedded"):
        raise LessonError(f"A virtual world has a broker of its own and reaches no other, so not {broker!r}: "
                          "leave the broker out, or take start_lab(..., world='sockets').")
    if broker is None and os.environ.get(VARIABLE, "").strip() not in ("", "embedded"):
        raise LessonError(f"{VARIABLE} names a broker, and a virtual world reaches none: take the variable "
                          f"away with %env {VARIABLE}=, or take start_lab(world='sockets').")
    from lesson_lib.lab.virtual import seams  # with all of kafka-python
    from lesson_lib.lab.virtual.connections import HOST
    world = seams.enter()
    server = partial(Server, loop=world, host=HOST)
    try:
        choice = of_embedded(EmbeddedBroker(version, host=HOST, server=server).start())
    except ValueError as error:
        seams.leave(world)
        raise LessonError(str(error)) from None
    choice.server, choice.suffix, choice.leave = server, "virtual", partial(seams.leave, world)
    elsewhere = "`make lab` on a computer" if IN_PAGE else "start_lab(world='sockets')"
    choice.sentence = (f"Live broker: the embedded one, with the rules of Kafka {version}. It runs in a "
                       "virtual world, together with the real client: one thread, in memory, with a clock "
                       f"that doesn't wait. For sockets and real time: {elsewhere}.")
    return choice
