"""The requests that a forged history needs, each with only the fields that matter to one partition or one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kafka.protocol.admin import (
    CreateTopicsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeProducersRequest,
    DescribeTransactionsRequest,
)
from kafka.protocol.consumer import FetchRequest, ListOffsetsRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
)

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
EARLIEST, LATEST = -2, -1
TIMEOUT_MS = 10_000


def produce(topic: str, partition: int, records: bytes, *, acks: int = -1, transactional_id: str | None = None) -> ProduceRequest:
    """One batch (or whatever bytes) for one partition."""
    data = ProduceRequest.TopicProduceData
    part = data.PartitionProduceData(index=partition, records=records)
    return ProduceRequest(transactional_id=transactional_id, acks=acks, timeout_ms=TIMEOUT_MS,
                          topic_data=[data(name=topic, partition_data=[part])])


def init_producer_id(transactional_id: str | None = None, timeout_ms: int = 60_000, producer_id: int = -1,
                     producer_epoch: int = -1) -> InitProducerIdRequest:
    """A producer id for nobody in particular, or the next epoch of `transactional_id`."""
    return InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=timeout_ms,
                                 producer_id=producer_id, producer_epoch=producer_epoch)


def add_partitions(transactional_id: str, producer_id: int, producer_epoch: int, topic: str,
                   partitions: Sequence[int]) -> AddPartitionsToTxnRequest:
    """Tell the coordinator that these partitions take part (version 3 and below, as clients do)."""
    topics = [AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(name=topic, partitions=list(partitions))]
    return AddPartitionsToTxnRequest(
        v3_and_below_transactional_id=transactional_id, v3_and_below_producer_id=producer_id,
        v3_and_below_producer_epoch=producer_epoch, v3_and_below_topics=topics)


def end_txn(transactional_id: str, producer_id: int, producer_epoch: int, *, commit: bool) -> EndTxnRequest:
    """Commit or abort."""
    return EndTxnRequest(transactional_id=transactional_id, producer_id=producer_id, producer_epoch=producer_epoch,
                         committed=commit)


def add_offsets(transactional_id: str, producer_id: int, producer_epoch: int, group_id: str) -> AddOffsetsToTxnRequest:
    """Tell the coordinator that the offsets of a group take part."""
    return AddOffsetsToTxnRequest(transactional_id=transactional_id, producer_id=producer_id,
                                  producer_epoch=producer_epoch, group_id=group_id)


def txn_offset_commit(transactional_id: str, group_id: str, producer_id: int, producer_epoch: int, topic: str,
                      offsets: dict[int, int]) -> TxnOffsetCommitRequest:
    """Offsets (partition -> next offset to read) that become visible with the transaction."""
    of_topic = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
    of_partition = of_topic.TxnOffsetCommitRequestPartition
    parts = [of_partition(partition_index=p, committed_offset=o, committed_leader_epoch=-1, committed_metadata="")
             for p, o in offsets.items()]
    return TxnOffsetCommitRequest(transactional_id=transactional_id, group_id=group_id, producer_id=producer_id,
                                  producer_epoch=producer_epoch, generation_id=-1, member_id="", group_instance_id=None,
                                  topics=[of_topic(name=topic, partitions=parts)])


def delete_records(topic: str, offsets: dict[int, int]) -> DeleteRecordsRequest:
    """Raise the log start offset (partition -> first offset to keep; -1 empties the log)."""
    of_topic = DeleteRecordsRequest.DeleteRecordsTopic
    parts = [of_topic.DeleteRecordsPartition(partition_index=p, offset=o) for p, o in offsets.items()]
    return DeleteRecordsRequest(topics=[of_topic(name=topic, partitions=parts)], timeout_ms=TIMEOUT_MS)


def describe_producers(topic: str, partitions: Iterable[int]) -> DescribeProducersRequest:
    """What the leader remembers of each producer id."""
    return DescribeProducersRequest(
        topics=[DescribeProducersRequest.TopicRequest(name=topic, partition_indexes=list(partitions))])


def describe_transactions(transactional_ids: Sequence[str]) -> DescribeTransactionsRequest:
    """What the coordinator remembers of each transactional id."""
    return DescribeTransactionsRequest(transactional_ids=list(transactional_ids))


def fetch(topic: str, offsets: dict[int, int], *, isolation: int = READ_UNCOMMITTED) -> FetchRequest:
    """Whatever is there now (partition -> offset), without waiting for more."""
    of_topic = FetchRequest.FetchTopic
    parts = [of_topic.FetchPartition(partition=p, current_leader_epoch=-1, fetch_offset=o, last_fetched_epoch=-1,
                                     log_start_offset=-1, partition_max_bytes=1 << 20) for p, o in offsets.items()]
    return FetchRequest(replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1 << 26, isolation_level=isolation,
                        session_id=0, session_epoch=-1, topics=[of_topic(topic=topic, partitions=parts)],
                        forgotten_topics_data=[], rack_id="")


def list_offsets(topic: str, partitions: Iterable[int], timestamp: int = LATEST, *,
                 isolation: int = READ_UNCOMMITTED) -> ListOffsetsRequest:
    """The first (`EARLIEST`) or next (`LATEST`) offset; with `READ_COMMITTED` the latest is the last stable offset."""
    of_topic = ListOffsetsRequest.ListOffsetsTopic
    parts = [of_topic.ListOffsetsPartition(partition_index=p, current_leader_epoch=-1, timestamp=timestamp) for p in partitions]
    return ListOffsetsRequest(replica_id=-1, isolation_level=isolation, topics=[of_topic(name=topic, partitions=parts)],
                              timeout_ms=TIMEOUT_MS)


def create_topic(topic: str, partitions: int = 1, configs: dict[str, str] | None = None) -> CreateTopicsRequest:
    """A topic with one replica."""
    of_topic = CreateTopicsRequest.CreatableTopic
    settings = [of_topic.CreatableTopicConfig(name=n, value=v) for n, v in (configs or {}).items()]
    return CreateTopicsRequest(topics=[of_topic(name=topic, num_partitions=partitions, replication_factor=1, assignments=[],
                                                configs=settings)], timeout_ms=60_000, validate_only=False)


def delete_topic(topic: str) -> DeleteTopicsRequest:
    """The topic and everything in it (version 5 and below, by name)."""
    return DeleteTopicsRequest(topic_names=[topic], timeout_ms=60_000)


def metadata(topic: str) -> MetadataRequest:
    """Which partitions of a topic have a leader."""
    return MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False,
                           include_cluster_authorized_operations=False, include_topic_authorized_operations=False)
