"""A server that stops leaves nothing behind, whoever is just knocking."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys

import pytest

from lesson_lib.wire.server import Server


async def reads_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection that ends when its client does."""
    await reader.read()


def test_who_knocks_while_a_server_stops_leaves_no_task(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that nobody ended is told of whenever garbage is collected, maybe in the middle of something else."""
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: left.append(repr(told.exc_value)))
    with caplog.at_level(logging.ERROR, "asyncio"):
        for _ in range(10):
            server = Server(reads_for_ever)
            server.start()
            clients = [socket.create_connection((server.host, server.port)) for _ in range(8)]
            server.stop()
            for client in clients:
                client.close()
        del server
        gc.collect()
    assert (left, [one.getMessage() for one in caplog.records if one.name == "asyncio"]) == ([], [])
