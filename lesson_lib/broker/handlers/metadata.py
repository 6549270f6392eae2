"""What there is: ApiVersions, Metadata, FindCoordinator, DescribeCluster.

Source: `ApiVersionManager`, `KafkaApis.handleTopicMetadataRequest`, `handleFindCoordinatorRequest`. Differs
from Kafka in: the broker's own topics, such as `__consumer_offsets`, are not there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lesson_lib.broker.cluster import CLUSTER_ID, NODE_ID, Cluster, Topic, is_legal_topic
from lesson_lib.broker.connection import Response, served_versions, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.wire.messages import API_VERSIONS, PRODUCE, RESPONSES, Request, encode_response, filled

TRANSACTION_VERSION = {"name": "transaction.version", "max_version": 2}
FINALIZED_VERSION = {"name": "transaction.version", "max_version_level": 2, "min_version_level": 2}
BROKERS, CONTROLLERS = 1, 2  # kinds of endpoints
GROUP, TRANSACTION = 0, 1  # kinds of coordinators


@serves("ApiVersions", 0, 4)
def handle_api_versions(cluster: Cluster, request: Request) -> bytes:
    """Each connection begins with it, so it is encoded once."""
    return _api_versions(cluster.version, request.api_version)


@cache
def _api_versions(version: KafkaVersion, api_version: int) -> bytes:
    """KIP-35: the versions of each API, and from 4.0 the cluster's features (transaction.version, KIP-584).

    Kafka says that it serves Produce from version 0 on, which it does not since 4.0: librdkafka up to 2.10
    sends compressed batches uncompressed to a broker that names a higher one (KAFKA-18659).
    """
    rows = [{"api_key": key, "min_version": 0 if key == PRODUCE else low, "max_version": high}
            for key, (low, high) in sorted(served_versions(version).items())]
    features = {"supported_features": [TRANSACTION_VERSION], "finalized_features": [FINALIZED_VERSION],
                "finalized_features_epoch": 1} if version.has_transaction_version_2 else {}
    answer = filled(RESPONSES[API_VERSIONS], {"api_keys": rows, **features})
    return encode_response(answer, api_version, correlation_id=0)


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
    illegal = wanted.name is not None and not legal
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
    if request.body.key_type not in (GROUP, TRANSACTION):
        here = {"error_code": ErrorCode.INVALID_REQUEST, "node_id": -1, "host": "", "port": -1}
    return {"coordinators": [{"key": key, **here} for key in request.body.coordinator_keys or ()], **here}


@serves("DescribeCluster", 0, 2)
def handle_describe_cluster(cluster: Cluster, request: Request) -> Response:
    """The same broker once more, for admin clients; it is not a controller's endpoint."""
    if request.api_version and request.body.endpoint_type != BROKERS:
        controllers = request.body.endpoint_type == CONTROLLERS
        return {"error_code": ErrorCode.MISMATCHED_ENDPOINT_TYPE if controllers
                else ErrorCode.UNSUPPORTED_ENDPOINT_TYPE}
    broker = {"broker_id": NODE_ID, "host": cluster.host, "port": cluster.port}
    return {"cluster_id": CLUSTER_ID, "controller_id": NODE_ID, "brokers": [broker]}
