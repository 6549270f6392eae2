"""Kafka's bytes: one codec for requests, answers and record batches. No broker, no proxy, no fault."""
