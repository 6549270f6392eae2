"""Faults between any Kafka client and any broker: what a script says happens to requests and answers on the
wire.

`proxy` listens and carries out the faults, `recording` writes down as events what was seen. Which fault lets
what through is said in `lesson_lib.faults`; what a broker does with a batch is not known here.
"""
