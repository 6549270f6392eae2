"""Predict, run, look, explain: the questions and exercises of the lessons, and what the learner answered.

What a lesson asks is data (`lessons`), checked against a `History` and never against a stored answer. Everything works as
a text call in a cell; widgets are a second view of the same object. Answers stay in one small local file.
"""

from lesson_lib.teach.ask import observe, question
from lesson_lib.teach.content import Option, Question, Scenario
from lesson_lib.teach.message import Message, Outcome
from lesson_lib.teach.progress import misconception_map, progress
from lesson_lib.teach.reveal import reveal
from lesson_lib.teach.tasks import exercise

__all__ = ["Message", "Option", "Outcome", "Question", "Scenario", "exercise", "misconception_map", "observe", "progress",
           "question", "reveal"]
