"""The functions that answer requests, one for each API, in a file for each small family of APIs.

To add one: write `handle_<api>(cluster, request)` in the file of its family, return the fields of the
response as a dict by Kafka's names, and put `@serves("<Api>", lowest, highest)` above it
(`broker/connection.py` has it, and `by_partition` for a response with a row for each partition). An error is
raised where it is found, as an `ApiException` (`refuse_if`). A new file is named below. An API that
kafka-python's table for the release or `wire/messages` does not have is not offered. A handler is a coroutine
only where its answer has to wait for something (Fetch, JoinGroup, SyncGroup).
"""

from lesson_lib.broker.handlers import describe, fetch, groups, offsets, produce, topics, transactions

__all__ = ["describe", "fetch", "groups", "offsets", "produce", "topics", "transactions"]
