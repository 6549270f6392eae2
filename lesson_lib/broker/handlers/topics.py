"""CreateTopics, DeleteTopics: topics come and go at once, there is only one node to tell.

Differs from Kafka in: of a topic's settings, max.message.bytes and message.timestamp.type have an effect; the others are kept.
"""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import CreateTopicsResponse, DeleteTopicsResponse

from lesson_lib.broker.cluster import MAX_PARTITIONS, Cluster, is_legal_topic
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

TOPIC_CONFIGS = frozenset(
    "cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level delete.retention.ms "
    "file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas index.interval.bytes "
    "leader.replication.throttled.replicas local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes "
    "message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio "
    "min.compaction.lag.ms min.insync.replicas preallocate remote.storage.enable retention.bytes retention.ms segment.bytes "
    "segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable".split())
_Created = CreateTopicsResponse.CreatableTopicResult
_Deleted = DeleteTopicsResponse.DeletableTopicResult


def handle_create_topics(cluster: Cluster, request: Request) -> Any:
    """Each topic succeeds or fails by itself."""
    rows = [_create(cluster, topic, request.body.validate_only) for topic in request.body.topics]
    return CreateTopicsResponse(throttle_time_ms=0, topics=rows)


def _create(cluster: Cluster, wanted: Any, validate_only: bool) -> Any:
    partitions = len(wanted.assignments) or (1 if wanted.num_partitions == -1 else wanted.num_partitions)
    error, message = _creation_error(cluster, wanted, partitions)
    if error:
        return _Created(name=wanted.name, error_code=error, error_message=message, configs=None)
    configs = {config.name: config.value for config in wanted.configs}
    topic = None if validate_only else cluster.create_topic(wanted.name, partitions, configs)
    known = {"topic_id": topic.id} if topic else {}
    return _Created(name=wanted.name, error_code=0, error_message=None, num_partitions=partitions, replication_factor=1,
                    configs=[], **known)


def _creation_error(cluster: Cluster, wanted: Any, partitions: int) -> tuple[ErrorCode, str | None]:
    if not is_legal_topic(wanted.name):
        return ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {wanted.name!r}"
    if wanted.name in cluster.topics:
        return ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{wanted.name}' already exists."
    if not 1 <= partitions <= MAX_PARTITIONS:
        return ErrorCode.INVALID_PARTITIONS, f"The number of partitions must be 1 to {MAX_PARTITIONS}."
    if not wanted.assignments and wanted.replication_factor not in (-1, 1):
        return ErrorCode.INVALID_REPLICATION_FACTOR, "There is one broker, so the replication factor can only be 1."
    return _config_error({config.name: config.value for config in wanted.configs})


def _config_error(configs: dict[str, str | None]) -> tuple[ErrorCode, str | None]:
    for name, value in configs.items():
        if name not in TOPIC_CONFIGS:
            return ErrorCode.INVALID_CONFIG, f"Unknown topic config name: {name}"
        if name == "max.message.bytes" and not (value or "").isdigit():
            return ErrorCode.INVALID_CONFIG, f"Invalid value {value} for configuration {name}: Not a number of type INT"
        if name == "message.timestamp.type" and value not in ("CreateTime", "LogAppendTime"):
            return ErrorCode.INVALID_CONFIG, f"Invalid value {value} for configuration {name}"
    return ErrorCode.NONE, None


def handle_delete_topics(cluster: Cluster, request: Request) -> Any:
    """By name, from version 6 also by id. Logs and the memory of producers go with the topic."""
    states = request.body.topics if request.api_version >= 6 else ()
    rows = [_delete(cluster, state.name, state.topic_id) for state in states]
    rows += [_delete(cluster, name, None) for name in request.body.topic_names or ()]
    return DeleteTopicsResponse(throttle_time_ms=0, responses=rows)


def _delete(cluster: Cluster, name: str | None, topic_id: Any) -> Any:
    topic = cluster.topic(name, topic_id)
    known = {"topic_id": topic_id} if topic_id else {}
    if topic is None:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if name else ErrorCode.UNKNOWN_TOPIC_ID
        message = "This server does not host this topic-partition." if name else "This server does not host this topic ID."
        return _Deleted(name=name, error_code=error, error_message=message, **known)
    del cluster.topics[topic.name]
    return _Deleted(name=topic.name, topic_id=topic.id, error_code=0, error_message=None)


HANDLERS = {19: handle_create_topics, 20: handle_delete_topics}
