"""Somebody's application: sends what it is told with kafka-python, to the address in the variable that is named."""

import os
import sys

from kafka import KafkaProducer

variable, idempotence, *values = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=os.environ[variable], enable_idempotence=idempotence == "on", retries=10)
for value in values:
    producer.send(os.environ.get("TOPIC", "orders"), value.encode()).get(30)
producer.close()
sys.exit(3 if "fails" in values else 0)
