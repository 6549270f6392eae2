"""What a notebook asks is found by its calls, wherever a learner moved them."""

from __future__ import annotations

from course_tools.report.asked_calls import answered, calls

CELLS = ['predict = question("2.lost-ack")\npredict.answer(...)', "é = 1; predict.answer(...)  # ä", "%magic", "reveal(run, predict)",
         'predict = question("2.refused-first")', "reveal(run, predict=predict)\npredict.answer(\n    ...,\n)",
         'task = exercise("2.two-copies")', "def f():\n    return 1\n\n\ntask.check(f)\ntask.hint()", 'observe("2.copies", run)',
         "other.answer(1)"]


def test_every_call_is_found_with_its_item() -> None:
    assert [(c.role, c.item_id, c.cell) for c in calls(CELLS)] == [
        ("question", "2.lost-ack", 0), ("answer", "2.lost-ack", 0), ("answer", "2.lost-ack", 1), ("reveal", "2.lost-ack", 3),
        ("question", "2.refused-first", 4), ("reveal", "2.refused-first", 5), ("answer", "2.refused-first", 5),
        ("exercise", "2.two-copies", 6),
        ("check", "2.two-copies", 7), ("hint", "2.two-copies", 7), ("observe", "2.copies", 8)]


def test_answers_are_put_in_place() -> None:
    new = answered(CELLS, lambda call: f"{call.variable}.answer('b')" if call.role == "answer" else None)
    assert new[0] == 'predict = question("2.lost-ack")\npredict.answer(\'b\')'
    assert new[1] == "é = 1; predict.answer('b')  # ä"
    assert new[5] == "reveal(run, predict=predict)\npredict.answer('b')"
    assert new[7:] == CELLS[7:]
    below = answered([CELLS[0], "é = 'ä'  # ö\r\n\x0cif é: predict.answer(...); é = 1"], lambda call: "x")
    assert below[1] == "é = 'ä'  # ö\r\n\x0cif é: x; é = 1", "places are counted in bytes and in Python's own lines"
