"""Any broker judged by Kafka's rule: the same made-up histories for it and for the embedded broker, and every
difference in what they answer.

`script` is what is sent, `generate` makes scripts up at the edges, `broker_under_test` plays them on two
brokers (`play` is one of them on one), `judgement` groups what differs by rows of the `decision_table`,
`shrink` makes a difference small enough to read. Whether the embedded broker is right is decided by Apache
Kafka alone, never here.
"""
