"""Topics of one lab: made by a short name, stored under a name that no other learner has, deleted when the
lab stops.

So are its consumer groups. The suffix is made of the learner, the process and the lab. Topics that a killed
kernel of the same learner left behind are recognised by it and deleted when the next lab starts.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count

from lesson_lib.errors import LessonError
from lesson_lib.wire import requests
from lesson_lib.wire.requests import RawClient, at_leaders, make_topic

LEARNER = "LESSON_LEARNER"
ASK_SECONDS = 4.0
GONE = (LessonError, OSError)  # what a broker that is gone raises
_labs = count(1)


def learner() -> str:
    """Eight hex digits for this learner on this machine; from LESSON_LEARNER where that is set.

    The network card counts too: a room of copies of one machine has one home and one host name thirty times.
    """
    who = os.environ.get(LEARNER) or f"{os.path.expanduser('~')}@{socket.gethostname()}/{uuid.getnode():x}"
    return hashlib.blake2b(who.encode(), digest_size=4).hexdigest()


class Topics:
    """The topics of one lab on the broker at `address`; an embedded one leads a topic `at_once`."""

    def __init__(self, address: str, suffix: str = "", at_once: bool = False) -> None:
        self.address, self._at_once = address, at_once
        self.suffix = suffix or f"{learner()}-{os.getpid()}-{next(_labs)}"
        self._made: dict[str, str] = {}
        self._numbers = count(1)
        self._versions: requests.Versions = {}

    def make(self, name: str, partitions: int = 1) -> str:
        """A new, empty topic; its real name. LessonError for a name that Kafka does not take."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,180}", name):
            raise LessonError(f"{name!r} can't be the name of a topic. Use letters, digits, dots, hyphens "
                              "and underscores.")
        if not isinstance(partitions, int) or not 1 <= partitions <= 64:
            raise LessonError(f"A topic of the lab has 1 to 64 partitions, not {partitions!r}.")
        real = self.private(name)
        while real in self._made:
            real = f"{name}-{next(self._numbers)}-{self.suffix}"
        self._made[real] = name  # before it is there: an interrupt may come before the broker's answer
        try:
            with self._connect() as client:
                make_topic(client, real, partitions, wait=not self._at_once)
        except (RuntimeError, OSError, LookupError) as why:  # the last: an answer without what was asked for
            raise LessonError(f"The broker at {self.address} made no topic: {why}. Check whether it's still "
                              "running, then run this cell again.") from None
        return real

    def private(self, name: str) -> str:
        """The name with the learner's suffix; for topics, groups and transactional ids."""
        return name if name.endswith(self.suffix) else f"{name}-{self.suffix}"

    def short(self, name: str) -> str:
        """The name as the learner gave it."""
        return self._made.get(name) or name.removesuffix(f"-{self.suffix}")

    def delete_all(self) -> None:
        """Delete what this lab made, its groups too; a broker that is gone keeps it until the next lab."""
        with suppress(*GONE), self._connect() as client:
            groups = [group.group_id for group in client.ask(requests.request("ListGroups")).groups]
            if ours := [name for name in groups if name.endswith(f"-{self.suffix}")]:
                client.ask(requests.request("DeleteGroups", groups_names=ours))
        self._delete(list(self._made))
        self._made.clear()

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """What is made in the block is deleted at its end; no other topic gets its name."""
        before = len(self._made)
        try:
            yield
        finally:
            self._delete(list(self._made)[before:])

    def delete_leftovers(self) -> None:
        """Delete what dead processes of this learner left behind."""
        pattern = re.compile(rf".+-{learner()}-(\d+)-\d+")
        everything = requests.request("Metadata", topics=None, allow_auto_topic_creation=False)
        with suppress(*GONE), self._connect() as client:
            found = [pattern.fullmatch(topic.name) for topic in client.ask(everything).topics]
            self._delete([match[0] for match in found if match and not _is_alive(int(match[1]))])

    def _connect(self) -> RawClient:
        return RawClient(self.address, ASK_SECONDS, self._versions)

    def leaders(self, topic: str, timeout: float = 15.0) -> AbstractContextManager[dict[int, RawClient]]:
        """As `at_leaders`, at the broker of this lab."""
        return at_leaders(self.address, topic, timeout, self._versions)

    def _delete(self, names: list[str]) -> None:
        with suppress(*GONE), self._connect() as client:
            for name in names:
                client.ask(requests.delete_topic(name))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return True
