"""A producer, a network and a broker in virtual time: no input or output, no threads, no wall clock, no randomness."""

from lesson_lib.sim.run import simulate

__all__ = ["simulate"]
