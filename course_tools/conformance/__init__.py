"""The same made-up histories for the embedded broker and for Apache Kafka, and every difference in their
answers.

`script` is what is sent, `generate` makes scripts up (it knows the edges from `mirror`), `broker_under_test`
plays them and `end_state` asks what is left, `compare` lays two brokers side by side, `shrink` makes a
difference small enough to read. Whether a broker is right is decided by Apache Kafka alone, never here.
"""
