"""The virtual world is put in place when its lab starts and gone when it stops; nothing in it can hang."""

from __future__ import annotations

import _thread
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import kafka
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from lesson_lib import forge
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.errors import LessonError
from lesson_lib.lab import clients
from lesson_lib.lab import lab as lab_module
from lesson_lib.lab.choose_broker import VARIABLE, WORLD, find, find_virtual
from lesson_lib.lab.clients import open_worlds
from lesson_lib.lab.every_schedule import every_schedule
from lesson_lib.lab.lab import Lab, start_lab
from lesson_lib.lab.virtual import seams
from lesson_lib.lab.virtual.world import VirtualWorld
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.wire.requests import RawClient


def names_of_kafka() -> dict[tuple[str, str], int]:
    """What every name of kafka-python's and our modules and classes stands for."""
    found = {}
    for module in list(sys.modules.values()):
        if module.__name__.startswith(("kafka.", "lesson_lib.")):
            for home in [module, *[v for v in vars(module).values() if isinstance(v, type)]]:
                found |= {(f"{module.__name__}.{home.__name__}", name): id(value) for name, value in vars(home).items()
                          if name not in ("log", "_abc_impl", "_current")}
    return found


# in place and gone


def test_kafka_is_as_it_was_once_the_lab_is_stopped() -> None:
    start_lab(world="virtual").stop()  # loads what is loaded late
    before = names_of_kafka()
    for _ in range(2):
        lab = start_lab(world="virtual")
        assert names_of_kafka() != before
        assert lab.run(1).told == {0: "ok"}
        lab.stop()
        assert names_of_kafka() == before


def test_a_lab_that_does_not_start_leaves_no_world() -> None:
    start_lab(world="virtual").stop()
    before = names_of_kafka()
    with pytest.raises(LessonError, match="x"):
        start_lab(version="x", world="virtual")
    assert names_of_kafka() == before and open_worlds == []


def test_no_thread_and_no_socket(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(threading.Thread, "start", never)
    topic = lab.topic("orders")
    with lab.producer(transactional_id="shop") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"m0").get()
        producer.commit_transaction()
    assert [record.value for record in lab.consumer(topic, group_id="readers")] == [b"m0"]
    assert topic in lab.admin().list_topics()
    assert lab.history().values() == ["m0"]


def test_one_world_after_the_other_and_the_other_kind_between() -> None:
    for world in ("virtual", "sockets", "virtual"):
        lab = start_lab("embedded", world=world)
        assert lab.run(2, faults={1: "lose ack"}, idempotence=False).values() == ["m0", "m0", "m1"]
        lab.stop()


def test_sockets_go_on_beside_it_in_their_own_threads(embedded: EmbeddedBroker) -> None:
    """A producer that lives in a thread, on a broker that does too, notices nothing of the virtual world in the main thread."""
    told: list[int] = []
    begun, go_on = threading.Event(), threading.Event()
    embedded.cluster.create_topic("t")

    def produce() -> None:
        with KafkaProducer(bootstrap_servers=embedded.address) as producer:
            told.append(producer.send("t", b"before").get(10).offset)
            begun.set()
            go_on.wait(10)
            told.append(producer.send("t", b"while").get(10).offset)
        with RawClient(embedded.address) as client:
            told.append(len(client.versions))

    thread = threading.Thread(target=produce)
    thread.start()
    begun.wait(10)
    lab = start_lab(world="virtual")
    go_on.set()
    assert lab.run(3).values() == ["m0", "m1", "m2"]
    thread.join(20)
    lab.stop()
    assert told[:2] == [0, 1] and told[2] > 10


# nothing can hang


@pytest.mark.parametrize(("seconds", "wait"), [
    (0.5, lambda lab, topic: lab.producer().send(topic, b"").get(0.5)),
    (0.5, lambda lab, topic: lab.producer(max_block_ms=500).partitions_for("no-such-topic")),
], ids=["get", "metadata"])
def test_a_wait_ends_at_its_own_time_out(lab: Lab, world: VirtualWorld, seconds: float, wait: Any) -> None:
    topic = lab.topic("orders")
    lab.faults({"1+": "lose ack silently"})
    begin = world.now
    with pytest.raises(KafkaTimeoutError):
        wait(lab, topic)
    assert seconds <= world.now - begin < seconds + 0.3


def stuck(lab: Lab) -> tuple[Any, Any]:
    """A producer that sends nothing any more, as kafka-python does once a retried batch of an idempotent one has expired."""
    topic = lab.topic("orders")
    producer = lab.producer()
    producer.send(topic, b"m0").get()
    lab.faults({"1+": "lose ack"})
    with pytest.raises(KafkaTimeoutError, match="Expiring"):
        producer.send(topic, b"m1").get()
    return producer, producer.send(topic, b"m2")


def test_a_record_that_nobody_will_send_is_one_sentence(lab: Lab) -> None:
    _, future = stuck(lab)
    with pytest.raises(LessonError, match="it has stopped sending"):
        future.get()
    with pytest.raises(KafkaTimeoutError, match="No answer within 3 s"):
        future.get(3)


def test_a_wait_without_a_time_out_says_who_waits_for_what(lab: Lab, world: VirtualWorld) -> None:
    producer, _ = stuck(lab)
    begin = world.now
    with pytest.raises(LessonError, match=r"KafkaProducer\.close waits in FutureProduceResult\.wait without a time-out"):
        producer.close()
    assert world.now - begin == pytest.approx(900)
    producer.close(1)


def test_an_endless_loop_in_a_cell_can_be_interrupted(lab: Lab, interruptible: None) -> None:
    consumer = lab.consumer(lab.topic("orders"), group_id="readers")
    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            consumer.poll(100)
    assert lab.run(1).told == {0: "ok"}
    assert consumer.poll(100) == {}


def test_an_interrupt_in_a_wait_leaves_everybody_as_they_were(lab: Lab, interruptible: None) -> None:
    producer, future = stuck(lab)
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        while True:  # a quarter of an hour of virtual time can be over before the interrupt comes
            with suppress(LessonError):
                producer.flush()
    producer.close(0.1)
    assert lab.run(2).told == {0: "ok", 1: "ok"}


def test_who_looks_again_and_again_gets_the_answer(lab: Lab) -> None:
    future = lab.producer().send(lab.topic("orders"), b"m0")
    while not future.is_done:
        pass
    consumer = lab.consumer(future.get().topic)
    found: dict[Any, Any] = {}
    while not found:
        found = consumer.poll(0)
    assert len(found) == 1


@pytest.mark.parametrize("linger_ms", [1, 7, 50, 200, 300, 333, 1000])
def test_who_lingers_for_less_than_the_clock_can_show_gets_there(lab: Lab, linger_ms: int) -> None:
    """What is left of a linger can be less than the last digit of the clock: the producer then asks for a sleep of no length."""
    topic = lab.topic("slow")
    with lab.producer(acks=0, linger_ms=linger_ms) as producer:
        assert [future.get().offset for future in [producer.send(topic, b"m") for _ in range(2)]] == [0, 1]


def test_a_killed_producer_keeps_nobody_waiting(lab: Lab, world: VirtualWorld) -> None:
    topic = lab.topic("orders")
    lab.faults({1: "kill producer"})
    producer = lab.producer()
    future = producer.send(topic, b"m0")
    with pytest.raises(LessonError, match="was killed"):
        future.get()
    assert lab.log(topic)[0].value == "m0"


def test_a_dropped_producer_ends(lab: Lab, world: VirtualWorld) -> None:
    topic = lab.topic("orders")
    before = len(world.threads)
    lab.producer().send(topic, b"m0")
    lab.sleep(1)  # until then the record needs it
    gc.collect()
    assert len(world.threads) == before
    assert lab.log(topic)[0].value == "m0"


def test_a_producer_that_is_dropped_in_the_turn_of_another(lab: Lab, world: VirtualWorld) -> None:
    """Python may collect it anywhere; there it must not wait, so a thread of its own does."""
    topic = lab.topic("orders")
    dropped = [lab.producer()]
    dropped[0].send(topic, b"m0")
    lab.producer().send(topic, b"m1").add_callback(lambda _: dropped.clear()).get()
    lab.sleep(2)
    assert sorted(cell.value for cell in lab.log(topic)) == ["m0", "m1"]
    lab.stop()
    assert list(world.threads) == []


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_producer_that_is_dropped_in_the_turn_of_the_broker(lab: Lab, world: VirtualWorld) -> None:
    """There too it must not wait; an exception in `__del__` would be a warning and an open producer."""
    topic = lab.topic("orders")
    dropped, seen = [lab.producer()], []
    dropped[0].send(topic, b"m0").get()
    world.call_soon(lambda: (seen.append(clients.threading.current_thread()), dropped.clear()))
    lab.sleep(2)
    assert seen == [world]
    assert list(world.threads) == []


def test_garbage_is_collected_in_a_wait(lab: Lab) -> None:
    topic = lab.topic("orders")
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(3):
            producer = lab.producer()
            producer.itself = producer  # only the collector finds it
            producer.send(topic, b"%d" % number)
    finally:
        gc.set_threshold(*before)
    del producer
    gc.collect()
    lab.sleep(1)
    assert sorted(cell.value for cell in lab.log(topic)) == ["0", "1", "2"]


def test_an_exception_in_a_callback_is_logged_and_no_more(lab: Lab) -> None:
    topic = lab.topic("orders")
    producer = lab.producer()
    assert producer.send(topic, b"m0").add_callback(lambda _: 1 / 0).get().offset == 0
    assert "Error processing callback" in lab.client_log()
    assert producer.send(topic, b"m1").get().offset == 1


def test_a_callback_may_wait(lab: Lab) -> None:
    topic = lab.topic("orders")
    one, two = lab.producer(), lab.producer()
    offsets: list[int] = []
    one.send(topic, b"m0").add_callback(lambda _: offsets.append(two.send(topic, b"m1").get(5).offset)).get()
    assert offsets == [1]


# bad input


def test_a_broker_that_is_asked_for_counts_more_than_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    start_lab("embedded", world="virtual").stop()


def refusal(*args: Any, **options: Any) -> str:
    """What `start_lab` says."""
    with pytest.raises(LessonError) as refused:
        start_lab(*args, **options)
    assert open_worlds == [] and lab_module._current is None
    assert str(refused.value).count("\n") == 0
    return str(refused.value)


@pytest.mark.parametrize(("args", "options", "words"), [
    ((), {"world": "imaginary"}, "There is no world 'imaginary'"),
    (("127.0.0.1:9092",), {"world": "virtual"}, "reaches no other, so not '127.0.0.1:9092'"),
    (("compose",), {"world": "virtual"}, "reaches no other"),
    ((), {"world": "virtual", "version": "x"}, "'x'"),
    *((("embedded",), {"world": world, "port": port}, f"whole number from 0 to 65535, 0 for any free one, not {port!r}")
      for world in ("virtual", "sockets") for port in (-1, 70_000, "a", 1.5, True, None)),
])
def test_bad_arguments(args: tuple[str, ...], options: dict[str, Any], words: str) -> None:
    assert words in refusal(*args, **options)


@pytest.mark.parametrize("before", ["virtual", "sockets"])
def test_what_is_refused_takes_nothing_away(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab that was there goes on, whichever world it is in."""
    lab = start_lab("embedded", world=before)
    topic, producer = lab.topic("orders"), lab.producer()
    for args, options in [((), {"world": "imaginary"}), (("compose",), {}), (("nonsense",), {}), (("127.0.0.1:1",), {}), ((17,), {}),
                          (("embedded", "x"), {}), (("embedded", "0.9"), {"world": "virtual"}), (("embedded", "4.4", -1), {}),
                          (("127.0.0.1:1",), {"world": "virtual"})]:
        with pytest.raises(LessonError):
            start_lab(*args, **options)
    with monkeypatch.context() as patch, pytest.raises(LessonError, match="made for the inside of kafka-python"):
        patch.setattr(kafka, "__version__", "3.1.0")
        start_lab(world="virtual")
    assert producer.send(topic, b"m0").get(5).offset == 0
    lab.stop()


def test_a_broker_on_sockets_is_found_from_a_virtual_world(embedded: EmbeddedBroker) -> None:
    start_lab(world="virtual")
    lab = start_lab(embedded.address, world="sockets")
    assert lab.choice.text == embedded.address and lab.run(1).told == {0: "ok"}
    lab.stop()


@pytest.mark.parametrize("world", ["virtual", "sockets"])
@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, "x", None, 1e9])
def test_a_sleep_that_is_none(world: str, seconds: Any) -> None:
    lab = start_lab("embedded", world=world)
    with pytest.raises(LessonError, match="a number from 0 to 2,678,400 .a month., not"):
        lab.sleep(seconds)
    lab.sleep(0)
    lab.stop()


def test_bad_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORLD, "real")
    assert "There is no world 'real': start_lab(world=...) and LESSON_WORLD know" in refusal()
    monkeypatch.setenv(WORLD, "virtual")
    monkeypatch.setenv(VARIABLE, "127.0.0.1:9092")
    assert f"%env {VARIABLE}=" in refusal()


def test_the_variable_chooses_the_world(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(WORLD, "virtual")
    monkeypatch.setenv(VARIABLE, "embedded")
    lab = start_lab()
    assert "in a virtual world" in " ".join(capsys.readouterr().out.split())
    lab.stop()


def test_two_worlds_at_once(lab: Lab) -> None:
    with pytest.raises(LessonError, match="open already"):
        find_virtual(None, "4.4.0")()


def test_another_kafka_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "__version__", "3.1.0")
    assert "made for the inside of kafka-python 3.0.12, and this is 3.1.0" in refusal(world="virtual")


def test_no_way_out(lab: Lab, embedded: EmbeddedBroker) -> None:
    with pytest.raises(LessonError, match="a virtual world reaches nothing outside of it"):
        forge(embedded.address)
    with pytest.raises(LessonError, match="no answer from the broker"):
        lab.producer(bootstrap_servers=embedded.address)
    with pytest.raises(LessonError, match="reaches no other"):
        start_lab(embedded, world="virtual")


def test_a_lab_on_sockets_in_the_virtual_world() -> None:
    """Which only one that was not started by `start_lab` can be."""
    sockets = Lab(find("embedded", "4.4")())
    topic, producer = sockets.topic("orders"), sockets.producer()
    virtual = start_lab(world="virtual")
    told: list[int] = []
    elsewhere = threading.Thread(target=lambda: told.append(producer.send(topic, b"m0").get(10).offset))
    elsewhere.start()
    elsewhere.join()
    for use in (lambda: sockets.run(1), lambda: sockets.topic("t"), lambda: sockets.log(topic), sockets.producer, sockets.stop,
                lambda: producer.send(topic, b"m1"), lambda: sockets.sleep(0), lambda: sockets.consumer(topic), sockets.admin):
        with pytest.raises(LessonError, match="uses sockets .*, and here a virtual world is open"):
            use()
    virtual.stop()
    assert told == [0] and producer.send(topic, b"m1").get(10).offset == 1
    sockets.stop()


Use = Callable[[], object]


def refusals(calls: list[Use]) -> set[str]:
    """What these calls say, at once; kafka-python puts what it says of a transactional producer before a sentence of ours."""
    told = set[str]()
    for call in calls:
        begin = time.monotonic()
        with pytest.raises((LessonError, KafkaError)) as refused:
            call()
        assert time.monotonic() - begin < 5
        told.add(str(refused.value).removeprefix("KafkaError: Cannot execute transactional method because we are in an error state: "))
    return told


def in_a_thread(work: Use) -> None:
    """Do it there, to the end, and raise what it raises."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(60)


@contextmanager
def plain_clients(address: str) -> Iterator[tuple[list[Use], Use]]:
    """What asks a broker of kafka-python's own clients, and a send that goes on once the others were refused."""
    with KafkaProducer(bootstrap_servers=address) as producer, KafkaProducer(bootstrap_servers=address, transactional_id="s") as shop:
        consumer, admin = KafkaConsumer(bootstrap_servers=address, group_id="readers"), KafkaAdminClient(bootstrap_servers=address)
        shop.init_transactions()
        shop.begin_transaction()
        topic = sorted(consumer.topics())[0]
        consumer.assign([TopicPartition(topic, 0)])
        yield [lambda: producer.send(topic, b"m0"), lambda: producer.partitions_for("another"),
               lambda: shop.init_transactions(), lambda: shop.commit_transaction(), lambda: shop.abort_transaction(),
               lambda: shop.send_offsets_to_transaction({}, "readers"),
               lambda: consumer.poll(10), consumer.topics, admin.list_topics], lambda: producer.send(topic, b"m1").get(10)
        for client in (admin, consumer):
            with suppress(LessonError):  # its world is over
                client.close()


def test_clients_of_sockets_in_the_virtual_world(embedded: EmbeddedBroker) -> None:
    embedded.cluster.create_topic("t")
    with plain_clients(embedded.address) as (calls, send):
        lab = start_lab(world="virtual")
        (told,) = refusals(calls)
        assert told.startswith("This client uses sockets and the time of the wall, and here a virtual world is open")
        in_a_thread(send)
        lab.stop()
        assert send().offset == 1


def test_clients_of_a_virtual_world_outside_of_it() -> None:
    lab = start_lab(world="virtual")
    topic, made, bench = lab.topic("orders"), lab.producer(), forge(lab)
    with plain_clients(lab.address) as (calls, send):
        made.send(topic, b"m0").get()
        waiting = made.send(topic, b"m1")
        of_the_lab = [lambda: made.send(topic, b"m0"), lambda: lab.run(1), lambda: lab.topic("t"), lab.producer, lab.admin, lab.stop,
                      lambda: lab.sleep(1), lambda: lab.log(topic), lambda: every_schedule(lab, 1, 1), waiting.get,
                      lambda: start_lab("embedded", world="virtual"), lambda: start_lab("embedded", world="sockets")]
        told = set[str]()
        in_a_thread(lambda: told.update(refusals([*calls, *of_the_lab, bench.describe_producers])))
        assert told == {"A virtual world has one thread, the one that opened it: use its clients and stop its lab there. "
                        "For several threads open start_lab(world='sockets') there."}
        assert send().offset == 0 and lab.run(1).values() == ["m0"]
        lab.stop()
        (over,) = refusals([*calls, bench.describe_producers])
        assert "belongs to a virtual world that is over" in over
        again = start_lab(world="virtual")
        assert refusals(calls) == {over}
        again.stop()
        sockets = start_lab("embedded", world="sockets")
        assert refusals(calls) == {over}
        (stopped,) = refusals([lambda: made.send(topic, b"m0"), lambda: lab.run(1), lambda: lab.topic("t"), lab.producer])
        assert "was stopped" in stopped
        assert sockets.run(1).values() == ["m0"]
        sockets.stop()


def test_a_world_whose_thread_has_ended_is_taken_over() -> None:
    """Else nobody could start a lab any more."""
    labs: list[Lab] = []
    in_a_thread(lambda: labs.append(start_lab("embedded", world="virtual")))
    assert labs[0].run(2, faults={1: "lose ack"}).values() == ["m0", "m1"]
    labs[0].stop()
    in_a_thread(lambda: labs.append(start_lab("embedded", world="virtual")))
    start_lab("embedded", world="sockets").stop()
    assert open_worlds == []


def test_the_room_stays_small() -> None:
    """What stands in for clock, threads, sockets and event loop."""
    files = Path(seams.__file__).parent.glob("*.py")
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 500


LEFT_OPEN = """import gc, sys
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from lesson_lib import start_lab
lab = start_lab("embedded", world="virtual")
topic, address = lab.topic("orders"), lab.address
plain, shop = KafkaProducer(bootstrap_servers=address), KafkaProducer(bootstrap_servers=address, transactional_id="shop")
shop.init_transactions()
shop.begin_transaction()
reader, admin = KafkaConsumer(topic, bootstrap_servers=address, group_id="readers"), KafkaAdminClient(bootstrap_servers=address)
reader.poll(0)
for producer in (plain, shop):
    producer.partitions_for(topic)
sent = [producer.send(topic, b"m0") for producer in (plain, shop)]
lab.stop()
for future in sent:
    try:
        future.get()
    except Exception as error:
        print(error, file=sys.stderr)
if sys.argv[1] == "dropped":
    del plain, shop, reader, admin, producer, sent, future
    gc.collect()
elif sys.argv[1] == "closed":
    plain.close()
    shop.close()
"""


@pytest.mark.parametrize("how", ["dropped", "closed", "left"])
def test_clients_that_are_open_when_their_world_ends_print_nothing(how: str) -> None:
    """Neither where Python drops them nor at the end of the process; a record that was waiting says why in one sentence."""
    done = subprocess.run([sys.executable, "-c", LEFT_OPEN, how], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == 2 * "This client belongs to a virtual world that is over; make a new one with the lab of now.\n"


def test_an_interrupt_while_a_lab_starts_or_stops_leaves_no_world_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt
    for home, name in ((FaultProxy, "start"), (EmbeddedBroker, "start"), (Lab, "_close_producers")):
        with monkeypatch.context() as patch:
            patch.setattr(home, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                start_lab("embedded", world="virtual").stop()
        lab = start_lab("embedded", world="virtual")
        assert lab.run(1).values() == ["m0"], name
        lab.stop()
