"""What there is: ApiVersions, Metadata, FindCoordinator, DescribeCluster; and topics, which come and go at
once.

CreateTopics, DeleteTopics, CreatePartitions, DescribeConfigs. Differs from Kafka in: of a topic's settings,
max.message.bytes and message.timestamp.type have an effect; the others are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lesson_lib.broker.cluster import CLUSTER_ID, MAX_PARTITIONS, NODE_ID, Cluster, Topic, is_legal_topic
from lesson_lib.broker.connection import Response, served_versions, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import PRODUCE, Request

TRANSACTION_VERSION = {"name": "transaction.version", "max_version": 2}
FINALIZED_VERSION = {"name": "transaction.version", "max_version_level": 2, "min_version_level": 2}
MAX_PARTITIONS_OF_REQUEST = 10_000  # all topics together (QuorumController.MAX_RECORDS_PER_USER_OP)
MAX_INT = 2**31 - 1
TOPIC, BROKER = 2, 4  # kinds of resources
SET_ON_TOPIC, DEFAULT = 1, 5  # where a setting comes from
DEFAULTS = {
    TOPIC: {"cleanup.policy": "delete", "max.message.bytes": "1048588", "min.insync.replicas": "1",
            "message.timestamp.type": "CreateTime", "retention.ms": "-1"},
    BROKER: {"transaction.max.timeout.ms": "900000", "producer.id.expiration.ms": "86400000",
             "auto.create.topics.enable": "false"},
}
TOPIC_CONFIGS = frozenset(
    "cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level "
    "delete.retention.ms file.delete.delay.ms flush.messages flush.ms index.interval.bytes "
    "follower.replication.throttled.replicas leader.replication.throttled.replicas local.retention.bytes "
    "local.retention.ms max.compaction.lag.ms max.message.bytes message.timestamp.after.max.ms "
    "message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms "
    "min.insync.replicas preallocate remote.storage.enable retention.bytes retention.ms segment.bytes "
    "segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable".split())
Refusal = tuple[ErrorCode, str] | None


@serves("ApiVersions", 0, 4)
def handle_api_versions(cluster: Cluster, request: Request) -> Response:
    """KIP-35: the versions of each API, and from 4.0 the cluster's features (transaction.version, KIP-584).

    Kafka says that it serves Produce from version 0 on, which it does not since 4.0: librdkafka up to 2.10
    sends compressed batches uncompressed to a broker that names a higher one (KAFKA-18659).
    """
    rows = [{"api_key": key, "min_version": 0 if key == PRODUCE else low, "max_version": high}
            for key, (low, high) in sorted(served_versions(cluster.version).items())]
    features = {"supported_features": [TRANSACTION_VERSION], "finalized_features": [FINALIZED_VERSION],
                "finalized_features_epoch": 1} if cluster.version.has_transaction_version_2 else {}
    return {"api_keys": rows, **features}


@serves("Metadata", 0, 13)
def handle_metadata(cluster: Cluster, request: Request) -> Response:
    """Brokers and topics. Topics None means all; version 0 means all by an empty list."""
    wanted = request.body.topics
    everything = wanted is None or (request.api_version == 0 and not wanted)
    topics = ([_describe(topic, cluster.leader_epoch) for topic in cluster.topics.values()] if everything
              else [_one_topic(cluster, request, topic) for topic in wanted])
    broker = {"node_id": NODE_ID, "host": cluster.host, "port": cluster.port}
    return {"brokers": [broker], "cluster_id": CLUSTER_ID, "controller_id": NODE_ID, "topics": topics}


def _one_topic(cluster: Cluster, request: Request, wanted: Any) -> Response:
    topic = cluster.topic(wanted.name, wanted.topic_id)
    if topic is not None:
        return _describe(topic, cluster.leader_epoch)
    legal, may_make = is_legal_topic(wanted.name or ""), request.body.allow_auto_topic_creation
    if legal and may_make and cluster.auto_create_topics:
        return _describe(cluster.create_topic(wanted.name), cluster.leader_epoch)
    illegal = wanted.name and not legal
    error = ErrorCode.INVALID_TOPIC_EXCEPTION if illegal else cluster.unknown_topic(wanted.name)
    return {"error_code": error, "name": wanted.name, "topic_id": wanted.topic_id}


def _describe(topic: Topic, leader_epoch: int) -> Response:
    partitions = [{"partition_index": index, "leader_id": NODE_ID, "leader_epoch": leader_epoch,
                   "replica_nodes": [NODE_ID], "isr_nodes": [NODE_ID]} for index in range(len(topic.logs))]
    return {"name": topic.name, "topic_id": topic.id, "partitions": partitions}


@serves("FindCoordinator", 0, 6)
def handle_find_coordinator(cluster: Cluster, request: Request) -> Response:
    """The one node coordinates every group and transactional id; from version 4 several keys at once."""
    here = {"node_id": NODE_ID, "host": cluster.host, "port": cluster.port, "error_message": None}
    return {"coordinators": [{"key": key, **here} for key in request.body.coordinator_keys or ()], **here}


@serves("DescribeCluster", 0, 2)
def handle_describe_cluster(cluster: Cluster, request: Request) -> Response:
    """The same broker once more, for admin clients."""
    broker = {"broker_id": NODE_ID, "host": cluster.host, "port": cluster.port}
    return {"cluster_id": CLUSTER_ID, "controller_id": NODE_ID, "brokers": [broker]}


# topics


@serves("CreateTopics", 2, 7)
def handle_create_topics(cluster: Cluster, request: Request) -> Response:
    """Each topic succeeds or fails by itself, but for what is wrong with the request as a whole."""
    body, times = request.body, Counter(topic.name for topic in request.body.topics)
    too_many = _too_many(sum(map(_partitions, body.topics)))
    twice = ErrorCode.INVALID_REQUEST, "Duplicate topic name."
    return {"topics": [
        _create(cluster, topic, body.validate_only, too_many or (twice if times[topic.name] > 1 else None))
        for topic in {topic.name: topic for topic in body.topics}.values()]}


def _too_many(partitions: int) -> Refusal:
    """`ReplicationControlManager.validateTotalNumberOfPartitions`."""
    if partitions <= MAX_PARTITIONS_OF_REQUEST:
        return None
    return ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request."


def _partitions(wanted: Any) -> int:
    return len(wanted.assignments) or (1 if wanted.num_partitions == -1 else wanted.num_partitions)


def _create(cluster: Cluster, wanted: Any, validate_only: bool, refusal: Refusal) -> Response:
    partitions = _partitions(wanted)
    if refusal := refusal or _creation_refusal(cluster, wanted, partitions):
        return {"name": wanted.name, "error_code": refusal[0], "error_message": refusal[1], "configs": None}
    row = {"name": wanted.name, "error_message": None, "num_partitions": partitions, "replication_factor": 1}
    if validate_only:
        return row
    configs = {config.name: config.value for config in wanted.configs}
    return {**row, "topic_id": cluster.create_topic(wanted.name, partitions, configs).id}


def _creation_refusal(cluster: Cluster, wanted: Any, partitions: int) -> Refusal:
    if not is_legal_topic(wanted.name):
        return ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {wanted.name!r}"
    if wanted.name in cluster.topics:
        return ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{wanted.name}' already exists."
    if other := cluster.colliding_topic(wanted.name):
        return (ErrorCode.INVALID_TOPIC_EXCEPTION,
                f"Topic '{wanted.name}' collides with existing topic: {other}")
    if not 1 <= partitions <= MAX_PARTITIONS:
        return ErrorCode.INVALID_PARTITIONS, f"The number of partitions must be 1 to {MAX_PARTITIONS}."
    if not wanted.assignments and wanted.replication_factor not in (-1, 1):
        return (ErrorCode.INVALID_REPLICATION_FACTOR,
                "There is one broker, so the replication factor can only be 1.")
    return _config_refusal({config.name: config.value for config in wanted.configs})


def _config_refusal(configs: dict[str, str | None]) -> Refusal:
    for name, value in configs.items():
        if name not in TOPIC_CONFIGS:
            return ErrorCode.INVALID_CONFIG, f"Unknown topic config name: {name}"
        invalid = f"Invalid value {value} for configuration {name}"
        if name == "max.message.bytes" and not _is_int(value):
            return ErrorCode.INVALID_CONFIG, f"{invalid}: Not a number of type INT"
        if name == "message.timestamp.type" and value not in ("CreateTime", "LogAppendTime"):
            return ErrorCode.INVALID_CONFIG, invalid
    return None


def _is_int(value: str | None) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,10}", value or "")) and int(value) <= MAX_INT


@serves("DeleteTopics", 1, 6)
def handle_delete_topics(cluster: Cluster, request: Request) -> Response:
    """By name, from version 6 also by id. Logs and the memory of producers go with the topic."""
    states = request.body.topics if request.api_version >= 6 else ()
    rows = [_delete(cluster, state.name, state.topic_id) for state in states]
    return {"responses": rows + [_delete(cluster, name, None) for name in request.body.topic_names or ()]}


def _delete(cluster: Cluster, name: str | None, topic_id: Any) -> Response:
    topic = cluster.topic(name, topic_id)
    if topic is None:
        known = {"topic_id": topic_id} if topic_id else {}
        message = f"This server does not host this {'topic-partition' if name else 'topic ID'}."
        return {"name": name, "error_code": cluster.unknown_topic(name), "error_message": message, **known}
    cluster.delete_topic(topic)
    return {"name": topic.name, "topic_id": topic.id}


@serves("CreatePartitions", 0, 3)
def handle_create_partitions(cluster: Cluster, request: Request) -> Response:
    """More partitions for a topic; never fewer."""
    too_many = _too_many(sum(wanted.count for wanted in request.body.topics))
    return {"results": [_grow(cluster, wanted, request.body.validate_only, too_many)
                        for wanted in request.body.topics]}


def _grow(cluster: Cluster, wanted: Any, validate_only: bool, refusal: Refusal) -> Response:
    topic = cluster.topic(wanted.name)
    if refusal:
        return {"name": wanted.name, "error_code": refusal[0], "error_message": refusal[1]}
    if topic is None:
        return {"name": wanted.name, "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    if not len(topic.logs) < wanted.count <= MAX_PARTITIONS:
        message = f"The topic has {len(topic.logs)} partitions; ask for more, at most {MAX_PARTITIONS}."
        return {"name": wanted.name, "error_code": ErrorCode.INVALID_PARTITIONS, "error_message": message}
    if not validate_only:
        cluster.add_partitions(topic, wanted.count - len(topic.logs))
    return {"name": wanted.name}


@serves("DescribeConfigs", 1, 4)
def handle_describe_configs(cluster: Cluster, request: Request) -> Response:
    """The settings by which this broker behaves, and what a topic was created with."""
    return {"results": [_configs_of(cluster, resource) for resource in request.body.resources]}


def _configs_of(cluster: Cluster, resource: Any) -> Response:
    kind, name = resource.resource_type, resource.resource_name
    row = {"resource_type": kind, "resource_name": name, "error_message": None}
    topic = cluster.topic(name) if kind == TOPIC else None
    if kind == TOPIC and topic is None:
        return {**row, "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    if kind == BROKER and name not in ("", str(NODE_ID)):
        return {**row, "error_code": ErrorCode.INVALID_REQUEST}
    own, asked = topic.configs if topic else {}, resource.configuration_keys
    values = {**DEFAULTS.get(kind, {}), **own}
    return {**row, "configs": [_config(key, values[key], SET_ON_TOPIC if key in own else DEFAULT)
                               for key in sorted(values) if asked is None or key in asked]}


def _config(name: str, value: str, source: int) -> Response:
    return {"name": name, "value": value, "read_only": True, "config_source": source,
            "is_default": source == DEFAULT, "documentation": None}
