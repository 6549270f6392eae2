"""What docker-compose.yml says about the course's Apache Kafka: version, address, environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

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
    service = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]["kafka"]
    host, port, _ = service["ports"][0].split(":")
    environment = {name: str(value) for name, value in service["environment"].items()}
    return Compose(service["image"].rpartition(":")[2], host, int(port), environment)
