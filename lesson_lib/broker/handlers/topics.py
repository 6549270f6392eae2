"""Topics, which come and go at once: Metadata, CreateTopics, DeleteTopics, CreatePartitions.

Source: `KafkaApis.handleTopicMetadataRequest`, `ReplicationControlManager`. Differs from Kafka in: the
broker's own topics, such as `__consumer_offsets`, are not there; an answer to CreateTopics leaves out the
settings, which DescribeConfigs tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from lesson_lib.broker.cluster import (
    CLUSTER_ID,
    MAX_PARTITIONS,
    NODE_ID,
    Cluster,
    Topic,
    is_legal_topic,
    refuse_if,
    why_refused,
)
from lesson_lib.broker.connection import Fields, Response, answered, serves
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.wire.messages import Request

MAX_PARTITIONS_OF_REQUEST = 10_000  # all topics together (QuorumController.MAX_RECORDS_PER_USER_OP)


@serves("Metadata", 0, 13)
def handle_metadata(cluster: Cluster, request: Request) -> Response:
    """Brokers and topics. Topics None means all; version 0 means all by an empty list."""
    wanted = request.body.topics
    everything = wanted is None or (request.api_version == 0 and not wanted)
    topics = ([_describe(topic, cluster.leader_epoch) for topic in cluster.topics.values()] if everything
              else [_one_topic(cluster, request, topic) for topic in wanted])
    broker = {"node_id": NODE_ID, "host": cluster.host, "port": cluster.port}
    return {"brokers": [broker], "cluster_id": CLUSTER_ID, "controller_id": NODE_ID, "topics": topics}


def _one_topic(cluster: Cluster, request: Request, wanted: Any) -> Fields:
    topic, legal = cluster.topic(wanted.name, wanted.topic_id), is_legal_topic(wanted.name or "")
    if not topic and legal and request.body.allow_auto_topic_creation and cluster.auto_create_topics:
        topic = cluster.create_topic(wanted.name)
    if topic:
        return _describe(topic, cluster.leader_epoch)
    illegal = wanted.name is not None and not legal
    error = ErrorCode.INVALID_TOPIC_EXCEPTION if illegal else cluster.unknown_topic(wanted.name)
    return {"error_code": error, "name": wanted.name, "topic_id": wanted.topic_id}


def _describe(topic: Topic, leader_epoch: int) -> Fields:
    partitions = [{"partition_index": index, "leader_id": NODE_ID, "leader_epoch": leader_epoch,
                   "replica_nodes": [NODE_ID], "isr_nodes": [NODE_ID]} for index in range(len(topic.logs))]
    return {"name": topic.name, "topic_id": topic.id, "partitions": partitions}


@serves("CreateTopics", 2, 7)
def handle_create_topics(cluster: Cluster, request: Request) -> Response:
    """Each topic succeeds or fails by itself, but for what is wrong with the request as a whole."""
    body = request.body

    def create(wanted: Any) -> Fields:
        partitions, configs = _partitions(wanted), {config.name: config.value for config in wanted.configs}
        _check_new(cluster, wanted, partitions, configs)
        row = {"error_message": None, "num_partitions": partitions, "replication_factor": 1}
        if body.validate_only:
            return row
        return {**row, "topic_id": cluster.create_topic(wanted.name, partitions, configs).id}

    return {"topics": _each_once(body.topics, create, sum(map(_partitions, body.topics)))}


def _partitions(wanted: Any) -> int:
    return len(wanted.assignments) or (1 if wanted.num_partitions == -1 else wanted.num_partitions)


def _each_once(topics: Iterable[Any], change: Callable[[Any], Fields],
               partitions: int) -> list[Fields]:
    """What becomes of each topic, if the request has its name once, and not too many partitions.

    Source: `ReplicationControlManager.validateTotalNumberOfPartitions`.
    """
    times = Counter(topic.name for topic in topics)

    def checked(topic: Any) -> Fields:
        refuse_if(partitions > MAX_PARTITIONS_OF_REQUEST, ErrorCode.POLICY_VIOLATION,
                  "Excessively large number of partitions per request.")
        refuse_if(times[topic.name] > 1, ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
        return change(topic)

    return [{"name": name, **answered(checked, topic)}
            for name, topic in {topic.name: topic for topic in topics}.items()]


def _check_new(cluster: Cluster, wanted: Any, partitions: int, configs: dict[str, str | None]) -> None:
    name, other = wanted.name, cluster.colliding_topic(wanted.name)
    refuse_if(not is_legal_topic(name), ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {name!r}")
    refuse_if(name in cluster.topics, ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    refuse_if(other, ErrorCode.INVALID_TOPIC_EXCEPTION,
              f"Topic '{name}' collides with existing topic: {other}")
    if wanted.assignments:
        _check_assignments(wanted)
    else:
        refuse_if(not 1 <= partitions <= MAX_PARTITIONS, ErrorCode.INVALID_PARTITIONS,
                  f"The number of partitions must be 1 to {MAX_PARTITIONS}.")
        refuse_if(wanted.replication_factor not in (-1, 1), ErrorCode.INVALID_REPLICATION_FACTOR,
                  "There is one broker, so the replication factor can only be 1.")
    why = why_refused(configs)
    refuse_if(why, ErrorCode.INVALID_CONFIG, why)


def _check_assignments(wanted: Any) -> None:
    """Partitions placed by hand: 0, 1, 2 ..., each on the one broker there is, and no other numbers given."""
    refuse_if((wanted.num_partitions, wanted.replication_factor) != (-1, -1), ErrorCode.INVALID_REQUEST,
              "A manual partition assignment was specified, but the number of partitions or the replication "
              "factor was not set to -1.")
    numbers = sorted(row.partition_index for row in wanted.assignments)
    refuse_if(numbers != list(range(len(numbers))), ErrorCode.INVALID_REPLICA_ASSIGNMENT,
              "partitions should be a consecutive 0-based integer sequence")
    _check_placement(wanted.assignments)


def _check_placement(assignments: Iterable[Any]) -> None:
    refuse_if(any(list(row.broker_ids) != [NODE_ID] for row in assignments),
              ErrorCode.INVALID_REPLICA_ASSIGNMENT,
              f"Broker {NODE_ID} is the only one, and must be there once.")


@serves("DeleteTopics", 1, 6)
def handle_delete_topics(cluster: Cluster, request: Request) -> Response:
    """By name, from version 6 also by id. Logs and the memory of producers go with the topic."""
    states = [(state.name, state.topic_id) for state in request.body.topics or ()]
    wanted = states if request.api_version >= 6 else [(name, None) for name in request.body.topic_names or ()]
    return {"responses": [{"name": name, "topic_id": topic_id, **answered(_delete, cluster, name, topic_id)}
                          for name, topic_id in wanted]}


def _delete(cluster: Cluster, name: str | None, topic_id: Any) -> Fields:
    refuse_if(name and topic_id, ErrorCode.INVALID_REQUEST,
              "You may not specify both topic name and topic id.")
    topic = cluster.topic(name, topic_id)
    refuse_if(topic is None, cluster.unknown_topic(name),
              f"This server does not host this {'topic-partition' if name else 'topic ID'}.")
    cluster.delete_topic(topic)
    return {"name": topic.name, "topic_id": topic.id}


@serves("CreatePartitions", 0, 3)
def handle_create_partitions(cluster: Cluster, request: Request) -> Response:
    """More partitions for a topic; never fewer."""
    body = request.body

    def grow(wanted: Any) -> Fields:
        topic = cluster.topic(wanted.name)
        refuse_if(topic is None, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                  "This server does not host this topic-partition.")
        there, assignments = len(topic.logs), wanted.assignments or ()
        more = wanted.count - there
        refuse_if(more < 1 or wanted.count > MAX_PARTITIONS, ErrorCode.INVALID_PARTITIONS,
                  f"The topic has {there} partitions; ask for more, at most {MAX_PARTITIONS}.")
        refuse_if(assignments and len(assignments) != more, ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                  f"Attempted to add {more} additional partition(s), but only {len(assignments)} "
                  "assignment(s) were specified.")
        _check_placement(assignments)
        if not body.validate_only:
            cluster.add_partitions(topic, more)
        return {}

    return {"results": _each_once(body.topics, grow, sum(wanted.count for wanted in body.topics))}
