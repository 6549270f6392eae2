"""Which broker the live exercises talk to: `KAFKA_BOOTSTRAP_SERVERS` if set, else the one of
docker-compose.yml if it answers, else the embedded one. One sentence says which, and how to change it.

And in which world: sockets, threads and the clock on the wall, or one thread, in memory, on a virtual clock.
In a web page it is the virtual one, as Python has no sockets and no threads there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Thread  # by name: whoever asks a broker is outside of every virtual world
from typing import Any

import kafka

from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError, version_of
from lesson_lib.lab.clients import check_outside, open_worlds
from lesson_lib.lab.compose import compose_address
from lesson_lib.wire import probe
from lesson_lib.wire.messages import Address

VARIABLE, WORLD = "KAFKA_BOOTSTRAP_SERVERS", "LESSON_WORLD"
IN_PAGE, WORLDS = sys.platform == "emscripten", ("sockets", "virtual")
PATIENCE_SECONDS, COMPOSE_SECONDS = 2.0, 0.5
KNOWN_CLIENT = "3.0.12"  # the kafka-python on whose inside all of the virtual world leans
CHANGE = (f"For another broker set {VARIABLE}=host:port, or run `make kafka` in a terminal, "
          "and run this cell again.")


@dataclass(frozen=True)
class Choice:
    """The broker at (host, port). `name` is for captions, `sentence` for the learner. We stop `embedded`, and
    close the virtual `world` that it is in, None on sockets. `check_thread` refuses a thread of the other
    world.
    """

    address: Address
    name: str
    sentence: str
    embedded: EmbeddedBroker | None = None
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    world: Any = None
    check_thread: Callable[[], object] = check_outside

    @property
    def text(self) -> str:
        """`host:port`."""
        return f"{self.address[0]}:{self.address[1]}"

    @property
    def is_release(self) -> bool:
        """Whether its name is a bare release: that of an embedded broker."""
        return self.name[:1].isdigit() and ":" not in self.name

    @property
    def who(self) -> str:
        """The broker in a sentence, as lesson 6 says it."""
        return f"the embedded broker ({self.name})" if self.is_release else self.name


def find(broker: str | EmbeddedBroker | None, version: str) -> Callable[[], Choice]:
    """The broker to use, which starts at the call where it is an embedded one. LessonError when the one that
    was asked for does not answer.
    """
    if isinstance(broker, EmbeddedBroker):
        return lambda: replace(of_embedded(broker), embedded=None)  # who started it stops it
    if not (broker is None or isinstance(broker, str)):
        raise LessonError("start_lab takes 'embedded', 'compose', host:port or an EmbeddedBroker, "
                          f"not {broker!r}.")
    wanted, found = broker or os.environ.get(VARIABLE, "").strip(), None
    if wanted in ("", "compose"):
        found = _compose(PATIENCE_SECONDS if wanted else COMPOSE_SECONDS)
        if wanted and not found:
            _, host, port = compose_address()
            raise LessonError(f"No Kafka broker answers at {host}:{port}; run `make kafka` in a terminal, "
                              "or leave the broker out of start_lab().")
    elif wanted != "embedded":
        found = _given(wanted, "start_lab" if broker else VARIABLE)
    own = None if found else EmbeddedBroker(version)
    return lambda: found or of_embedded(own.start())


def of_embedded(broker: EmbeddedBroker) -> Choice:
    """An embedded broker, which can have the faults that happen to a broker."""
    version = broker.cluster.version
    sentence = ("Live broker: the embedded one, in this Python process, "
                f"with the rules of Kafka {version}. {CHANGE}")
    return Choice(probe.split_address(broker.address), str(version), sentence, broker, broker.hooks)


def _given(wanted: str, said_by: str) -> Choice:
    clear = f"or clear it with %env {VARIABLE}= for the embedded broker, and run this cell again."
    try:
        addresses = [probe.split_address(part) for part in wanted.split(",") if part.strip()]
    except ValueError:
        addresses = []
    if not addresses:
        raise LessonError(f"{said_by} says {wanted!r}, which is not host:port, such as 127.0.0.1:9092; "
                          f"correct it, {clear}")
    answering = _first_answering(addresses, PATIENCE_SECONDS)
    if answering is None:
        raise LessonError(f"{said_by} says {wanted!r}, but no Kafka broker answers there; start it, correct "
                          f"the address, {clear}")
    name = f"{answering[0]}:{answering[1]}"
    return Choice(answering, name, f"Live broker: the one at {name}, as {said_by} says. To change it set "
                  f"{VARIABLE} to another host:port, or to embedded, and run this cell again.")


def _compose(seconds: float) -> Choice | None:
    version, host, port = compose_address()
    if _first_answering([(host, port)], seconds) is None:
        return None
    name = f"Apache Kafka {version}".strip()
    return Choice((host, port), name, f"Live broker: {name} of docker-compose.yml at {host}:{port}. "
                  f"For another one set {VARIABLE} to host:port, or to embedded, and run this cell again.")


def _first_answering(addresses: list[Address], seconds: float) -> Address | None:
    """The first where a Kafka broker answers. A name that cannot be looked up keeps nobody waiting."""
    found: list[Address] = []

    def ask(address: Address) -> None:
        with suppress(OSError):
            probe.api_versions(*address, timeout=seconds)
            found.append(address)

    threads = [Thread(target=ask, args=(address,), daemon=True) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 1)
    return next((address for address in addresses if address in found), None)


# the world


def is_virtual(world: str | None) -> bool:
    """Whether this is the virtual world; None leaves it to LESSON_WORLD. LessonError for one there isn't."""
    wanted = world or os.environ.get(WORLD, "").strip() or ("virtual" if IN_PAGE else "sockets")
    if wanted not in WORLDS:
        raise LessonError(f"There is no world {wanted!r}: start_lab(world=...) and {WORLD} know 'sockets' "
                          "and 'virtual'.")
    if IN_PAGE and wanted == "sockets":
        raise LessonError("A web page has no sockets: leave the world out of start_lab(), or open "
                          "the course on a computer with `make lab`.")
    return wanted == "virtual"


def find_virtual(broker: str | EmbeddedBroker | None, version: str) -> Callable[[], Choice]:
    """A broker in a virtual world, which the call opens for it. LessonError where another broker is asked
    for, for no release of Kafka, and for another kafka-python.
    """
    if broker not in (None, "embedded"):
        raise LessonError(f"A virtual world has a broker of its own and reaches no other, so not {broker!r}: "
                          "leave the broker out, or take start_lab(..., world='sockets').")
    if broker is None and os.environ.get(VARIABLE, "").strip() not in ("", "embedded"):
        raise LessonError(f"{VARIABLE} names a broker, and a virtual world reaches none: take the variable "
                          f"away with %env {VARIABLE}=, or take start_lab(world='sockets').")
    version_of(version)
    if kafka.__version__ != KNOWN_CLIENT:
        raise LessonError(f"The virtual world was made for the inside of kafka-python {KNOWN_CLIENT}, and "
                          f"this is {kafka.__version__}: install kafka-python=={KNOWN_CLIENT}, or use "
                          "start_lab(world='sockets').")
    return partial(_start_virtual, version)


def _start_virtual(version: str) -> Choice:
    from lesson_lib.lab.virtual.connections import HOST  # which lean on the inside of kafka-python
    from lesson_lib.lab.virtual.seams import put_everywhere
    from lesson_lib.lab.virtual.world import VirtualWorld
    if open_worlds:
        raise LessonError("A virtual world is open already; stop its lab first: lab.stop().")
    world = VirtualWorld()
    try:
        put_everywhere(world)
        choice = of_embedded(EmbeddedBroker(version, host=HOST, loop=world).start())
    except BaseException:
        world.close()
        raise
    elsewhere = "`make lab` on a computer" if IN_PAGE else "start_lab(world='sockets')"
    sentence = (f"Live broker: the embedded one, with the rules of Kafka {version}. It runs in a "
                "virtual world, together with the real client: one thread, in memory, with a clock "
                f"that doesn't wait. For sockets and real time: {elsewhere}.")
    return replace(choice, sentence=sentence, world=world, check_thread=world.check)
