"""Kafka's protocol over `core`: a broker in this process that any client can talk to. The rule itself is not here."""
