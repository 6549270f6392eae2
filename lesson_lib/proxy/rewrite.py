"""What the proxy writes into answers: its own addresses, and versions that it can read.

A client goes where Metadata, FindCoordinator and DescribeCluster send it, so the proxy puts itself there. It also keeps
clients to versions in which Produce names topics by name (13 does not).

Source: KIP-511 (ApiVersions), KIP-699 (several coordinators), KIP-951 (leaders in a Produce answer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kafka.protocol.admin import DescribeClusterResponse
from kafka.protocol.metadata import ApiVersionsResponse, FindCoordinatorResponse, MetadataResponse
from kafka.protocol.producer import ProduceResponse

from lesson_lib.proxy.frames import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    DESCRIBE_CLUSTER,
    END_TXN,
    FETCH,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    METADATA,
    PRODUCE,
    Address,
)

HIGHEST = {PRODUCE: 12, FETCH: 12, METADATA: 13, FIND_COORDINATOR: 6, INIT_PRODUCER_ID: 6, ADD_PARTITIONS_TO_TXN: 3,
           ADD_OFFSETS_TO_TXN: 4, END_TXN: 5, DESCRIBE_CLUSTER: 2}


def nodes_in(answer: Any) -> Iterator[Any]:
    """Everything in an answer that has a node's `host` and `port`."""
    if isinstance(answer, FindCoordinatorResponse):
        yield from [node for node in (answer, *(answer.coordinators or ())) if node.host]
    elif isinstance(answer, (MetadataResponse, DescribeClusterResponse)):
        yield from answer.brokers
    elif isinstance(answer, ProduceResponse):
        yield from answer.node_endpoints or ()


def readdress(answer: Any, ours: Callable[[Address], Address]) -> bool:
    """Put our address in the place of each node's; True when there was any."""
    nodes = list(nodes_in(answer))
    for node in nodes:
        node.host, node.port = ours((node.host, node.port))
    return bool(nodes)


def hold_back_versions(answer: Any) -> bool:
    """Lower the highest versions of an ApiVersions answer to what the proxy can read; True when it is such an answer."""
    if not isinstance(answer, ApiVersionsResponse) or answer.error_code:
        return False
    for api in answer.api_keys:
        api.max_version = min(api.max_version, HIGHEST.get(api.api_key, api.max_version))
    return True
