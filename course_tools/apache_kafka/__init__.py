"""Apache Kafka itself, on this machine, for those who want the live exercises on the real thing.

`docker-compose.yml` is the one description of that broker: version, port, settings. Where a Docker engine
answers, Compose runs it (`command`). Elsewhere the same version comes as Maven artifacts (`maven`), the same
settings become a `server.properties` (`properties`), and Java runs it (`process`). Nothing here is about
lessons.
"""
