"""How many batches the simulation gets through in a second, and whether that holds from a hundred batches to a hundred thousand."""

from __future__ import annotations

from lesson_lib.sim import simulate
from tests.bench.table import Row, seconds, side_by_side

SMALL, SIZES = 100, (1_000, 100_000)
CLIENTS = {"kafka-python": 1, "java": 5}


def rows() -> list[Row]:
    """Batches per second of each size beside those of a hundred batches; every answer of the 40th attempt is lost on the way."""
    return [_row(client, in_flight, size) for client, in_flight in CLIENTS.items() for size in SIZES]


def _row(client: str, in_flight: int, size: int) -> Row:
    ours, small = side_by_side(lambda: _rate(client, in_flight, size, 1), lambda: _rate(client, in_flight, SMALL, 50))
    return Row(f"simulated, {client}, {in_flight} in flight, {size:,} batches against {SMALL}", ours, small, "batches/s", "about 1: linear")


def _rate(client: str, in_flight: int, size: int, times: int) -> float:
    return size * times / seconds(lambda: [simulate(size, client=client, in_flight=in_flight, faults={40: "lose ack"}).anomalies
                                           for _ in range(times)])
