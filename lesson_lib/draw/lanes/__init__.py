"""The layout with one lane for each producer, time running to the right and the log below."""
