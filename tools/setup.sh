#!/bin/sh
# Makes .venv from requirements.lock. Needs Python 3.11 or newer and nothing else; a second run does nothing.
# PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "$1" >&2; exit 1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# What is installed depends on these and on where the folder is: the editable install remembers the path.
wanted="$(pwd) $(cat requirements.lock pyproject.toml tools/setup.sh share/etc/*/* | cksum)"
stamp=.venv/.ready
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null && exit 0

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if new_enough "$name"; then echo "$name"; return; fi
    done
}

python=$(find_python)
[ -n "$python" ] || fail "No Python 3.11 or newer was found: install one (python.org, or your system's packages) and run make again, or name it: make setup PYTHON=/path/to/python3."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run make again."

echo "Making .venv with $("$python" --version); this takes about a minute."
rm -f "$stamp"
new_enough .venv/bin/python || "$python" -m venv --clear .venv
# The lock, hashes and all; then this course's own folder, built with the flit_core that the lock has just installed.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock ||
    fail "The packages could not be installed: is the package index reachable? Run make again when it is."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# JupyterLab asks on its first start whether it may fetch news, over the lesson; the answer here is no.
mkdir -p .venv/share/jupyter/lab/settings
echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > .venv/share/jupyter/lab/settings/overrides.json
echo "$wanted" > "$stamp"
