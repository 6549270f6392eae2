#!/bin/sh
# Do Kafka and its clients still behave as the lessons say? Runs every test that measures a fact; fails when one came out differently.
#
#   KAFKA_VERSION=4.4.0          start this Apache Kafka for the occasion (Java 17 and Maven) and stop it at the end
#   KAFKA_BOOTSTRAP_SERVERS=...  or use one that runs already
#   KAFKA_PYTHON_VERSION=3.0.12  use this kafka-python instead of the locked one, or `newest`; .venv stays as it is
#   KAFKA_CLIENTS_VERSION=4.4.0  use this Java client
#
# Options go to pytest, for example: tools/drift.sh -k lesson_04
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
folder=$(mktemp -d)
port=
clean_up() {
    [ -z "$port" ] || "$python" -m lesson_lib kafka down --port "$port"
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

case "${KAFKA_PYTHON_VERSION:-}" in
    "") package= ;;
    newest) package=kafka-python ;;
    *) package="kafka-python==$KAFKA_PYTHON_VERSION" ;;
esac
if [ -n "$package" ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" "$package"
    export PYTHONPATH="$folder"
fi
if [ -n "${KAFKA_VERSION:-}" ]; then
    port=$("$python" -c 'from lesson_lib.wire.probe import two_free_ports; print(two_free_ports())')
    "$python" -m lesson_lib kafka up --version "$KAFKA_VERSION" --port "$port"
    export KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:$port"
fi

"$python" -c 'from importlib.metadata import version; print("kafka-python", version("kafka-python"))'
echo "Apache Kafka ${KAFKA_VERSION:-as in docker-compose.yml} at ${KAFKA_BOOTSTRAP_SERVERS:-the address there}"
# Whole files: those that hold a statement of a lesson, and those on clients that the lessons lean on without a word.
facts=$(grep -rl 'pytest\.mark\.fact(' --include='test_*.py' tests | grep -v '^tests/facts/')
"$python" -m pytest -q tests/facts $facts tests/course_tools/clients tests/sim/test_librdkafka_client.py tests/broker/test_broker_kafka_python.py \
    tests/broker/test_broker_java.py "$@"
