"""Topics, which come and go at once: Metadata, CreateTopics, DeleteTopics, CreatePartitions.

Source: `KafkaApis.handleTopicMetadataRequest`, `ReplicationControlManager`. Differs from Kafka in: the
broker's own topics, such as `__consumer_offsets`, are not there; an answer to CreateTopics leaves out the
settings, which DescribeConfigs tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lesson_lib.broker.cluster import (
    CLUSTER_ID,
    MAX_PARTITIONS,
    NODE_ID,
    Cluster,
    Topic,
    is_legal_topic,
    why_refused,
)
from lesson_lib.broker.connection import Response, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

MAX_PARTITIONS_OF_REQUEST = 10_000  # all topics together (QuorumController.MAX_RECORDS_PER_USER_OP)
Refusal = tuple[ErrorCode, str] | None


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


@serves("CreateTopics", 2, 7)
def handle_create_topics(cluster: Cluster, request: Request) -> Response:
    """Each topic succeeds or fails by itself, but for what is wrong with the request as a whole."""
    body = request.body
    too_many = _too_many(sum(map(_partitions, body.topics)))
    return {"topics": [_create(cluster, topic, body.validate_only, too_many or refusal)
                       for topic, refusal in _named_once(body.topics)]}


def _named_once(topics: Iterable[Any]) -> Iterable[tuple[Any, Refusal]]:
    """Each name with its topic, refused where there are several of that name."""
    times = Counter(topic.name for topic in topics)
    twice = ErrorCode.INVALID_REQUEST, "Duplicate topic name."
    return [(topic, twice if times[topic.name] > 1 else None)
            for topic in {topic.name: topic for topic in topics}.values()]


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
        return {"name": wanted.name, "error_code": refusal[0], "error_message": refusal[1]}
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
    if wanted.assignments:
        refusal = _assignment_refusal(wanted)
    elif not 1 <= partitions <= MAX_PARTITIONS:
        refusal = ErrorCode.INVALID_PARTITIONS, f"The number of partitions must be 1 to {MAX_PARTITIONS}."
    else:
        refusal = None if wanted.replication_factor in (-1, 1) else (
            ErrorCode.INVALID_REPLICATION_FACTOR,
            "There is one broker, so the replication factor can only be 1.")
    why = why_refused({config.name: config.value for config in wanted.configs})
    return refusal or ((ErrorCode.INVALID_CONFIG, why) if why else None)


def _assignment_refusal(wanted: Any) -> Refusal:
    """Partitions placed by hand: 0, 1, 2 ..., each on the one broker there is, and no other numbers given."""
    if (wanted.num_partitions, wanted.replication_factor) != (-1, -1):
        return (ErrorCode.INVALID_REQUEST, "A manual partition assignment was specified, but the number of "
                "partitions or the replication factor was not set to -1.")
    if sorted(row.partition_index for row in wanted.assignments) != list(range(len(wanted.assignments))):
        return (ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                "partitions should be a consecutive 0-based integer sequence")
    return _placement_refusal(wanted.assignments)


def _placement_refusal(assignments: Iterable[Any]) -> Refusal:
    if all(list(row.broker_ids) == [NODE_ID] for row in assignments):
        return None
    return ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"Broker {NODE_ID} is the only one, and must be there once."


@serves("DeleteTopics", 1, 6)
def handle_delete_topics(cluster: Cluster, request: Request) -> Response:
    """By name, from version 6 also by id. Logs and the memory of producers go with the topic."""
    states = request.body.topics if request.api_version >= 6 else ()
    rows = [_delete(cluster, state.name, state.topic_id) for state in states]
    return {"responses": rows + [_delete(cluster, name, None) for name in request.body.topic_names or ()]}


def _delete(cluster: Cluster, name: str | None, topic_id: Any) -> Response:
    known = {"topic_id": topic_id} if topic_id else {}
    if name and topic_id:
        return {"name": name, "error_code": ErrorCode.INVALID_REQUEST, **known,
                "error_message": "You may not specify both topic name and topic id."}
    topic = cluster.topic(name, topic_id)
    if topic is None:
        message = f"This server does not host this {'topic-partition' if name else 'topic ID'}."
        return {"name": name, "error_code": cluster.unknown_topic(name), "error_message": message, **known}
    cluster.delete_topic(topic)
    return {"name": topic.name, "topic_id": topic.id}


@serves("CreatePartitions", 0, 3)
def handle_create_partitions(cluster: Cluster, request: Request) -> Response:
    """More partitions for a topic; never fewer."""
    body = request.body
    too_many = _too_many(sum(wanted.count for wanted in body.topics))
    return {"results": [_grow(cluster, wanted, body.validate_only, too_many or refusal)
                        for wanted, refusal in _named_once(body.topics)]}


def _grow(cluster: Cluster, wanted: Any, validate_only: bool, refusal: Refusal) -> Response:
    topic = cluster.topic(wanted.name)
    if refusal := refusal or _growth_refusal(topic, wanted):
        return {"name": wanted.name, "error_code": refusal[0], "error_message": refusal[1]}
    if not validate_only:
        cluster.add_partitions(topic, wanted.count - len(topic.logs))
    return {"name": wanted.name}


def _growth_refusal(topic: Topic | None, wanted: Any) -> Refusal:
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."
    if not len(topic.logs) < wanted.count <= MAX_PARTITIONS:
        return (ErrorCode.INVALID_PARTITIONS,
                f"The topic has {len(topic.logs)} partitions; ask for more, at most {MAX_PARTITIONS}.")
    more = wanted.count - len(topic.logs)
    if wanted.assignments and len(wanted.assignments) != more:
        return (ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"Attempted to add {more} additional partition(s), but "
                f"only {len(wanted.assignments)} assignment(s) were specified.")
    return _placement_refusal(wanted.assignments or ())
