"""Tests of a room: instructors' material, and many learners on one broker."""
