"""Kafka's wire protocol: a broker in this process, a proxy that loses messages, and the lab that holds both."""
