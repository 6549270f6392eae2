"""Faults between any client and any broker, and what was seen there, written as events."""
