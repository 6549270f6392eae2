"""Lesson 1, "A record, an ack, an offset": a producer when nothing goes wrong, and what an ack is worth."""

from __future__ import annotations

from lesson_lib.teach.content import Option, ask, scenario
from lesson_lib.teach.readings import acks, all_ok, log_words, offsets_told, requests, told_words
from lesson_lib.teach.tasks.function import SameOutputTask, ValueTask
from lesson_lib.teach.tasks.puzzle import PuzzleTask
from lesson_lib.teach.tasks.task import given

THREE = scenario(("coffee", "tea", "rum"), idempotence=False)
SAMPLES = ((4000, 0, 0, 1), (4000, 0, 1, 3), (-1, -1, -1, 2), (2**40 + 5, 7, 2**31 - 1, 1))
UNASKED = scenario(3, acks=0, faults={3: "lose request"}, idempotence=False)


def batch_bytes(producer_id: int, producer_epoch: int, base_sequence: int, records: int) -> bytes:
    """A record batch as a producer sends it, with that many records."""
    # Imported here, so that a question needs no client.
    from kafka.record.default_records import DefaultRecordBatchBuilder
    builder = DefaultRecordBatchBuilder(2, 0, 0, producer_id, producer_epoch, base_sequence, 16_384)
    for number in range(records):
        builder.append(number, 1_700_000_000_000, None, f"m{number}".encode(), [])
    return bytes(builder.build())


def sample_batches() -> list[bytes]:
    """A few batches: idempotent, of several records, without a producer id, and with large numbers."""
    return [batch_bytes(*numbers) for numbers in SAMPLES]


def describe(batch: bytes) -> str:
    """A batch by its length and its eighteen bytes."""
    return f"a batch of {len(batch)} bytes with `{batch[43:61].hex(' ')}` from byte 43 on"


def read_header(batch: bytes) -> tuple[int, int, int, int]:
    """Producer id, producer epoch, base sequence and record count, from bytes 43 to 60."""
    import struct  # here, so that the solution can be pasted as it stands
    return struct.unpack_from(">qhii", batch, 43)


ITEMS = (
    ask("recall", "1.recall-network",
        "A program sends a request over TCP. The connection drops before an answer arrives. What does the "
        "program know?",
        Option("The server didn't handle the request.", False, "no answer means not done",
               "the server may have handled it, and only the answer got lost."),
        Option("The server handled the request.", False, "sent means done",
               "the request may have got lost on the way."),
        Option("It can't know which.", True),
        because="From the sender's side the two cases look the same. Most of this course follows from that."),
    ask("recall", "1.recall-log",
        "What does a broker do with a record once a consumer has read it?",
        Option("It removes it, as a queue does.", False, "a topic is a queue",
               "another consumer can read the same record tomorrow."),
        Option("It marks it as read.", False, "a topic is a queue",
               "the broker writes nothing into the record. Each consumer keeps track of where it is."),
        Option("It keeps it, at the same offset.", True),
        because="A partition is a log. Records are appended, keep their offset, and can be read as often as "
                "you like, until the topic's retention or somebody deletes them."),
    ask("recall", "1.recall-partition",
        "A topic has three partitions. Where are its records in order?",
        Option("Across the whole topic.", False, "a topic is one log",
               "each partition is a log of its own, with its own offsets."),
        Option("Within each partition.", True),
        Option("Nowhere.", False, "Kafka keeps no order",
               "within a partition every record has its own place, its offset."),
        because="There is no order between partitions. Whenever this course speaks of order, it means within "
                "one partition."),
    ask("prediction", "1.offsets",
        "The producer sends three orders to an empty partition, and each gets an ack. Which offsets do the "
        "acks carry?",
        Option("1, 2, 3.", lambda run: offsets_told(run) == [1, 2, 3], "offsets count from one",
               lambda run: f"the first record of this log is at offset {run.log()[0].offset}."),
        Option("0, 1, 2.", lambda run: offsets_told(run) == [0, 1, 2]),
        Option("None. An ack only says that it worked.",
               lambda run: not any(o is not None for o in offsets_told(run)), "an ack carries no place",
               lambda run: f"the answers carried the offsets {', '.join(map(str, offsets_told(run)))}."),
        because="The broker chooses the offset when it appends, and the ack brings it back. Offsets count "
                "from 0. Until the ack arrives, the producer doesn't know the offset.",
        run=THREE),
    ask("observation", "1.saw-messages",
        "How many messages crossed the network in this run, counting both requests and answers?",
        Option("Three.", lambda run: requests(run) + acks(run) == 3, "an ack is not a message",
               lambda run: f"{requests(run)} requests went out and {acks(run)} answers came back."),
        Option("Four.", lambda run: requests(run) + acks(run) == 4, "one ack covers all requests",
               lambda run: f"{requests(run)} requests went out and {acks(run)} answers came back."),
        Option("Six.", lambda run: requests(run) + acks(run) == 6),
        because="Every request has its answer. Any of the six messages can get lost, and the next lessons "
                "lose them one by one.",
        run=THREE),
    ask("prediction", "1.batches",
        "Four records travel in two batches of two. How many acks does the broker send, and which offset is "
        "in the last one?",
        Option("Four acks, and the last one says 3.",
               lambda run: acks(run) == 4 and offsets_told(run)[-1] == 3, "every record is acked by itself",
               lambda run: f"{acks(run)} answers came back, one for each batch."),
        Option("Two acks, and the last one says 3.",
               lambda run: acks(run) == 2 and offsets_told(run)[-1] == 3, "an ack names the last record",
               lambda run: f"the second ack says {offsets_told(run)[-1]}, the offset of the first record in "
                           "its batch."),
        Option("Two acks, and the last one says 2.",
               lambda run: acks(run) == 2 and offsets_told(run)[-1] == 2),
        because="A batch is sent, stored and acked as one. Its ack carries the offset of its first record. "
                "`send` returns a *future* for each record. The client counts up from the ack's offset, so "
                "the four futures get 0, 1, 2 and 3. Keep the batch in mind: it comes back in every lesson.",
        run=scenario(4, records_per_batch=2, idempotence=False)),
    ask("prediction", "1.acks-0",
        "With `acks=0` the producer asks for no answer. The request with `m2` gets lost. What is the "
        "application told about `m2`?",
        Option("ok", lambda run: run.told.get(2) == "ok"),
        Option("failed", lambda run: run.told.get(2) == "failed", "acks=0 still notices a loss",
               lambda run: f"the application was told {told_words(run)}. The client never looks for an "
                           "answer, so it can't notice that there is none."),
        Option("Nothing at all.", lambda run: run.told.get(2) == "unknown", "acks=0 waits",
               lambda run: f"the application was told {told_words(run)}, as soon as the bytes had left."),
        because="With `acks=0` an ok means that the bytes left this process, and nothing more. So `m2` is a "
                "*lost write*: the application got an ok, but the record isn't in the log.",
        run=UNASKED),
    ask("observation", "1.saw-answers",
        "The application was told ok three times. Which offsets came with these oks?",
        Option("None at all.", lambda run: all_ok(run) and offsets_told(run) == [None] * 3),
        Option("0 and 1, and none for `m2`.", lambda run: offsets_told(run) == [0, 1, None],
               "the broker answers what it stores",
               lambda run: f"{acks(run)} answers came back, and only an answer could bring an offset."),
        Option("0, 1 and 2.", lambda run: offsets_told(run) == [0, 1, 2], "ok means stored",
               lambda run: f"{acks(run)} answers came back, and the log holds {log_words(run)}."),
        because="Only an answer from the broker could bring an offset, and with `acks=0` none comes. The "
                "real `kafka-python` still gives each future an offset. It makes that number up, and starts "
                "from 0 in each batch. So don't use offsets that you got with `acks=0`.",
        run=UNASKED),
    ask("prediction", "1.acks-1",
        "The same lost request, and this time the producer waits for an answer (`acks=1`). What happens?",
        Option("Three requests. The log holds `m0 m1`, and the application is told that `m2` failed.",
               lambda run: requests(run) == 3, "what is lost stays lost",
               lambda run: f"the producer sent {requests(run)} requests, and the log holds "
                           f"{log_words(run)}."),
        Option("Four requests. The log holds `m0 m1 m2`.",
               lambda run: requests(run) == 4 and run.values() == ["m0", "m1", "m2"]),
        Option("Four requests. The log holds `m0 m1 m2 m2`.", lambda run: run.values().count("m2") == 2,
               "every retry makes a copy",
               lambda run: "the first try of `m2` never reached the broker, so the log holds "
                           f"{log_words(run)}."),
        because="No answer came, so the producer sent the batch again. Only a producer that waits for "
                "answers can notice that one is missing. It's this sending again that causes the trouble in "
                "lesson 2.",
        run=scenario(3, acks=1, faults={3: "lose request"}, idempotence=False)),
    ask("choice", "1.one-log",
        "Now the application sends the next record. Which offset comes back with its ack?",
        Option("2, because offset 1 is taken.", False, "ok means stored",
               "the new leader never got the record that was acked at offset 1, so in its log offset 1 is "
               "still free."),
        Option("1, the same offset again.", True),
        Option("None comes. Writes wait until the old leader is back.", False, "a leader is never replaced",
               "the other broker leads now, and takes the writes."),
        because="The two acks name the same offset, and only the second record is there. When the old leader "
                "comes back it copies the new one's log, so the earlier record is gone for good: a lost "
                "write."),
    ask("choice", "1.header-off",
        "That was a header with idempotence on. What about the three fields when idempotence is off?",
        Option("They hold 0, 0 and 0.", False, "off is zero",
               "0 is a valid value for each of them: a real producer id, a real epoch, a first sequence."),
        Option("They hold -1, -1 and -1.", True),
        Option("They're missing, and the header is 14 bytes shorter.", False,
               "idempotence makes batches longer",
               "every batch has the same layout, with or without idempotence."),
        because="-1 means none. Every batch has these fields, used or not. The next cell shows it in the "
                "log."),
    ValueTask(
        id="1.last-offset", scenario=scenario(8, records_per_batch=3, idempotence=False),
        expects="a whole number",
        text="A producer sends eight records to an empty partition, in batches of three, three and two. "
             "Which offset does the last ack carry? `task.check(...)`",
        truth=lambda run: offsets_told(run)[-1],
        against=lambda run, answer: f"The last record is at offset {run.log()[-1].offset}, and the last "
                                    f"batch holds {run.attempts[-1].send.record_count} records. The ack "
                                    "of a batch carries the offset of its first record.",
        hints=("Every record takes one offset, no matter which batch it came in.",
               "The first batch takes the offsets 0, 1 and 2."),
        right=(given(6),),
        explanation="The batches start at 0, 3 and 6."),
    SameOutputTask(
        id="1.header", name="read_header", truth=read_header, inputs=sample_batches, show=describe,
        text="Write `read_header(batch)`. It takes the bytes of a record batch and returns four whole "
             "numbers as a tuple: the producer id (8 bytes, starting at byte 43), then the producer epoch (2 "
             "bytes), the base sequence (4) and the record count (4). All are signed, most significant byte "
             "first. `task.check(read_header)`",
        hints=("`int.from_bytes(batch[43:51], \"big\", signed=True)` is the producer id.",
               "The epoch starts at byte 51, the base sequence at 53, the record count at 57.",
               "Or all at once, with `struct.unpack_from` and the format `\">qhii\"`."),
        right=(given(read_header),),
        explanation="One producer id, one epoch and one base sequence for the whole batch, or -1, -1, -1 "
                    "with idempotence off. These three and the record count are all that a broker needs to "
                    "tell whether it has seen a batch before. Lesson 3 shows how."),
    PuzzleTask(
        id="1.silent-loss", scenario=scenario(3, idempotence=False), budget=1, free={"acks": (0, 1, "all")},
        goal="the log holds `m0` alone, and the application was told ok three times.",
        reached=lambda run: run.values() == ["m0"] and all_ok(run),
        text="Make a log that holds only `m0`, while the application is told ok for `m0`, `m1` and `m2`. You "
             "may use one fault, and you choose `acks`: `task.check({...: \"...\"}, acks=...)`",
        hints=("A lost request is sent again only if the producer is waiting for its answer.",
               "With `acks=0` nobody waits, so the next request leaves at once. What else gets lost when a "
               "connection drops?"),
        right=(given({2: "lose request"}, acks=0), given("2: lose request", acks=0),
               given({2: "lose request silently"}, acks=0)),
        explanation="The application got three oks, and the log holds one record. With `acks=0` the producer "
                    "sent `m2` right behind `m1`, on the same connection, without waiting for an answer. "
                    "What stopped `m1` stopped `m2` too, and nobody noticed. With `acks=1` or `\"all\"` the "
                    "producer would have noticed."),
)
