"""Your own producer, in any language, between a fault script and a broker.

`trace` starts a proxy in front of the broker and starts your application with the proxy's address in its
environment. Without an application it prints the address. It records until the application ends or you press
Ctrl-C, then it says in a sentence what came of it. The broker needs a plaintext listener (no TLS, no SASL).
With acks=0 a client takes for a success what it has sent, so what is lost of that is a lost write.

A fault script is "N: what happens" for the N-th produce request, several separated by semicolons:
  2: lose ack              stored, but the answer gets lost and the connection drops
  1-3: refuse 6            refused with Kafka's error 6
  4: delay 800             the answer comes 800 ms late
A script with a word that isn't one gets the list of all words.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from course_tools.command_line import asking, check_broker, on_interrupt, write
from course_tools.page import html_page, items, made_by, section
from course_tools.trace.verdict import Circumstances, TraceVerdict
from course_tools.trace.wire_history import WireHistory, from_the_wire, without_values
from lesson_lib.broker.embedded import EmbeddedBroker
from lesson_lib.core.error_codes import ErrorCode
from lesson_lib.core.producer_state import TopicPartition
from lesson_lib.draw import show
from lesson_lib.errors import LessonError
from lesson_lib.faults import parse_script
from lesson_lib.history import Kind, Settings
from lesson_lib.history.event import Logs
from lesson_lib.lab.as_history import as_history, read_logs
from lesson_lib.lab.choose_broker import Choice, find
from lesson_lib.proxy.proxy import FaultProxy
from lesson_lib.proxy.recording import Recording
from lesson_lib.wire.requests import at_leaders

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
SETTLE_SECONDS, PATIENCE_SECONDS = 1.0, 5.0
NOT_SEEN = ("What the application was told cannot be seen on the wire: an ok here is an answer without an "
            "error that reached the client.")
# Layout -> heading, and requests that it has room for. What the broker saw grows downwards; each takes longer
LAYOUTS = {"lanes": ("Over time", 60), "space-time": ("Event by event", 60),
           "arrivals": ("As the broker saw it", 2_000)}


def main(argv: list[str]) -> int:
    """`TraceVerdict.status`. LessonError for a broker that does not answer, a port that
    is taken, a program or a fault that there is not, a file that cannot be written."""
    at = argv.index("--") if "--" in argv else len(argv)
    application, options = argv[at + 1:], _parser().parse_args(argv[:at])
    recording = Recording(parse_script(options.faults))
    with _broker(options.broker) as broker:
        with FaultProxy(broker.address, broker.hooks, options.port) as proxy:
            proxy.record(recording)
            status = _let_run(proxy, application, options.env)
            recording.wait_until_idle(SETTLE_SECONDS)
            recording.close()
        with asking(broker.text):
            run = history_of(recording, broker)
    rest = " …" * (len(application) > 1)  # the application's arguments may hold a password
    command = shlex.join(["python", "-m", "lesson_lib", "trace", *argv[:at + 2]]) + rest
    verdict = TraceVerdict(run if options.values else without_values(run), _circumstances(recording, status))
    if options.html:
        write(options.html, page(verdict.run, str(verdict), command))
    if options.json:
        write(options.json, json.dumps(_as_json(verdict), ensure_ascii=False, indent=1))
    print(verdict)
    return verdict.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lesson_lib trace", description=__doc__,
                                     usage="%(prog)s [options] [-- APPLICATION ARGUMENTS…]",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default="embedded", metavar="HOST:PORT", help="the broker behind the "
                        "proxy (default: one of the course's own, which creates topics by itself)")
    parser.add_argument("--faults", default="", metavar="SCRIPT", help='what goes wrong (default: nothing)')
    parser.add_argument("--env", default=VARIABLE, metavar="NAME",
                        help="the variable that tells the application the address (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the proxy's port (default: any that is free)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write requests, anomalies and logs")
    parser.add_argument("--values", action="store_true",
                        help="write the records' values too; without it they are called r0, r1, ...")
    return parser


@contextmanager
def _broker(wanted: str) -> Iterator[Choice]:
    """The broker behind the proxy; our own is stopped in the end."""
    if wanted != "embedded":
        check_broker(wanted)
        yield find(wanted, "")()
        return
    with EmbeddedBroker() as own:
        own.cluster.auto_create_topics = True
        yield find(own, "")()


def _let_run(proxy: FaultProxy, application: list[str], variable: str) -> int:
    """Until the application has ended, or until Ctrl-C where somebody starts it elsewhere. The status with
    which it ended by itself; 0 where Ctrl-C or the script ended it."""
    ended = threading.Event()
    if not application:
        with on_interrupt(ended.set):  # before anybody is told to press it
            print(f"Give {proxy.address} to your application as its bootstrap server, and press Ctrl-C once "
                  "it is done.", file=sys.stderr, flush=True)
            ended.wait()
        return 0
    try:
        process = subprocess.Popen(application, env={**os.environ, variable: proxy.address})
    except OSError as error:
        raise LessonError(f"{application[0]} cannot be started: {error.strerror}.") from None
    except ValueError:  # of Popen, about its environment
        raise LessonError(f"{variable!r} is no name for a variable.") from None
    killed: list[str] = []

    def kill(client_id: str) -> None:
        killed.append(client_id)
        process.kill()
    proxy.on_kill = kill
    with on_interrupt(ended.set):
        while process.poll() is None and not ended.wait(0.05):
            pass
        process.terminate()  # which does nothing to one that has ended
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return 0 if killed or ended.is_set() else process.returncode


def history_of(recording: Recording, broker: Choice) -> WireHistory:
    """What was seen, and the logs that were written to."""
    idempotence = any(event.producer_id > 0 for event in recording.events)
    settings = Settings("real", idempotence, recording.acks_words, in_flight=0, broker=broker.name,
                        client="your application", faults=str(recording.script))
    run = as_history(recording, _logs(recording, broker.text), settings, str)
    return from_the_wire(run, recording.unasked)


def _logs(recording: Recording, address: str) -> Logs:
    """The logs that were written to, from the first batch of this trace on, once their markers are there."""
    since = _first_offsets(recording)
    return read_logs(recording, partial(at_leaders, address), {topic for topic, _ in since}, since)


def _first_offsets(recording: Recording) -> dict[TopicPartition, int]:
    """Where each partition that was written to begins for us."""
    since: dict[TopicPartition, int] = {}
    for event in recording.events:
        if event.kind in (Kind.VERDICT, Kind.ACK) and event.offset is not None and event.offset >= 0:
            place = event.topic, event.partition
            since[place] = min(event.offset, since.get(place, event.offset))
    return since


def _circumstances(recording: Recording, status: int) -> Circumstances:
    never = []
    for line in recording.script.unused(recording.attempts, recording.asked):
        count = recording.asked[line.api] if line.api else recording.attempts
        sent = f"{count} {line.api}".rstrip() + (" request was sent" if count == 1 else " requests were sent")
        never.append(f"The fault '{line}' never happened: {sent}.")
    missing = (name for name, error in recording.topics.items()
               if error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    return Circumstances(status, tuple(never), frozenset(recording.apis), tuple(missing))


def page(run: WireHistory, verdict: str, command: str) -> str:
    """The page that a trace leaves, as HTML that needs nothing else: the verdict, three pictures, what is
    wrong, the log. `command` is how it was made.
    """
    pictures = [section(heading, picture=show(run, layout)) for layout, (heading, most) in LAYOUTS.items()
                if 0 < len(run.attempts) <= most]
    if run.attempts and not pictures:
        pictures = [f"<p>There is no picture: {len(run.attempts)} requests are too many for one.</p>"]
    words = {key: "  ".join(f"{cell.offset}: {cell.value or cell.kind}" for cell in cells)
             for key, cells in sorted(run.logs.items())}
    logs = (f"{topic}-{number}: {cells or 'empty'}" for (topic, number), cells in words.items())
    return html_page(verdict, f"<p>{NOT_SEEN}</p>", made_by(command), items(map(str, run.anomalies)),
                     *pictures, section("The log at the end"), items(logs))


def _as_json(verdict: TraceVerdict) -> dict[str, Any]:
    run = verdict.run
    requests = [{"request": one.number, "batch": one.batch, "try": one.try_no, "lost": one.lost,
                 "verdict": one.verdict_words, "sequence": one.send.base_sequence,
                 "epoch": one.send.producer_epoch, "records": one.send.record_count,
                 "topic": one.send.topic, "partition": one.send.partition} for one in run.attempts]
    anomalies = [{"name": one.name, "batches": one.batches, "sentence": one.sentence}
                 for one in run.anomalies]
    logs = {f"{topic}-{number}": [[cell.offset, cell.value or cell.kind, cell.batch] for cell in cells]
            for (topic, number), cells in sorted(run.logs.items())}
    return {"verdict": str(verdict), "status": verdict.status, "faults": run.settings.faults,
            "anomalies": anomalies, "requests": requests, "logs": logs}
