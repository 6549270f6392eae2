"""The same hand-made histories for the embedded broker and for Apache Kafka, and every difference between their answers.

`script` is what is sent, `generate` makes scripts up (it knows the edges from `mirror`), `side` plays them on one broker and
notes what comes back, `compare` lays two such notes beside each other, `shrink` makes a difference small enough to read.
"""
