"""The factories of the lab: every client that it hands out goes through the proxy, is known by name, and gets closed."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kafka.errors import KafkaConfigurationError, KafkaError

from lesson_lib.errors import LessonError
from lesson_lib.lab.clients import CLOSE_SECONDS, LabAdmin, LabConsumer, LabProducer, Stamps, wait_for_dropped
from lesson_lib.lab.interrupts import kept_interrupts
from lesson_lib.proxy.recording import Recording

Client = TypeVar("Client", LabProducer, LabConsumer, LabAdmin)
MOST_OPEN = 16  # consumers and admin clients; a cell that is run again and again leaves one each time


class LabClients:
    """Opens and closes clients of the broker behind `address`. `check` raises LessonError when the broker is known to be gone, `look`
    finds out whether it is. `private` puts the learner's suffix on a name.
    """

    def __init__(self, address: Callable[[], str], recording: Callable[[], Recording], check: Callable[[], None],
                 look: Callable[[], None], private: Callable[[str], str]) -> None:
        self._address, self._recording, self._check, self._look, self._private = address, recording, check, look, private
        self._producers: weakref.WeakValueDictionary[str, LabProducer] = weakref.WeakValueDictionary()
        self._stamps, self._numbers = Stamps(), itertools.count(1)
        self._others: list[LabConsumer | LabAdmin] = []

    def producer(self, options: dict[str, Any]) -> LabProducer:
        """A producer with kafka-python's options."""
        settings = self._settings("producer", options, "transactional_id")
        with kept_interrupts(at_once=False):
            producer = self._open(lambda: LabProducer(self._recording, self._check, self._stamps, **settings))
            self._producers[producer.client_id] = producer
        return producer

    def consumer(self, topics: tuple[str, ...], options: dict[str, Any]) -> LabConsumer:
        """A consumer with kafka-python's options."""
        settings = self._settings("consumer", options, "group_id")
        with kept_interrupts(at_once=False):
            return self._keep(self._open(lambda: LabConsumer(self._look, *topics, **settings)))

    def admin(self, options: dict[str, Any]) -> LabAdmin:
        """An admin client with kafka-python's options."""
        with kept_interrupts(at_once=False):
            return self._keep(self._open(lambda: LabAdmin(**self._settings("admin", options))))

    def new_id(self, what: str) -> str:
        """A client id that nobody in this lab has."""
        return f"lab-{what}-{next(self._numbers)}"

    def kill(self, client_id: str) -> None:
        """A producer's process dies."""
        if producer := self._producers.get(client_id):
            producer.kill()

    def close(self, client_ids: Iterable[str], seconds: float) -> None:
        """Close these producers, giving up what is unfinished after so many seconds."""
        for producer in [self._producers.get(client_id) for client_id in client_ids]:
            if producer is not None:
                producer.close(seconds)

    def close_all(self) -> None:
        """Close everything."""
        self.close(list(self._producers), CLOSE_SECONDS)
        while self._others:
            _close(self._others.pop())
        wait_for_dropped()

    def _settings(self, what: str, options: dict[str, Any], private: str = "") -> dict[str, Any]:
        settings = {"client_id": self.new_id(what), "bootstrap_servers": self._address(), **options}
        if str(settings.get("acks", "all")) != "all" and isinstance(settings["acks"], str):  # kafka-python takes it, and nothing arrives
            raise LessonError(f"acks is a number, 0 or 1, or the text 'all'; you gave the text {settings['acks']!r}.")
        if settings.get(private):
            settings[private] = self._private(settings[private])
        return settings

    def _keep(self, client: Client) -> Client:
        self._others.append(client)
        if len(self._others) > MOST_OPEN:
            _close(self._others.pop(0))
        return client

    def _open(self, make: Callable[[], Client]) -> Client:
        self._check()
        try:
            return make()
        except KafkaConfigurationError as error:
            raise LessonError(f"kafka-python refuses these settings: {_text(error)}.") from None
        except (ValueError, TypeError, AssertionError) as error:
            raise LessonError(f"kafka-python does not understand these settings: {_text(error)}.") from None
        except KafkaError as error:
            self._check()
            raise LessonError(f"The client got no answer from the broker ({_text(error)}); look whether it still runs.") from None


def _text(error: Exception) -> str:
    return str(error.args[0] if error.args else error).rstrip(".")


def _close(client: LabConsumer | LabAdmin) -> None:
    try:
        client.close()
    except (KafkaError, OSError, RuntimeError):  # it was closed by hand, or its broker is gone
        pass
