"""What learners answered, judged again: a report for each notebook, and one table for a class.

A copy is other people's code, so nothing that it prints, stores or patches is believed. Its cells run in
`run_cells`, and the functions that it hands in run in `worker`; both are processes of that copy alone, behind
a wall and within bounds (`confined`). `judge` reads the answers off the cells and checks them again. It
runs no line of a copy, and it lives on the other side of the wall. Nothing in here teaches: what is asked and
what is right is in `lesson_lib.teach`.
"""
