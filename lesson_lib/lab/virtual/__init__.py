"""The lab's second world: what stands in for clock, threads, sockets and event loop while it is open, and
nothing that knows of Kafka's rule, of faults or of histories. README.md tells how, and what differs.
"""
