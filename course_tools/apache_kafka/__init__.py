"""Apache Kafka itself, on this machine, for whoever wants the live exercises on the real thing.

`docker-compose.yml` is the one description of that broker: its version, its port and its settings. Where a Docker engine
answers, Compose runs it. Elsewhere the same version comes as Maven artifacts, the same settings become a `server.properties`,
and Java runs it, so that the file is tried out on machines that have no engine as well.

- `compose`: what docker-compose.yml says.
- `properties`: its environment block as Kafka's properties, and the few that must differ outside a container.
- `maven`: a class path for Maven coordinates.
- `process`: start, find and stop the Java process.
- `probe`: does a Kafka broker answer at an address?
- `command`: `python -m lesson_lib kafka up|down`.
"""
