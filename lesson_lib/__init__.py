"""Sent Twice, Stored Once: a toy of Kafka's idempotent producer, the real one behind a fault proxy, one picture for both."""

__version__ = "1.0.0"
