"""What instructors, maintainers and automated checks use; no lesson imports it. `python -m lesson_lib` is the door to its commands."""
