"""ApiVersions, Metadata, FindCoordinator, DescribeCluster: who is here, what is served, who leads what."""

from __future__ import annotations

from typing import Any

from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import ApiVersionsResponse, FindCoordinatorResponse, MetadataResponse

from lesson_lib.broker.cluster import CLUSTER_ID, NODE_ID, Cluster, Topic, is_legal_topic
from lesson_lib.broker.versions import served_versions
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

_ApiVersion = ApiVersionsResponse.ApiVersion
_Broker = MetadataResponse.MetadataResponseBroker
_Topic = MetadataResponse.MetadataResponseTopic
_Partition = _Topic.MetadataResponsePartition
_Coordinator = FindCoordinatorResponse.Coordinator


def handle_api_versions(cluster: Cluster, request: Request, error: ErrorCode = ErrorCode.NONE) -> Any:
    """KIP-35: the versions of each API, and from 4.0 the cluster's features (transaction.version, KIP-584)."""
    rows = [_ApiVersion(api_key=key, min_version=low, max_version=high)
            for key, (low, high) in sorted(served_versions(cluster.version).items())]
    response = ApiVersionsResponse(error_code=error, api_keys=rows, throttle_time_ms=0)
    if cluster.version.has_transaction_version_2:
        _add_features(response)
    return response


def _add_features(response: Any) -> None:
    name, level = "transaction.version", 2
    supported = ApiVersionsResponse.SupportedFeatureKey(name=name, min_version=0, max_version=level)
    finalized = ApiVersionsResponse.FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
    response.supported_features, response.finalized_features = [supported], [finalized]
    response.finalized_features_epoch = 1


def handle_metadata(cluster: Cluster, request: Request) -> Any:
    """Brokers and topics. Topics None means all; version 0 means all by an empty list."""
    wanted = request.body.topics
    everything = wanted is None or (request.api_version == 0 and not wanted)
    topics = ([_describe(t, cluster.leader_epoch) for t in cluster.topics.values()] if everything
              else [_one_topic(cluster, request, topic) for topic in wanted])
    broker = _Broker(node_id=NODE_ID, host=cluster.host, port=cluster.port, rack=None)
    return MetadataResponse(throttle_time_ms=0, brokers=[broker], cluster_id=CLUSTER_ID, controller_id=NODE_ID, topics=topics)


def _one_topic(cluster: Cluster, request: Request, wanted: Any) -> Any:
    by_id = not wanted.name
    topic = cluster.topic(wanted.name, wanted.topic_id)
    if topic is None and not by_id and not is_legal_topic(wanted.name):
        return _no_topic(wanted, ErrorCode.INVALID_TOPIC_EXCEPTION)
    if topic is None and not by_id and cluster.auto_create_topics and request.body.allow_auto_topic_creation:
        topic = cluster.create_topic(wanted.name)
    if topic is None:
        return _no_topic(wanted, ErrorCode.UNKNOWN_TOPIC_ID if by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    return _describe(topic, cluster.leader_epoch)


def _no_topic(wanted: Any, error: ErrorCode) -> Any:
    return _Topic(error_code=error, name=wanted.name, topic_id=wanted.topic_id, partitions=[])


def _describe(topic: Topic, leader_epoch: int) -> Any:
    partitions = [_Partition(error_code=0, partition_index=index, leader_id=NODE_ID, leader_epoch=leader_epoch,
                             replica_nodes=[NODE_ID], isr_nodes=[NODE_ID], offline_replicas=[])
                  for index in range(len(topic.logs))]
    return _Topic(error_code=0, name=topic.name, topic_id=topic.id, is_internal=False, partitions=partitions)


def handle_find_coordinator(cluster: Cluster, request: Request) -> Any:
    """The one node coordinates every group and every transactional id; from version 4 several keys at once."""
    here = {"node_id": NODE_ID, "host": cluster.host, "port": cluster.port, "error_code": 0, "error_message": None}
    coordinators = [_Coordinator(key=key, **here) for key in request.body.coordinator_keys or ()]
    return FindCoordinatorResponse(throttle_time_ms=0, coordinators=coordinators, **here)


def handle_describe_cluster(cluster: Cluster, request: Request) -> Any:
    """The same broker once more, for admin clients."""
    broker = DescribeClusterResponse.DescribeClusterBroker(broker_id=NODE_ID, host=cluster.host, port=cluster.port, rack=None)
    return DescribeClusterResponse(throttle_time_ms=0, error_code=0, error_message=None, endpoint_type=1,
                                   cluster_id=CLUSTER_ID, controller_id=NODE_ID, brokers=[broker])


HANDLERS = {3: handle_metadata, 10: handle_find_coordinator, 18: handle_api_versions, 60: handle_describe_cluster}
