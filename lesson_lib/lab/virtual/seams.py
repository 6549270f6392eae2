"""Puts a virtual world in the place of the real one, in kafka-python and in our own modules that wait.

All of it is names: `time`, `threading`, `socket` ... in these modules, and some of kafka-python's own. They
are put back when the world closes. Other threads than its own get the real thing all the time; a module of
ours that wants it in every world imports it by its own name, as in `from time import time`.
"""

from __future__ import annotations

import asyncio
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
from operator import lt
from types import ModuleType
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.net import selector
from kafka.producer import kafka as producer_module
from kafka.producer.sender import Sender
from kafka.record import default_records

from lesson_lib.lab.clients import check_outside
from lesson_lib.lab.virtual.connections import VirtualSelector, VirtualSocket, open_connection, start_server
from lesson_lib.lab.virtual.world import EPOCH, VirtualThread, VirtualWorld

WAITING_MODULES = ("kafka.", "lesson_lib.lab.", "lesson_lib.proxy.", "lesson_lib.broker.", "lesson_lib.wire.")
WAITING_METHODS = ("send", "partitions_for", "init_transactions", "send_offsets_to_transaction",
                   "commit_transaction", "abort_transaction")


def stand_ins(world: VirtualWorld) -> dict[ModuleType, dict[str, Callable[..., Any]]]:
    """For each real module of time, threads, sockets or chance: what stands in for which of its names."""
    return {
        time: {"monotonic": world.time, "time": lambda: EPOCH + world.now,
               "time_ns": lambda: int((EPOCH + world.now) * 1e9),
               "sleep": partial(world.wait, lambda: False)},
        threading: {"Thread": subclass(VirtualThread, world=world), "Lock": threading.RLock,
                    "Event": subclass(threading.Event, wait=lambda event, timeout=None:
                                  world.wait(event.is_set, timeout)),
                    "Condition": subclass(threading.Condition, wait_for=lambda _, predicate, timeout=None:
                                      world.wait(predicate, timeout)),
                    "current_thread": lambda: world.current or threading.current_thread(),
                    "enumerate": lambda: list(world.threads)},
        socket: {"socket": lambda *_: VirtualSocket(world),
                 # kafka-python wakes its selector through it, at once
                 "socketpair": lambda: 2 * [subclass(VirtualSocket, transmit=VirtualSocket.receive)(world)],
                 "create_connection": lambda address, wait: VirtualSocket(world, wait, address),
                 "getaddrinfo": lambda *address: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address[:2])]},
        asyncio: {"open_connection": partial(open_connection, world),
                  "start_server": partial(start_server, world)},
        random: {name: getattr(world.random, name) for name in ("choice", "shuffle", "uniform")},
        uuid: {"uuid4": lambda: uuid.UUID(int=world.random.getrandbits(128), version=4)}}


def subclass(*bases: type[Any], **members: Any) -> type[Any]:
    """A subclass of these under the name of the last, with some members of its own."""
    return type(bases[-1].__name__, bases, members)


def by_thread(world: VirtualWorld, ours: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """`ours` for a call from the world's thread, `real` for one from any other."""
    ident = threading.get_ident
    return lambda *args, **options: (ours if ident() == world.owner else real)(*args, **options)


def put_everywhere(world: VirtualWorld) -> None:
    """Put the stand-ins into every module that waits, and change what kafka-python has by no such name."""
    waiting = [module for name, module in sys.modules.items() if module is not None
               and name.startswith(WAITING_MODULES) and not name.startswith(__package__)]
    for real, names in stand_ins(world).items():
        stand_in = ModuleType(real.__name__)
        vars(stand_in).update({**vars(real), **{name: by_thread(world, ours, getattr(real, name))
                                                for name, ours in names.items()}})
        for module in waiting:
            for name in [name for name, value in vars(module).items() if value is real]:
                world.put(module, name, stand_in)
    choose = by_thread(world, subclass(VirtualSelector, world=world), selectors.DefaultSelector)
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient, selector.NetworkSelector):
        world.put(client, "DEFAULT_CONFIG", {**client.DEFAULT_CONFIG, "selector": choose})
    virtual_sender = subclass(VirtualThread, Sender, world=world)
    world.put(producer_module, "Sender", by_thread(world, virtual_sender, Sender))
    # of two tasks that are due at one moment the older is first; kafka-python leaves that to chance
    numbers, begin = itertools.count(1), selector.Task.__init__  # a task from before the world has none

    def begin_numbered(task: Any, coro: Any) -> None:
        begin(task, coro)
        task.number = next(numbers)
    world.put(selector.Task, "__init__", begin_numbered)
    world.put(selector.Task, "__lt__", lambda *tasks: lt(*(vars(task).get("number", 0) for task in tasks)))
    # it returns a set: whose batch is sent first would differ from process to process
    drained = ClusterMetadata.partitions_for_broker
    world.put(ClusterMetadata, "partitions_for_broker",
              lambda cluster, broker_id: sorted(drained(cluster, broker_id) or ()))
    # it has the clock in a default argument
    builder = default_records.DefaultRecordBatchBuilder
    world.put(builder, "append", partialmethod(builder.append, time_time=default_records.time.time))
    for home, name in (selector.NetworkSelector, "run"), *((KafkaProducer, wait) for wait in WAITING_METHODS):
        world.put(home, name, guarded(world, getattr(home, name)))


def guarded(world: VirtualWorld, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which first refuses a client of the other world in one sentence."""
    @wraps(method)
    def call(client: Any, *args: Any, **options: Any) -> Any:
        net = client._sender._client._net if isinstance(client, KafkaProducer) else client
        world.check() if isinstance(net._selector, VirtualSelector) else check_outside()
        return method(client, *args, **options)
    return call
