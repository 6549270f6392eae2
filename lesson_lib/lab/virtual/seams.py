"""Where the virtual world is put in place of the real one, in kafka-python and in our own rooms, and taken
away again.

All of it is names: `time`, `threading`, `socket` ... in modules that wait, and the seams of kafka-python
(`SEAMS`).
Who calls something by such a name in another thread than the world's own gets the real thing, so that
sockets and threads elsewhere go on as they were. Of our own modules those that want the real thing in every
world have it from there by name, such as `from time import time`.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import itertools
import random
import selectors
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial, partialmethod, wraps
from types import ModuleType
from typing import Any

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.net import selector
from kafka.net.inet import KafkaNetSocket
from kafka.producer.sender import Sender
from kafka.record import default_records
from kafka.record.default_records import DefaultRecordBatchBuilder

from lesson_lib.errors import LessonError
from lesson_lib.lab.virtual import connections
from lesson_lib.lab.virtual.world import EPOCH, Condition, VirtualThread, VirtualWorld, virtual_event

WAITING_ROOMS = ("kafka.", "lesson_lib.lab.", "lesson_lib.proxy.", "lesson_lib.broker.", "lesson_lib.wire.")
SEAMS = (Sender.run, Sender.run_once, selector.Task, selector.NetworkSelector, KafkaNetSocket,
         DefaultRecordBatchBuilder.append, ClusterMetadata.partitions_for_broker)
KNOWN_VERSION, KNOWN_SEAMS = "3.0.12", "7a215483f5ef8b0a"
RANDOM = ("choice", "shuffle", "uniform", "random", "randint")
_open: list[VirtualWorld] = []


def check_client() -> None:
    """LessonError for a kafka-python with other seams than those that we know."""
    text = "".join(map(inspect.getsource, SEAMS))
    if hashlib.blake2b(text.encode(), digest_size=8).hexdigest() != KNOWN_SEAMS:
        raise LessonError(f"The virtual world was made for kafka-python {KNOWN_VERSION}, and the inside of "
                          f"kafka-python {kafka.__version__} is another: install "
                          f"kafka-python=={KNOWN_VERSION}, or use start_lab(world='sockets').")


def check_outside() -> None:
    """LessonError in the thread of an open virtual world, for what is on sockets."""
    if any(world.is_here() for world in _open):
        raise LessonError("This client uses sockets and the time of the wall, and here a virtual world "
                          "is open, where neither is: stop its lab with lab.stop(), then run the cell again.")


def enter() -> VirtualWorld:
    """Open a virtual world. LessonError where one is open."""
    if _open:
        raise LessonError("A virtual world is open already; stop its lab first: lab.stop().")
    world = VirtualWorld()
    _open.append(world)
    try:
        put_everywhere(world)
    except BaseException:
        leave(world)
        raise
    return world


def leave(world: VirtualWorld) -> None:
    """End what is left of the world, and put the real one back everywhere."""
    try:
        world.close()
    finally:
        _open.remove(world)


def stand_ins(world: VirtualWorld) -> dict[ModuleType, dict[str, Callable[..., Any]]]:
    """What stands for what, in each module that knows of time, threads, sockets or chance."""
    def now() -> float:
        return world.now

    def current_thread() -> Any:
        return world.current.identity if world.current else threading.current_thread()

    return {
        time: {"monotonic": now, "perf_counter": now, "time": lambda: EPOCH + world.now,
               "time_ns": lambda: int((EPOCH + world.now) * 1e9),
               "sleep": partial(world.wait, lambda: False)},
        threading: {"Thread": partial(VirtualThread, world), "Event": partial(virtual_event, world),
                    "Lock": threading.RLock, "Condition": partial(Condition, world),
                    "current_thread": current_thread, "enumerate": lambda: world.threads},
        socket: {"socket": lambda *_: connections.End(world),
                 "socketpair": lambda: [connections.WakeUp(world)] * 2,
                 "create_connection": lambda address, wait: connections.End(world, wait).connect(address),
                 "getaddrinfo": lambda *address: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address[:2])]},
        asyncio: {"open_connection": partial(connections.open_connection, world),
                  "start_server": partial(connections.start_server, world)},
        random: {name: getattr(world.random, name) for name in RANDOM},
        uuid: {"uuid4": lambda: uuid.UUID(int=world.random.getrandbits(128), version=4)}}


def here(world: VirtualWorld, ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    """One for the world's thread, the other for everybody else."""
    owner, ident = world.owner, threading.get_ident
    return lambda *args, **options: (ours if ident() == owner else theirs)(*args, **options)


def put_everywhere(world: VirtualWorld) -> None:
    """The names of modules in everything that waits, and the seams of kafka-python that are no names of
    modules.
    """
    waiting = [module for name, module in sys.modules.items() if module is not None
               and name.startswith(WAITING_ROOMS) and not name.startswith(__package__)]
    for real, names in stand_ins(world).items():
        stand_in = ModuleType(real.__name__)
        vars(stand_in).update({**vars(real), **{name: here(world, ours, getattr(real, name))
                                                for name, ours in names.items()}})
        for module in waiting:
            for name in [name for name, value in vars(module).items() if value is real]:
                world.put(module, name, stand_in)
    choose = here(world, partial(connections.VirtualSelector, world), selectors.DefaultSelector)
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient, selector.NetworkSelector):
        world.put(client, "DEFAULT_CONFIG", {**client.DEFAULT_CONFIG, "selector": choose})
    number_tasks(world)
    # a set: which partition's batch goes first would differ from process to process
    drained = ClusterMetadata.partitions_for_broker
    world.put(ClusterMetadata, "partitions_for_broker",
              lambda cluster, broker_id: sorted(drained(cluster, broker_id) or ()))
    # it keeps the clock in a default argument
    world.put(DefaultRecordBatchBuilder, "append",
              partialmethod(DefaultRecordBatchBuilder.append, time_time=default_records.time.time))
    world.put(Sender, "start", partialmethod(here(world, partial(start_sender, world), Sender.start)))
    world.put(KafkaProducer, "send",
              guarded(world, KafkaProducer.send, lambda producer: producer._sender._client._net))
    world.put(selector.NetworkSelector, "run", guarded(world, selector.NetworkSelector.run, lambda net: net))


def number_tasks(world: VirtualWorld) -> None:
    """Of two tasks of kafka-python's loop that are due at one moment the older goes first; kafka-python
    leaves that to chance. One that is older than the world, of a client on sockets, has no number.
    """
    numbers, begin = itertools.count(1), selector.Task.__init__

    def begin_numbered(task: Any, coro: Any) -> None:
        begin(task, coro)
        task.number = next(numbers)

    world.put(selector.Task, "__init__", begin_numbered)
    world.put(selector.Task, "__lt__",
              lambda task, other: getattr(task, "number", 0) < getattr(other, "number", 0))


def start_sender(world: VirtualWorld, sender: Sender) -> None:
    """`Sender.start`, for a thread that is none."""
    thread = VirtualThread(world, sender.run, sender.name)
    sender.join, sender.is_alive = thread.join, thread.is_alive
    thread.start()


def guarded(world: VirtualWorld, method: Callable[..., Any],
            net_of: Callable[[Any], selector.NetworkSelector]) -> Callable[..., Any]:
    """The method, with one sentence for a client of the other world."""
    @wraps(method)
    def call(client: Any, *args: Any, **options: Any) -> Any:
        if isinstance(net_of(client)._selector, connections.VirtualSelector):
            world.check()
        else:
            check_outside()
        return method(client, *args, **options)
    return call
