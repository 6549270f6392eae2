"""Which versions of which API a broker of a given release serves.

The table of each release comes with the kafka-python package. It is cut down to the APIs that have a handler here and to
the versions that the package's message classes can read. A release newer than the table is served as its newest row.
"""

from __future__ import annotations

from functools import cache

from kafka.protocol.broker_version_data import BROKER_API_VERSIONS

from lesson_lib.core.kafka_version import KafkaVersion
from lesson_lib.wire.messages import REQUESTS

PRODUCE = 0


@cache
def served_versions(version: KafkaVersion) -> dict[int, tuple[int, int]]:
    """API key -> (lowest, highest version) that requests may have."""
    from lesson_lib.broker.handlers import HANDLERS  # the handlers themselves need this table to answer ApiVersions

    release = max(row for row in BROKER_API_VERSIONS if row <= (version.major, version.minor))
    ranges = {key: _readable(key, span) for key, span in BROKER_API_VERSIONS[release].items() if key in HANDLERS}
    return {key: (low, high) for key, (low, high) in ranges.items() if low <= high}


def _readable(key: int, span: tuple[int, int]) -> tuple[int, int]:
    low, high = REQUESTS[key].valid_versions
    return max(low, span[0]), min(high, span[1])


def is_served(version: KafkaVersion, key: int, api_version: int) -> bool:
    """Whether a request of that API and version has an answer; else the connection is closed."""
    low, high = served_versions(version).get(key, (0, -1))
    return low <= api_version <= high
