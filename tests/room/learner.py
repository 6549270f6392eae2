"""One learner's kernel as a process: `python -m tests.room.learner ADDRESS`. Obeys one word a line, answers with one line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from lesson_lib.lab.lab import Lab, start_lab


def work(lab: Lab, who: str) -> dict[str, Any]:
    """What a lesson does with names: a topic, a run, a group and a transactional id; every learner chooses the same ones."""
    topic = lab.topic("orders")
    with lab.producer(transactional_id="shop") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, who.encode())
        producer.commit_transaction()
    consumer = lab.consumer(topic, group_id="readers", consumer_timeout_ms=120_000)  # a busy machine's group takes its time
    read = [next(consumer).value.decode()]
    run = lab.run([who, who], faults={2: "lose ack"}, idempotence=False)
    return {"topic": topic, "suffix": lab.topics.suffix, "group": consumer.config["group_id"], "read": read, "run": run.values()}


def main(address: str) -> None:
    """Until stdin ends."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        word, _, who = line.strip().partition(" ")
        if word == "work":
            lab = start_lab(address)
            answer: Any = work(lab, who)
        elif word == "log":
            answer = [cell.value for cell in lab.log(who) if cell.value]
        else:
            lab.stop()
            answer = "stopped"
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
