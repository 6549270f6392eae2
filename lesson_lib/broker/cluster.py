"""What the embedded broker knows: its topics with their settings and their logs, its address, its clock.

Handlers read and change a `Cluster`, and raise `ApiException` where a request, or a part of it, is refused;
only the broker's own thread touches it. Differs from Kafka in: one
node, which is leader of everything, controller and every coordinator at once; nothing is written to disk. Of
a topic's settings `cleanup.policy` (whether records need a key), `max.message.bytes`,
`message.timestamp.type` and `message.timestamp.after.max.ms` have an effect; all others are kept and told.

Source of the settings: `LogConfig`, `ConfigDef.parseType`, `ControllerConfigurationValidator`.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from lesson_lib.broker.groups import ClassicGroup, OffsetStore
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.core.transactions import TransactionCoordinator

NODE_ID = 1
CLUSTER_ID = "c2VudC10d2ljZS1zdG9yZW"
MAX_PARTITIONS = 1000
OFFSETS_PARTITION = ("__consumer_offsets", 0)
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7  # kinds, by their numbers in DescribeConfigs
_LONGEST = 2**63 - 1
_FORMS = {  # what a value of a kind looks like, and what Kafka says of one that does not
    BOOLEAN: (r"(?i:true|false)", "Expected value to be either true or false"),
    LIST: (r"\*|([0-9]+:[0-9]+(,[0-9]+:[0-9]+)*)?", "it must be the literal '*' or a list of replicas"),
    INT: (r"[+-]?[0-9]{1,20}", "Not a number of type INT"),
    LONG: (r"[+-]?[0-9]{1,20}", "Not a number of type LONG"),
    DOUBLE: (r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", "Not a number of type DOUBLE"),
}
_WHOLE = {INT: range(-2**31, 2**31), LONG: range(-2**63, 2**63)}


class ApiException(Exception):
    """Why a request, or a part of one, is refused: its error code, and what else the answer then has."""

    def __init__(self, error: int, **fields: Any) -> None:
        self.fields = {"error_code": error, **fields}


def refuse_if(wrong: object, error: int, message: str = "", **fields: Any) -> None:
    """ApiException with this error, and a message where Kafka sends one, if something is wrong."""
    if wrong:
        raise ApiException(error, **({"error_message": message} if message else {}), **fields)


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def is_legal_topic(name: str) -> bool:
    """`Topic.isValid`: 1 to 249 characters of a-z A-Z 0-9 . _ - and not one of the two directory names."""
    return bool(_LEGAL_NAME.fullmatch(name)) and name not in (".", "..")


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
        self._names[topic.id] = self._in_metrics[name.replace(".", "_")] = name
        self.add_partitions(topic, partitions)
        return topic

    def add_partitions(self, topic: Topic, count: int) -> None:
        """So many more empty partitions."""
        topic.logs += [PartitionLog(self.version) for _ in range(count)]

    def delete_topic(self, topic: Topic) -> None:
        """Logs and the memory of producers go with it."""
        del self.topics[topic.name], self._names[topic.id], self._in_metrics[topic.name.replace(".", "_")]

    def colliding_topic(self, name: str) -> str | None:
        """`Topic.hasCollision`: another topic whose name differs in dots and underscores alone."""
        return self._in_metrics.get(name.replace(".", "_"))

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

    def find_log(self, name: str | None, partition: int,
                 topic_id: uuid.UUID | None = None) -> PartitionLog | None:
        """The log of a partition, None where there is no such topic or partition."""
        topic = self.topic(name, topic_id)
        return topic.logs[partition] if topic and 0 <= partition < len(topic.logs) else None

    def log(self, name: str | None, partition: int, *topic_id: uuid.UUID | None) -> PartitionLog:
        """As `find_log`. ApiException where there is none, about the id only if one is given."""
        log = self.find_log(name, partition, *topic_id)
        unknown = self.unknown_topic(name) if topic_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        refuse_if(log is None, unknown)
        return log

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

    def check_leader_epoch(self, current: int) -> None:
        """ApiException where a client takes another leader epoch for the newest, -1: none (KIP-320)."""
        if current >= 0 and current != self.leader_epoch:
            older = current < self.leader_epoch
            raise ApiException(ErrorCode.FENCED_LEADER_EPOCH if older else ErrorCode.UNKNOWN_LEADER_EPOCH)

    def announce_change(self) -> None:
        """Wake every fetch that waits for new records."""
        self.changed.set()
        self.changed = asyncio.Event()


# the settings of a topic: what CreateTopics checks and DescribeConfigs tells


class Setting(NamedTuple):
    """What a value must be: of this kind, within these limits, or one of these words."""

    kind: int
    default: str
    least: float = -inf
    most: float = inf
    words: tuple[str, ...] = ()

    def why_not(self, value: str) -> str:
        """What is wrong with this value, in Kafka's words; nothing where it is right."""
        if self.words:
            given = [word.strip() for word in value.split(",") if word] if self.kind == LIST else [value]
            return "" if set(given) <= set(self.words) else f"String must be one of: {', '.join(self.words)}"
        form, why = _FORMS[self.kind]
        whole = _WHOLE.get(self.kind)
        if not re.fullmatch(form, value.strip()) or (whole and int(value) not in whole):
            return why
        number = 0 if self.kind in (BOOLEAN, LIST) else float(value)
        if number < self.least:
            return f"Value must be at least {self.least}"
        return f"Value must be no more than {self.most}" if number > self.most else ""


SETTINGS = {
    "cleanup.policy": Setting(LIST, "delete", words=("compact", "delete")),
    "compression.gzip.level": Setting(INT, "-1", words=("-1", *"123456789")),
    "compression.lz4.level": Setting(INT, "9", 1, 17),
    "compression.type": Setting(STRING, "producer", words=("uncompressed", "zstd", "lz4", "snappy", "gzip",
                                                           "producer")),
    "compression.zstd.level": Setting(INT, "3", -131072, 22),
    "delete.retention.ms": Setting(LONG, "86400000", 0),
    "file.delete.delay.ms": Setting(LONG, "60000", 0),
    "flush.messages": Setting(LONG, str(_LONGEST), 1),
    "flush.ms": Setting(LONG, str(_LONGEST), 0),
    "follower.replication.throttled.replicas": Setting(LIST, ""),
    "index.interval.bytes": Setting(INT, "4096", 0),
    "leader.replication.throttled.replicas": Setting(LIST, ""),
    "local.retention.bytes": Setting(LONG, "-2", -2),
    "local.retention.ms": Setting(LONG, "-2", -2),
    "max.compaction.lag.ms": Setting(LONG, str(_LONGEST), 1),
    "max.message.bytes": Setting(INT, "1048588", 0),
    "message.timestamp.after.max.ms": Setting(LONG, "3600000", 0),
    "message.timestamp.before.max.ms": Setting(LONG, str(_LONGEST), 0),
    "message.timestamp.type": Setting(STRING, "CreateTime", words=("CreateTime", "LogAppendTime")),
    "min.cleanable.dirty.ratio": Setting(DOUBLE, "0.5", 0, 1),
    "min.compaction.lag.ms": Setting(LONG, "0", 0),
    "min.insync.replicas": Setting(INT, "1", 1),
    "preallocate": Setting(BOOLEAN, "false"),
    "remote.storage.enable": Setting(BOOLEAN, "false"),
    "retention.bytes": Setting(LONG, "-1"),
    "retention.ms": Setting(LONG, "604800000", -1),
    "segment.bytes": Setting(INT, "1073741824", 1048576),
    "segment.index.bytes": Setting(INT, "10485760", 4),
    "segment.jitter.ms": Setting(LONG, "0", 0),
    "segment.ms": Setting(LONG, "604800000", 1),
    "unclean.leader.election.enable": Setting(BOOLEAN, "false"),
}


def why_refused(configs: dict[str, str | None]) -> str:
    """What is wrong with the settings that a topic should get, in Kafka's words; nothing where all fit."""
    if absent := [name for name, value in configs.items() if value is None]:
        return f"Null value not supported for topic configs: {', '.join(absent)}"
    for name, value in configs.items():
        if name not in SETTINGS:
            return f"Unknown topic config name: {name}"
        if why := SETTINGS[name].why_not(value):
            return f"Invalid value {value[:100]} for configuration {name}: {why}"
    if configs.get("remote.storage.enable", "").strip().lower() == "true":
        return "Tiered Storage functionality is disabled in the broker."
    return ""
