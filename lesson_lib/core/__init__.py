"""Kafka's rule, pure: no clock, no input or output, no randomness, nothing imported from our other rooms."""
