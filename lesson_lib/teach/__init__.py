"""Predict, run, look, explain: the questions and exercises of the lessons, and what the learner answered.

What a lesson asks is data (`lessons`), checked against a `History` and never against a stored answer.
Everything works as a text call in a cell; controls are a second view of the same object. Answers stay in one
small local file.
"""

from lesson_lib.teach.ask import observe, question, reveal
from lesson_lib.teach.content import Option, Question, Scenario
from lesson_lib.teach.message import Message, Outcome
from lesson_lib.teach.playground import Playground, playground
from lesson_lib.teach.progress import misconception_map, progress
from lesson_lib.teach.tasks import exercise
from lesson_lib.teach.tasks.learner_rule import as_rule

__all__ = ["Message", "Option", "Outcome", "Playground", "Question", "Scenario", "as_rule", "exercise",
           "misconception_map", "observe", "playground", "progress", "question", "reveal"]
