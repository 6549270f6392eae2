"""What instructors, maintainers and automated checks use. No lesson imports it.

`python -m lesson_lib` is the door to its commands; whatever teaches is in `lesson_lib`, and this may import
it.
"""
