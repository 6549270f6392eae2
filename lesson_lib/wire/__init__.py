"""Kafka's bytes, for the broker, the proxy and everybody who sends requests by hand.

`messages` is the one codec, `record_batch` knows a batch's 61 bytes and `unpack` what is packed behind them,
`server` is where a thread and an event loop are started. Nothing here decides anything: no broker, no proxy,
no fault.
"""
