"""A pytest plugin: every `PartitionLog` of the run belongs to the mutant that MUTANT names, in `core` and in `sim` alike."""

from __future__ import annotations

import os
from typing import Any

import lesson_lib.core.partition_log as partition_log
import lesson_lib.sim.run as run
from lesson_lib.core.kafka_version import DEFAULT_VERSION, KafkaVersion
from lesson_lib.sim.broker_log import log_of
from lesson_lib.sim.broker_with_memory import Broker
from lesson_lib.sim.wrong_brokers import MUTANTS

NAME = os.environ["MUTANT"]


def mutated(version: KafkaVersion = DEFAULT_VERSION, *_: Any, **__: Any) -> partition_log.PartitionLog:
    """A log with the mutant's rule, or with Kafka's where there is no such mutant."""
    return log_of(version, MUTANTS[NAME].broker(version) if NAME in MUTANTS else Broker(version=version))


run.log_of = mutated
partition_log.PartitionLog = mutated  # type: ignore[assignment,misc]
