"""The environment block of docker-compose.yml as a `server.properties`, by the rule of Kafka's own image.

The image turns `KAFKA_LOG_DIRS` into `log.dirs`: without the prefix, in lower case, `_` for a dot, `__` for
an underscore, `___` for a dash (KafkaDockerWrapper). A few names configure Java or the start script instead
and are no properties.

Differs from Kafka in: nothing derived. The image fills in `listeners` when it is missing; the course's file
states it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

NOT_PROPERTIES = {f"KAFKA_{name}" for name in (
    "VERSION HEAP_OPTS OPTS LOG4J_OPTS JMX_OPTS JVM_PERFORMANCE_OPTS GC_LOG_OPTS LOG4J_ROOT_LOGLEVEL "
    "LOG4J_LOGGERS TOOLS_LOG4J_LOGLEVEL JMX_HOSTNAME").split()}
SEPARATORS = {"_": ".", "__": "_", "___": "-"}


def property_name(variable: str) -> str:
    """`KAFKA_LOG_DIRS` -> `log.dirs`."""
    return re.sub("_{1,3}", lambda match: SEPARATORS[match[0]], variable.removeprefix("KAFKA_").lower())


def properties_from(environment: Mapping[str, str]) -> dict[str, str]:
    """All Kafka properties of an environment block."""
    names = (name for name in environment if name.startswith("KAFKA_") and name not in NOT_PROPERTIES)
    return {property_name(name): environment[name] for name in names}


def outside_a_container(properties: Mapping[str, str], data: Path, port: int,
                        host: str = "127.0.0.1") -> dict[str, str]:
    """The same settings for a process on this machine: only what a container had provided is changed.

    Clients reach it at `host`; the controller takes the port above `port`, for this machine only.
    """
    controller = port + 1
    return {
        **properties,
        # The container has a file system of its own; here the data goes to the ignored folder.
        "log.dirs": str(data),
        # In the container "://:9092" is every interface of a private network, and Docker publishes one port
        # of it on 127.0.0.1. Here nothing stands in front, so Kafka itself binds to one address. The ports
        # move together with `port`.
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.quorum.voters": f"{properties['node.id']}@127.0.0.1:{controller}",
    }


def as_text(properties: Mapping[str, str]) -> str:
    """The text of a `server.properties` file."""
    return "".join(f"{name}={value}\n" for name, value in sorted(properties.items()))
