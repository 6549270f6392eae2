"""What docker-compose.yml says about the course's Apache Kafka: version, address, environment.

That file alone names the release which the course is measured against; the lab, `make kafka`, the doctor and
the tests read it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"


@dataclass(frozen=True)
class Compose:
    """The one service of docker-compose.yml."""

    version: str
    host: str
    port: int
    environment: dict[str, str]


def read_compose(path: Path = COMPOSE_FILE) -> Compose:
    """Read the service `kafka`: the image's tag, the published address and the environment block."""
    import yaml  # a page in a browser has none, and no such file

    service = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]["kafka"]
    host, port, _ = service["ports"][0].split(":")
    environment = {name: str(value) for name, value in service["environment"].items()}
    return Compose(service["image"].rpartition(":")[2], host, int(port), environment)


def compose_address() -> tuple[str, str, int]:
    """(version, host, port) of that broker; the usual port, and no version, where the file cannot be read."""
    try:
        compose = read_compose()
    except (OSError, LookupError, ValueError, TypeError):
        return "", "127.0.0.1", 9092
    return compose.version, compose.host, compose.port
