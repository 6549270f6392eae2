"""What the one broker says of itself: FindCoordinator, DescribeCluster, DescribeConfigs, DescribeLogDirs.

Source: `KafkaApis.handleFindCoordinatorRequest`, `ConfigHelper`. Differs from Kafka in: of a broker's
settings only three are told.
"""

from __future__ import annotations

from typing import Any

from lesson_lib.broker.cluster import (
    CLUSTER_ID,
    INT,
    NODE_ID,
    SETTINGS,
    ApiException,
    Cluster,
    Setting,
    is_legal_topic,
    refuse_if,
)
from lesson_lib.broker.connection import Fields, Response, answered, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

BROKERS, CONTROLLERS = 1, 2  # kinds of endpoints
GROUP, TRANSACTION = 0, 1  # kinds of coordinators
TOPIC, BROKER = 2, 4  # kinds of resources
KINDS = (TOPIC, BROKER, 8, 16, 32)  # loggers, metrics of clients, groups: nothing is told of these
SET_ON_TOPIC, DEFAULT = 1, 5  # where a setting comes from
BROKER_SETTINGS = {
    "auto.create.topics.enable": Setting(1, "false"),
    "producer.id.expiration.ms": Setting(INT, "86400000"),
    "transaction.max.timeout.ms": Setting(INT, "900000"),
}


@serves("FindCoordinator", 0, 6)
def handle_find_coordinator(cluster: Cluster, request: Request) -> Response:
    """The one node coordinates every group and transactional id; from version 4 several keys at once."""
    here = {"node_id": NODE_ID, "host": cluster.host, "port": cluster.port, "error_message": None}
    if request.body.key_type not in (GROUP, TRANSACTION):
        here = {"error_code": ErrorCode.INVALID_REQUEST, "node_id": -1, "host": "", "port": -1}
    return {"coordinators": [{"key": key, **here} for key in request.body.coordinator_keys or ()], **here}


@serves("DescribeCluster", 0, 2)
def handle_describe_cluster(cluster: Cluster, request: Request) -> Response:
    """The same broker once more, for admin clients; it is not a controller's endpoint."""
    if request.api_version and request.body.endpoint_type != BROKERS:
        raise ApiException(ErrorCode.MISMATCHED_ENDPOINT_TYPE if request.body.endpoint_type == CONTROLLERS
                           else ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
    broker = {"broker_id": NODE_ID, "host": cluster.host, "port": cluster.port}
    return {"cluster_id": CLUSTER_ID, "controller_id": NODE_ID, "brokers": [broker]}


@serves("DescribeConfigs", 1, 4)
def handle_describe_configs(cluster: Cluster, request: Request) -> Response:
    """The settings of topics, and some by which this broker behaves."""
    return {"results": [{"resource_type": resource.resource_type, "resource_name": resource.resource_name,
                         "error_message": "", **answered(_configs_of, cluster, resource)}
                        for resource in request.body.resources]}


def _configs_of(cluster: Cluster, resource: Any) -> Fields:
    kind, name, asked = resource.resource_type, resource.resource_name, resource.configuration_keys
    settings, own = {}, {"auto.create.topics.enable": str(cluster.auto_create_topics).lower()}
    refuse_if(kind == TOPIC and not is_legal_topic(name), ErrorCode.INVALID_TOPIC_EXCEPTION)
    elsewhere = kind == BROKER and name not in ("", str(NODE_ID))
    refuse_if(kind not in KINDS or elsewhere, ErrorCode.INVALID_REQUEST)
    if kind == TOPIC:
        refuse_if(name not in cluster.topics, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        settings, own = SETTINGS, cluster.topics[name].configs
    elif kind == BROKER and name:
        settings = BROKER_SETTINGS
    return {"configs": [
        {"name": key, "value": own.get(key, setting.default), "read_only": True, "config_type": setting.kind,
         "config_source": SET_ON_TOPIC if key in own else DEFAULT, "documentation": None}
        for key, setting in settings.items() if not asked or key in asked]}


@serves("DescribeLogDirs", 1, 5)
def handle_describe_log_dirs(cluster: Cluster, request: Request) -> Response:
    """One folder that holds every log, each as large as its batches; nothing of topics that there are not."""
    wanted = request.body.topics
    asked = {one.topic: set(one.partitions) for one in wanted or ()}
    topics = [{"name": name, "partitions": [
        {"partition_index": number, "partition_size": sum(len(one.batch.payload) for one in log.batches)}
        for number, log in enumerate(topic.logs) if wanted is None or number in asked[name]]}
        for name, topic in cluster.topics.items() if wanted is None or name in asked]
    return {"results": [{"log_dir": "memory", "topics": topics}]}
