"""Faults between any Kafka client and any broker: what a script says happens to requests and answers on the
wire.

`proxy` listens, `connection` carries out the faults, `recording` writes down as events what was seen.
Whether a fault can tear or refuse something is said in `lesson_lib.faults`; what a broker does with a batch
is not known here.
"""
