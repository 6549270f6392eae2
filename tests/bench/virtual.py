"""How many fault schedules a second the real client gets through in virtual time, beside the model of it."""

from __future__ import annotations

import os

from lesson_lib import simulate, start_lab
from lesson_lib.lab.every_schedule import Schedules, every_schedule
from tests.bench.table import Row, seconds, side_by_side
from tests.lab.virtual.test_every_schedule import ALL_KINDS

BATCHES, FAULTS, KINDS = 3, 2, ("lose request", "lose ack")


def rows() -> list[Row]:
    """Three batches with at most two faults: kafka-python's own code beside `simulate`, and every kind of fault that there is."""
    os.environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)
    lab = start_lab(world="virtual")
    try:
        scripts = [history.settings.faults for history in every_schedule(lab, BATCHES, FAULTS, kinds=KINDS).histories]
        real, model = side_by_side(
            lambda: len(scripts) / seconds(lambda: every_schedule(lab, BATCHES, FAULTS, kinds=KINDS)),
            lambda: len(scripts) / seconds(lambda: [simulate(BATCHES, faults=script or None) for script in scripts]))
        walked = list[Schedules]()
        everything = seconds(lambda: walked.append(every_schedule(lab, BATCHES, FAULTS, kinds=ALL_KINDS)))
    finally:
        lab.stop()
    what = f"every schedule, {BATCHES} batches, {FAULTS} faults"
    return [Row(f"{what}, {len(scripts)} schedules: real client against model", real, model, "schedules/s", "150 schedules/s"),
            Row(f"{what}, {len(ALL_KINDS)} kinds, {len(walked[0].histories):,} schedules", everything, None, "s", "at most 120 s")]
