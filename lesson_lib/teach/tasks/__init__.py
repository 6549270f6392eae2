"""The kinds of exercise: how each is checked, and the object that a learner holds.

What a lesson asks is in `teach/lessons`; here is only how an answer is judged. Nothing here knows which
exercises there are.
"""

from lesson_lib.teach.tasks.task import Exercise, Task, exercise, given

__all__ = ["Exercise", "Task", "exercise", "given"]
