"""What a kernel or a web page needs so that the lessons run in it.

Nothing that a lesson is about lives here.
"""
