"""Predict, run, look, explain: the questions and exercises of the lessons, and what the learner answered.

What a lesson asks is data (`lessons`), checked against a `History` and never against a stored answer.
Everything works as a text call in a cell; controls are a second view of the same object. Answers stay in one
small local file.
"""
