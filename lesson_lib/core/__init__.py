"""Kafka's rule, pure: no clock, no input or output, no randomness, nothing imported from our other rooms.

`producer_state` is the rule, `partition_log` a log that asks it, `transactions` the coordinator.
"""
