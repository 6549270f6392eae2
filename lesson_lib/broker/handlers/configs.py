"""DescribeConfigs and CreatePartitions, which Kafka's own tools ask for."""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import CreatePartitionsResponse, DescribeConfigsResponse

from lesson_lib.broker.cluster import MAX_PARTITIONS, NODE_ID, Cluster
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.partition_log import PartitionLog
from lesson_lib.wire.messages import Request

_Result = DescribeConfigsResponse.DescribeConfigsResult
_Config = _Result.DescribeConfigsResourceResult
TOPIC, BROKER = 2, 4
_SET_ON_TOPIC, _DEFAULT = 1, 5
DEFAULTS = {
    TOPIC: {"cleanup.policy": "delete", "max.message.bytes": "1048588", "message.timestamp.type": "CreateTime",
            "min.insync.replicas": "1", "retention.ms": "-1"},
    BROKER: {"transaction.max.timeout.ms": "900000", "producer.id.expiration.ms": "86400000", "auto.create.topics.enable": "false"},
}


def handle_describe_configs(cluster: Cluster, request: Request) -> Any:
    """The settings by which this broker behaves, and what a topic was created with."""
    return DescribeConfigsResponse(throttle_time_ms=0, results=[_describe(cluster, r) for r in request.body.resources])


def _describe(cluster: Cluster, resource: Any) -> Any:
    kind, name, topic = resource.resource_type, resource.resource_name, cluster.topic(resource.resource_name)
    if (kind == TOPIC and topic is None) or (kind == BROKER and name not in ("", str(NODE_ID))):
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if kind == TOPIC else ErrorCode.INVALID_REQUEST
        return _Result(error_code=error, error_message=None, resource_type=kind, resource_name=name, configs=[])
    own = topic.configs if kind == TOPIC and topic else {}
    asked, values = resource.configuration_keys, {**DEFAULTS.get(kind, {}), **own}
    rows = [_config(key, value, _SET_ON_TOPIC if key in own else _DEFAULT)
            for key, value in sorted(values.items()) if asked is None or key in asked]
    return _Result(error_code=0, error_message=None, resource_type=kind, resource_name=name, configs=rows)


def _config(name: str, value: str, source: int) -> Any:
    return _Config(name=name, value=value, read_only=True, config_source=source, is_default=source == _DEFAULT,
                   is_sensitive=False, synonyms=[], config_type=0, documentation=None)


def handle_create_partitions(cluster: Cluster, request: Request) -> Any:
    """More partitions for a topic; never fewer."""
    rows = [_grow(cluster, wanted, request.body.validate_only) for wanted in request.body.topics]
    return CreatePartitionsResponse(throttle_time_ms=0, results=rows)


def _grow(cluster: Cluster, wanted: Any, validate_only: bool) -> Any:
    topic = cluster.topic(wanted.name)
    result = CreatePartitionsResponse.CreatePartitionsTopicResult
    if topic is None:
        return result(name=wanted.name, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, error_message=None)
    if not len(topic.logs) < wanted.count <= MAX_PARTITIONS:
        return result(name=wanted.name, error_code=ErrorCode.INVALID_PARTITIONS,
                      error_message=f"The topic has {len(topic.logs)} partitions; ask for more, at most {MAX_PARTITIONS}.")
    if not validate_only:
        topic.logs += [PartitionLog(cluster.version) for _ in range(wanted.count - len(topic.logs))]
    return result(name=wanted.name, error_code=0, error_message=None)


HANDLERS = {32: handle_describe_configs, 37: handle_create_partitions}
