"""The README's pictures: the lost ack of lesson 2, alone and with that of lesson 3, and those of `trace`,
`judge` and `read`, made by these commands' own code.

    python -m course_tools.publish.pictures

An application without idempotence loses an ack; its topic is read afterwards; and a broker that follows
Kafka 4.5 is judged by the rule of 4.4. A test makes them again and compares every word in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from kafka import KafkaProducer

from course_tools.conformance.broker_under_test import BrokerUnderTest
from course_tools.conformance.command import judge
from course_tools.conformance.presentation import picture_of
from course_tools.conformance.script import parse
from course_tools.publish.published import NOTEBOOKS
from course_tools.read.findings import LogRead
from course_tools.read.on_disk import of_topic
from course_tools.read.picture import as_history
from course_tools.trace.command import history_of
from course_tools.trace.wire_history import without_values
from lesson_lib import draw, simulate
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.draw.picture import Picture
from lesson_lib.faults import parse_script
from lesson_lib.lab.choose_broker import find
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import Recording

FOLDER = NOTEBOOKS / "images"
SENT = (b"tea", b"rum", b"salt")


def pictures() -> Iterator[tuple[str, Picture]]:
    """Each with the name of its file, which for the last three of them is that of a command."""
    on, off = (simulate(3, faults={2: "lose ack"}, idempotence=idempotence) for idempotence in (True, False))
    yield "stored-twice", draw.show(off)
    yield "lost-ack", draw.show(on, control=off)
    with EmbeddedBroker(auto_create_topics=True) as broker:
        recording = Recording(parse_script("2: lose ack"))
        with FaultProxy(("127.0.0.1", broker.port), broker.hooks) as proxy:
            proxy.record(recording)
            producer = KafkaProducer(bootstrap_servers=proxy.address, enable_idempotence=False)
            with closing(producer):
                for value in SENT:
                    producer.send("orders", value, partition=0).get(30)
        recording.close()
        yield "trace", draw.show(without_values(history_of(recording, find(broker, "")())), "lanes")
        for _, batches in of_topic(broker.address, "orders"):
            found = as_history(LogRead().take(batches), "orders-0")
            yield "read", draw.show(found, "arrivals", step=False)
    with EmbeddedBroker("4.4") as one, EmbeddedBroker("4.5") as other, \
            closing(BrokerUnderTest(one.address)) as kafka, closing(BrokerUnderTest(other.address)) as theirs:
        judged = judge(kafka, theirs, [parse("send p0 a e0 s2 n1")], "your broker")
        yield "judge", picture_of(judged.by_number()[0], judged.name)


def main() -> None:
    """Write them where the README shows them."""
    for name, picture in pictures():
        print(picture.save(Path(FOLDER) / f"{name}.svg"))


if __name__ == "__main__":
    main()
