"""The kinds of exercise: how each is checked, and the object that a learner holds.

What a lesson asks is in `teach/lessons`; here is only how an answer is judged. Nothing here knows which
exercises there are.
"""
