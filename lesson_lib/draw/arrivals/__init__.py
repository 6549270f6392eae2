"""The layout of arrivals: sequence numbers against the order in which they reached the broker."""
