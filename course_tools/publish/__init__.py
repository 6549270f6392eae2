"""Lessons for readers and rooms: a book and slides of the executed notebooks, which ask nothing of the network."""
