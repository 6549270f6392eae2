"""The exercises: kinds of them, how each is checked, and the object that a learner holds."""

from lesson_lib.teach.tasks.exercise import Exercise, exercise
from lesson_lib.teach.tasks.task import Task, given

__all__ = ["Exercise", "Task", "exercise", "given"]
