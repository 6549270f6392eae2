"""The settings of a topic: names, kinds, defaults and limits, as CreateTopics checks them and DescribeConfigs
tells them.

Source: `LogConfig`, `ConfigDef.parseType`, `ControllerConfigurationValidator`. Differs from Kafka in:
`cleanup.policy` (whether records need a key), `max.message.bytes`, `message.timestamp.type` and
`message.timestamp.after.max.ms` have an effect; all others are kept and told.
"""

from __future__ import annotations

import re
from math import inf
from typing import NamedTuple

BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7  # kinds, by their numbers in DescribeConfigs
_KINDS = {INT: "INT", LONG: "LONG", DOUBLE: "DOUBLE"}
_WHOLE = {INT: 2**31, LONG: 2**63}
_REPLICAS = re.compile(r"\*|([0-9]+:[0-9]+(,[0-9]+:[0-9]+)*)?")
_LONGEST = 2**63 - 1


class Setting(NamedTuple):
    """What a value must be: of this kind, within these limits, or one of these words."""

    kind: int
    default: str
    least: float = -inf
    most: float = inf
    words: tuple[str, ...] = ()

    def why_not(self, value: str) -> str:
        """What is wrong with this value, in Kafka's words; nothing where it is right."""
        if self.kind == BOOLEAN:
            wrong = value.strip().lower() not in ("true", "false")
            return "Expected value to be either true or false" * wrong
        if self.words:
            given = [word.strip() for word in value.split(",") if word] if self.kind == LIST else [value]
            return "" if set(given) <= set(self.words) else f"String must be one of: {', '.join(self.words)}"
        if self.kind == LIST:
            return "" if _REPLICAS.fullmatch(value) else "it must be the literal '*' or a list of replicas"
        return self._why_no_number(value.strip())

    def _why_no_number(self, value: str) -> str:
        pattern = r"[+-]?[0-9]{1,20}" + r"(\.[0-9]{1,20})?" * (self.kind == DOUBLE)
        number = float(value) if re.fullmatch(pattern, value) else None
        if number is None or self.kind in _WHOLE and not -_WHOLE[self.kind] <= int(value) < _WHOLE[self.kind]:
            return f"Not a number of type {_KINDS[self.kind]}"
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
