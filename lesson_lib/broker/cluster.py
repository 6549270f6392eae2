"""What the embedded broker knows: its topics and their logs, its address, its clock.

Handlers read and change a `Cluster`; only the broker's own thread touches it. Differs from Kafka in: one
node, which is leader of everything, controller and every coordinator at once; nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lesson_lib.broker.groups import ClassicGroup, OffsetStore
from lesson_lib.broker.topic_configs import SETTINGS
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.transactions import TransactionCoordinator

NODE_ID = 1
CLUSTER_ID = "c2VudC10d2ljZS1zdG9yZW"
MAX_PARTITIONS = 1000
OFFSETS_PARTITION = ("__consumer_offsets", 0)
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def is_legal_topic(name: str) -> bool:
    """`Topic.isValid`: 1 to 249 characters of a-z A-Z 0-9 . _ - and not one of the two directory names."""
    return bool(_LEGAL_NAME.fullmatch(name)) and name not in (".", "..")


def _in_metrics(name: str) -> str:
    return name.replace(".", "_")


@dataclass
class Topic:
    """A topic and the log of each partition. A topic made again under the same name has another `id`."""

    name: str
    logs: list[PartitionLog]
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    configs: dict[str, str] = field(default_factory=dict)

    @property
    def stamps_on_append(self) -> bool:
        """message.timestamp.type: whether records get the broker's time instead of keeping the client's."""
        return self.configs.get("message.timestamp.type") == "LogAppendTime"

    @property
    def needs_keys(self) -> bool:
        """cleanup.policy: a topic that is compacted takes no record without a key."""
        return "compact" in self.configs.get("cleanup.policy", "")

    def number(self, name: str) -> int:
        """The value of a setting that is a number: its own, or the default."""
        return int(self.configs.get(name, SETTINGS[name].default))


@dataclass
class Cluster:
    """All state of one embedded broker. `now` is the broker's clock in milliseconds since 1970.

    `failures`: what handlers raised that they should not have; a test fails when there is anything in it.
    """

    version: KafkaVersion = DEFAULT_VERSION
    host: str = "127.0.0.1"
    port: int = 0
    auto_create_topics: bool = False
    now: Callable[[], int] = wall_clock
    topics: dict[str, Topic] = field(default_factory=dict)
    leader_epoch: int = 0
    coordinator: TransactionCoordinator = field(default_factory=TransactionCoordinator)
    groups: dict[str, ClassicGroup] = field(default_factory=dict)
    offsets: OffsetStore = field(default_factory=OffsetStore)
    failures: deque[Exception] = field(default_factory=lambda: deque(maxlen=20))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _names: dict[uuid.UUID, str] = field(default_factory=dict)
    _in_metrics: dict[str, str] = field(default_factory=dict)  # by the name that Kafka's metrics would have

    def __post_init__(self) -> None:
        self.coordinator.version = self.version

    def create_topic(self, name: str, partitions: int = 1, configs: dict[str, str] | None = None) -> Topic:
        """Add an empty topic; the caller has checked that the name is legal and free."""
        topic = self.topics[name] = Topic(name, [], configs=configs or {})
        self._names[topic.id] = self._in_metrics[_in_metrics(name)] = name
        self.add_partitions(topic, partitions)
        return topic

    def add_partitions(self, topic: Topic, count: int) -> None:
        """So many more empty partitions."""
        topic.logs += [PartitionLog(self.version) for _ in range(count)]

    def delete_topic(self, topic: Topic) -> None:
        """Logs and the memory of producers go with it."""
        del self.topics[topic.name], self._names[topic.id], self._in_metrics[_in_metrics(topic.name)]

    def colliding_topic(self, name: str) -> str | None:
        """`Topic.hasCollision`: another topic whose name differs in dots and underscores alone."""
        return self._in_metrics.get(_in_metrics(name))

    def topic(self, name: str | None, topic_id: uuid.UUID | None = None) -> Topic | None:
        """The topic of that name, or of that id where the request has no name."""
        return self.topics.get(name or self._names.get(topic_id, ""))

    @staticmethod
    def unknown_topic(name: str | None) -> ErrorCode:
        """What a request gets that asked for a topic by this name, or by an id where there is none."""
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if name else ErrorCode.UNKNOWN_TOPIC_ID

    def topic_name(self, named: Any) -> str:
        """The name in a part of a request that holds a name or, in newer versions, only an id."""
        topic = self.topic(named.name, getattr(named, "topic_id", None))
        return topic.name if topic else named.name or ""

    def log(self, name: str | None, partition: int, topic_id: uuid.UUID | None = None) -> PartitionLog | None:
        """The log of a partition, None where there is no such topic or partition."""
        topic = self.topic(name, topic_id)
        return topic.logs[partition] if topic and 0 <= partition < len(topic.logs) else None

    def logs(self) -> list[PartitionLog]:
        """The log of every partition."""
        return [log for topic in self.topics.values() for log in topic.logs]

    def group(self, name: str) -> ClassicGroup | None:
        """A consumer group; an empty one where there are only committed offsets."""
        return self.groups.get(name) or (ClassicGroup(name) if self.offsets.knows(name) else None)

    def forget_empty_groups(self) -> None:
        """Drop groups that never had a generation: their clients were given an id and did not come back."""
        self.groups = {name: group for name, group in self.groups.items()
                       if group.generation or group.members or group.expected}

    def leader_epoch_error(self, current: int) -> ErrorCode:
        """What is wrong with the leader epoch that a client takes for the newest; -1: nothing (KIP-320)."""
        if current < 0 or current == self.leader_epoch:
            return ErrorCode.NONE
        older = current < self.leader_epoch
        return ErrorCode.FENCED_LEADER_EPOCH if older else ErrorCode.UNKNOWN_LEADER_EPOCH

    def announce_change(self) -> None:
        """Wake every fetch that waits for new records."""
        self.changed.set()
        self.changed = asyncio.Event()
