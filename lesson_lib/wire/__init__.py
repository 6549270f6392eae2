"""Kafka's bytes, for the broker, the proxy and everybody who sends requests by hand.

`messages` is the one codec, `record_batch` knows the 61 bytes of a batch, `server` is where a thread and an
event loop are started. Nothing here decides anything: no broker, no proxy, no fault.
"""
