"""Thirty learners on one broker, measured: `python -m tests.room.thirty [--learners 30] [host:port]`.

Each learner is a process that runs the live cells of lessons 2 and 5 as the notebooks hold them, all beginning at the same moment.
Without an address the broker is the embedded one, in a process of its own. Printed are the times, whether every log was right,
whether anything of others was touched, and what is left on the broker. It is no test: it takes a minute and all of the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

from lesson_lib.lab.as_history import read_topic
from lesson_lib.lab.topics import Topics
from lesson_lib.proxy.recording import Recording
from lesson_lib.wire.requests import at_leaders, make_topic

ROOT = Path(__file__).resolve().parents[2]
LESSONS = ("02", "05")
FOREIGN = "belongs-to-somebody-else"
EXPECTED = {  # true before the last cell, which stops the lab; as in a run with one learner
    "02": ['real.values() == ["m0", "m1", "m1", "m2"]', 'real_1.values() == ["m0"]', "real_2.values() == []",
           "real_1.told == real_2.told == {0: 'unknown'}"],
    "05": ["len(lab.log(topic)) == 3", "len({c.producer_id for c in lab.log(topic)}) == 3",
           "run.values() == []", "run.told == {0: 'unknown'}"],
}


def live_cells(lesson: str) -> list[str]:
    """The set-up cell and every cell that has to do with the lab, but those that show it beside something of another cell."""
    (path,) = (ROOT / "notebooks").glob(f"{lesson}-*.ipynb")
    code = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    beside = re.compile(r"\blost_ack\b|\bpredict\b")
    return [code[0], *(source for source in code[1:] if re.search(r"\blab\b|\breal\.", source) and not beside.search(source))]


def be_a_learner(address: str) -> None:
    """Wait for a line, run the cells, and say how it went."""
    import lesson_lib.lab.lab  # noqa: F401  imported before the clock starts, as in a kernel that is open already
    os.environ["KAFKA_BOOTSTRAP_SERVERS"] = address
    print("ready", flush=True)
    sys.stdin.readline()
    begin, wrong = time.monotonic(), []
    for lesson in LESSONS:
        try:
            wrong += run_lesson(lesson)
        except Exception as error:
            wrong.append(f"{lesson}: {error!r}")
    print(json.dumps({"seconds": time.monotonic() - begin, "wrong": wrong}), flush=True)


def run_lesson(lesson: str) -> list[str]:
    """Run its live cells; what did not come out as expected."""
    *cells, last = live_cells(lesson)
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in cells:
            exec(source, space)
        wrong = [f"{lesson}: not {claim}" for claim in EXPECTED[lesson] if not eval(claim, space)]
        exec(last, space)
    return wrong


def room(address: str, count: int) -> list[dict[str, Any]]:
    """What each learner says in the end."""
    command = [sys.executable, "-m", "tests.room.thirty", "--learner", address]
    learners = [subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env={**os.environ, "LESSON_LEARNER": f"learner-{n}"}) for n in range(count)]
    for learner in learners:
        learner.stdout.readline()
    for learner in learners:
        learner.stdin.write("go\n")
        learner.stdin.flush()
    return [json.loads(learner.communicate(timeout=600)[0].splitlines()[-1]) for learner in learners]


def state(address: str) -> tuple[set[str], set[str], list[str]]:
    """Topics, groups, and the values in the topic that no learner made."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        topics = set(admin.list_topics())
        groups = {str(group["group_id"] if isinstance(group, dict) else group[0]) for group in admin.list_groups()}
    finally:
        admin.close()
    with at_leaders(address, FOREIGN) as leaders:
        cells = read_topic(leaders, FOREIGN, Recording()).get((FOREIGN, 0), ())
    return topics, groups, [cell.value for cell in cells]


def trial(address: str, count: int) -> int:
    """One round, and what it left; 0 when all was right and nothing of others was touched."""
    own = Topics(address)
    with own._connect() as client:
        make_topic(client, FOREIGN)
    with contextlib.closing(KafkaProducer(bootstrap_servers=address)) as producer:
        producer.send(FOREIGN, b"keep me").get()
    before = state(address)
    found = room(address, count)
    time.sleep(2)  # Apache Kafka deletes topics a moment after it said so
    after = state(address)
    own._delete([FOREIGN])
    seconds = [one["seconds"] for one in found]
    wrong = [text for one in found for text in one["wrong"]]
    print(f"{count} learners: median {statistics.median(seconds):.1f} s, slowest {max(seconds):.1f} s; {len(wrong)} results wrong")
    print(f"left: topics {sorted(after[0] - before[0])}, groups {sorted(after[1] - before[1])}; "
          f"missing: {sorted(before[0] - after[0])}; the foreign log is {'as it was' if before[2] == after[2] else 'changed'}")
    print(*wrong, sep="\n")
    return int(bool(wrong) or before != after)


def main() -> int:
    """Measure, or be one of the learners."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?")
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--learner", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.learner:
        be_a_learner(arguments.address)
        return 0
    if arguments.address:
        return trial(arguments.address, arguments.learners)
    command = [sys.executable, "-m", "lesson_lib", "broker", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as broker:
        try:
            return trial(broker.stdout.readline().removeprefix("listening on ").strip(), arguments.learners)
        finally:
            broker.terminate()


if __name__ == "__main__":
    sys.exit(main())
