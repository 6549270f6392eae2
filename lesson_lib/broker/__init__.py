"""Kafka's protocol over `core`: a broker in this process that any Kafka client can talk to.

`embedded` starts it, `connection` finds the function for a request, `handlers` has those functions, a file
for each small family of APIs, `cluster` is what they read and change. Which batch is a duplicate is decided
in `core`, not here. Of the faults only those that happen to a broker are here, as `EmbeddedBroker.hooks`.
"""
