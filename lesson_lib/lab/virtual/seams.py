"""Where the virtual world is put in place of the real one, in kafka-python and in our own rooms, and taken
away again.

All of it is names: `time`, `threading`, `socket` ... in modules that wait, and some of kafka-python's own.
Who calls something by such a name in another thread than the world's gets the real thing. Of our own modules
those that want it in every world have it by name, such as `from time import time`.
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
from lesson_lib.lab.virtual import connections
from lesson_lib.lab.virtual.world import EPOCH, VirtualThread, VirtualWorld

THESE_WAIT = ("kafka.", "lesson_lib.lab.", "lesson_lib.proxy.", "lesson_lib.broker.", "lesson_lib.wire.")
PRODUCER_WAITS = ("send", "partitions_for", "init_transactions", "send_offsets_to_transaction",
                  "commit_transaction", "abort_transaction")


def stand_ins(world: VirtualWorld) -> dict[ModuleType, dict[str, Callable[..., Any]]]:
    """What stands for what, in each module that knows of time, threads, sockets or chance."""
    return {
        time: {"monotonic": world.time, "time": lambda: EPOCH + world.now,
               "time_ns": lambda: int((EPOCH + world.now) * 1e9),
               "sleep": partial(world.wait, lambda: False)},
        threading: {"Thread": like(VirtualThread, world=world), "Lock": threading.RLock,
                    "Event": like(threading.Event, wait=lambda event, timeout=None:
                                  world.wait(event.is_set, timeout)),
                    "Condition": like(threading.Condition, wait_for=lambda _, predicate, timeout=None:
                                      world.wait(predicate, timeout)),
                    "current_thread": lambda: world.current or threading.current_thread(),
                    "enumerate": lambda: list(world.threads)},
        socket: {"socket": lambda *_: connections.End(world),
                 # by which a selector is woken, at once
                 "socketpair": lambda: [like(connections.End, transmit=connections.End.receive)(world)] * 2,
                 "create_connection": lambda address, wait: connections.End(world, wait, address),
                 "getaddrinfo": lambda *address: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address[:2])]},
        asyncio: {"open_connection": partial(connections.open_connection, world),
                  "start_server": partial(connections.start_server, world)},
        random: {name: getattr(world.random, name) for name in ("choice", "shuffle", "uniform")},
        uuid: {"uuid4": lambda: uuid.UUID(int=world.random.getrandbits(128), version=4)}}


def like(*kinds: type[Any], **members: Any) -> type[Any]:
    """A class like these, with some members of its own."""
    return type(kinds[-1].__name__, kinds, members)


def here(world: VirtualWorld, ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    """One for the world's thread, the other for everybody else."""
    ident = threading.get_ident
    return lambda *args, **options: (ours if ident() == world.owner else theirs)(*args, **options)


def put_everywhere(world: VirtualWorld) -> None:
    """The names of modules in everything that waits, and the seams of kafka-python that are no such names."""
    waiting = [module for name, module in sys.modules.items() if module is not None
               and name.startswith(THESE_WAIT) and not name.startswith(__package__)]
    for real, names in stand_ins(world).items():
        stand_in = ModuleType(real.__name__)
        vars(stand_in).update({**vars(real), **{name: here(world, ours, getattr(real, name))
                                                for name, ours in names.items()}})
        for module in waiting:
            for name in [name for name, value in vars(module).items() if value is real]:
                world.put(module, name, stand_in)
    choose = here(world, like(connections.VirtualSelector, world=world), selectors.DefaultSelector)
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient, selector.NetworkSelector):
        world.put(client, "DEFAULT_CONFIG", {**client.DEFAULT_CONFIG, "selector": choose})
    world.put(producer_module, "Sender", here(world, like(VirtualThread, Sender, world=world), Sender))
    # of two tasks that are due at one moment the older goes first; kafka-python leaves that to chance
    numbers, begin = itertools.count(1), selector.Task.__init__  # one that is older than the world has none

    def begin_numbered(task: Any, coro: Any) -> None:
        begin(task, coro)
        task.number = next(numbers)
    world.put(selector.Task, "__init__", begin_numbered)
    world.put(selector.Task, "__lt__", lambda *tasks: lt(*(vars(task).get("number", 0) for task in tasks)))
    # a set: which partition's batch goes first would differ from process to process
    drained = ClusterMetadata.partitions_for_broker
    world.put(ClusterMetadata, "partitions_for_broker",
              lambda cluster, broker_id: sorted(drained(cluster, broker_id) or ()))
    # it keeps the clock in a default argument
    builder = default_records.DefaultRecordBatchBuilder
    world.put(builder, "append", partialmethod(builder.append, time_time=default_records.time.time))
    for home, name in (selector.NetworkSelector, "run"), *((KafkaProducer, wait) for wait in PRODUCER_WAITS):
        world.put(home, name, guarded(world, getattr(home, name)))


def guarded(world: VirtualWorld, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, with one sentence for a client of the other world."""
    @wraps(method)
    def call(client: Any, *args: Any, **options: Any) -> Any:
        net = client._sender._client._net if isinstance(client, KafkaProducer) else client
        world.check() if isinstance(net._selector, connections.VirtualSelector) else check_outside()
        return method(client, *args, **options)
    return call
