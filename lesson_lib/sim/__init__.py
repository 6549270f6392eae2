"""A producer, a network and a broker in virtual time: no input or output, no threads, no wall clock, no randomness."""

from lesson_lib.sim.pipeline import simulate_pipeline
from lesson_lib.sim.run import simulate
from lesson_lib.sim.transactions import Transactions

__all__ = ["Transactions", "simulate", "simulate_pipeline"]
