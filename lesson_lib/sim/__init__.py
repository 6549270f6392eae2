"""The toy: a producer, a network and a broker in virtual time.

`run` is `simulate`. `toy_broker` answers a request, `network` carries it, `sender` waits and hands batches
over, `producer` and its clients decide what to send again and when to raise the epoch. `transactions`,
`consumer` and `pipeline` are lesson 7's. No input or output, no threads, no wall clock, no randomness; it
knows neither the explorer nor the wire.
"""

from lesson_lib.sim.pipeline import simulate_pipeline
from lesson_lib.sim.run import simulate
from lesson_lib.sim.transactions import Transactions

__all__ = ["Transactions", "simulate", "simulate_pipeline"]
