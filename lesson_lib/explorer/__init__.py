"""Every outcome of the toy up to a bound, and wrong beliefs about the broker as brokers that really behave
so.

`explore` is the door, `moves` says what may happen next, `search` walks. The producer and the broker are
those of `sim`, walked by a search instead of a clock. Above `sim`, which does not know it.
"""
