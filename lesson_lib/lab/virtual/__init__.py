"""The lab's second world: kafka-python, our proxy and our broker in one thread, in memory, on a virtual
clock.

Here lives what stands in for clock, threads, sockets and event loop while such a world is open, and nothing
that knows of Kafka's rule, of faults or of histories. README.md tells how it is done and what differs from
the real world.
"""
