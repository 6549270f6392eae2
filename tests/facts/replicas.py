"""A cluster of Apache Kafka of a test's own, as small as shows what replicas do: a controller and two brokers on this machine.

Each is a Java process from the Maven artifacts, and no setting is other than Kafka's default but for addresses and folders. A broker can
be frozen (SIGSTOP: it neither copies nor answers, like a Java process in a long pause), thawed and killed. Frozen for a second or
two it stays in sync and can be elected: `broker.session.timeout.ms` is 9 seconds, `replica.lag.time.max.ms` 30.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka.protocol.admin import CreateTopicsRequest
from kafka.record.default_records import DefaultRecordBatch

from course_tools.apache_kafka import maven
from course_tools.apache_kafka.properties import as_text
from lesson_lib.errors import LessonError
from lesson_lib.lab.compose import read_compose
from lesson_lib.wire import probe, requests
from lesson_lib.wire.record_batch import split_batches
from lesson_lib.wire.requests import RawClient

HOST, CONTROLLER, BROKERS = "127.0.0.1", 0, (1, 2)
LISTENERS = {"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", "controller.listener.names": "CONTROLLER"}
# Small, and quick to start: nothing here runs so long that Java's second compiler pays.
JAVA = ("-Xmx256m", *maven.BRIEF)
FETCH_ENDS_SECONDS = 1.5  # three times `replica.fetch.wait.max.ms`
PATIENCE_SECONDS = 120.0


@dataclass
class Node:
    """One node. `java` is the command without the program; `process` is there once it was started."""

    id: int
    port: int
    folder: Path
    java: Sequence[str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{HOST}:{self.port}"

    def format(self, voter: str) -> subprocess.Popen[bytes]:
        """Write its settings and begin to format its storage."""
        self.folder.mkdir()
        role, listener = ("controller", "CONTROLLER") if self.id == CONTROLLER else ("broker", "PLAINTEXT")
        own = {"process.roles": role, "node.id": f"{self.id}", "listeners": f"{listener}://{self.address}",
               "log.dirs": f"{self.folder / 'data'}", "controller.quorum.voters": voter}
        (self.folder / "server.properties").write_text(as_text({**LISTENERS, **own}), encoding="utf-8")
        return self._run("kafka.tools.StorageTool", "format", "-t", read_compose().environment["CLUSTER_ID"], "-c")

    def start(self) -> None:
        """Start it with the data that it has; it is not ready yet."""
        self.process = self._run("kafka.Kafka")

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([*self.java, *arguments, str(self.folder / "server.properties")], cwd=self.folder,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def freeze(self) -> None:
        """Stop it where it is, and wait until the leader has answered its last fetch, with nothing.

        Else that answer could carry what is appended next, and lie in the frozen broker's socket until it goes on.
        """
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(FETCH_ENDS_SECONDS)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As `kill -9` does, frozen or not."""
        self.process.kill()
        self.process.wait()

    def on_disk(self, topic: str) -> list[str]:
        """The records in its own copy of partition 0, read from the file, whether it runs or not."""
        data = (self.folder / "data" / f"{topic}-0" / f"{0:020}.log").read_bytes()
        return [record.value.decode() for batch in split_batches(data) for record in DefaultRecordBatch(batch)]


@dataclass(frozen=True)
class Cluster:
    """The brokers, by their ids."""

    brokers: dict[int, Node]

    @property
    def addresses(self) -> list[str]:
        """For `bootstrap_servers`."""
        return [node.address for node in self.brokers.values()]

    def make_topic(self, name: str, replicas: Sequence[int], configs: dict[str, str]) -> None:
        """A topic of one partition, which the first of `replicas` leads; wait until they all know it."""
        of_topic = CreateTopicsRequest.CreatableTopic
        copies = [of_topic.CreatableReplicaAssignment(partition_index=0, broker_ids=list(replicas))]
        settings = [of_topic.CreatableTopicConfig(name=n, value=v) for n, v in configs.items()]
        topic = of_topic(name=name, num_partitions=-1, replication_factor=-1, assignments=copies, configs=settings)
        with RawClient(self.brokers[replicas[0]].address) as client:
            made = client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=60_000, validate_only=False)).topics[0]
        assert made.error_code == 0, made
        for broker in replicas:
            self.wait_until_seen(broker, name, replicas[0], replicas)

    def wait_until_seen(self, broker: int, topic: str, leader: int, in_sync: Sequence[int]) -> None:
        """Until `broker` has heard of this leader and these replicas in sync, and the leader, which may hear later, answers as one."""
        wait_until(lambda: self.seen_by(broker, topic) == (leader, sorted(in_sync)), f"{leader} leads {topic}, in sync: {in_sync}")
        wait_until(lambda: self.leads(leader, topic), f"{leader} takes the lead of {topic}")

    def seen_by(self, broker: int, topic: str) -> tuple[int, list[int]]:
        """The leader of partition 0 and its replicas in sync, as `broker` has heard last; (-1, []) for nothing, or while it starts."""
        try:
            with RawClient(self.brokers[broker].address) as client:
                parts = client.ask(requests.metadata(topic)).topics[0].partitions
        except (LessonError, OSError):
            return -1, []
        return (parts[0].leader_id, sorted(parts[0].isr_nodes)) if parts else (-1, [])

    def leads(self, broker: int, topic: str) -> bool:
        """Whether it takes itself for the leader of partition 0: nobody else tells a consumer where the log begins."""
        with RawClient(self.brokers[broker].address) as client:
            return client.ask(requests.list_offsets(topic, [0], requests.EARLIEST)).topics[0].partitions[0].error_code == 0

    def log_end(self, broker: int, topic: str) -> int:
        """The next offset in a replica's own log, what nobody has copied included."""
        question = requests.list_offsets(topic, [0])
        question.replica_id = -2  # who asks for debugging is not held back at the high watermark, as consumers are
        with RawClient(self.brokers[broker].address) as client:
            return client.ask(question).topics[0].partitions[0].offset


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Ask until it holds; LessonError when it does not within `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise LessonError(f"This did not come about in {PATIENCE_SECONDS:.0f} s: {what}.")
        time.sleep(0.05)


@contextmanager
def cluster(jars: str, folder: Path) -> Iterator[Cluster]:
    """A cluster of the Apache Kafka in these jars, ready for use. None of its processes is left at the end, whatever happens."""
    java = (maven.java() or "java", *JAVA, "-cp", jars)
    nodes = [Node(n, port, folder / str(n), java) for n, port in zip((CONTROLLER, *BROKERS), _free_ports(), strict=True)]
    formats = [node.format(f"{CONTROLLER}@{nodes[0].address}") for node in nodes]
    assert [run.wait() for run in formats] == [0, 0, 0], f"no storage: see {folder}/*/log"
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(shutil.rmtree, node.folder / "data")
            node.start()
            stack.callback(node.kill)
        for node in nodes[1:]:
            wait_until(lambda node=node: probe.is_usable(HOST, node.port), f"broker {node.id} starts, see {node.folder / 'log'}")
        yield Cluster({node.id: node for node in nodes[1:]})


def _free_ports() -> list[int]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server((HOST, 0))) for _ in (CONTROLLER, *BROKERS)]
        return [server.getsockname()[1] for server in servers]
