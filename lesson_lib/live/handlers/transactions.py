"""InitProducerId and the other requests to the transaction coordinator."""

from __future__ import annotations

from typing import Any

from kafka.protocol.producer import InitProducerIdResponse

from lesson_lib.live.cluster import Cluster
from lesson_lib.live.wire import Request


def handle_init_producer_id(cluster: Cluster, request: Request) -> Any:
    """Without a transactional id: always a new producer id with epoch 0, whatever the request says it had before."""
    return InitProducerIdResponse(throttle_time_ms=0, error_code=0, producer_id=cluster.allocate_producer_id(), producer_epoch=0)


HANDLERS = {22: handle_init_producer_id}
