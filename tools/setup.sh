#!/bin/sh
# Makes .venv from requirements.lock. Needs Python 3.11 or newer and nothing else. A second run does nothing, and one
# after a run that was stopped goes on from there.
# PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

fail() { echo "$1" >&2; exit 1; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# What is installed depends on these and on where the folder is: the editable install remembers the path.
wanted="$(pwd) $(cat requirements.lock pyproject.toml tools/setup.sh share/etc/*/* | cksum)"
stamp=.venv/.ready
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null && exit 0

# pip's lines; once a second how many packages are in place, since pip says nothing while it installs; and how it ended.
pip_lines() {
    while sleep 1; do set -- .venv/lib/python3*/site-packages/*.dist-info; echo "Installed $#"; done 2>/dev/null & counting=$!
    status=0
    .venv/bin/python -m pip install --progress-bar off --disable-pip-version-check --require-hashes \
        --requirement requirements.lock 2>&1 || status=$?
    kill $counting 2>/dev/null || :
    echo "Ended $status"
}

# One line that is written over and over on a terminal, one every ten seconds elsewhere; a sentence if pip failed.
progress() {
    of=$(grep -c '^[a-z0-9]' requirements.lock) got=0 seconds=0 now="Looking for packages" why="" error="" once="that is fixed"
    while read -r word rest; do
        case "$word $rest" in
            Ignoring*) of=$((of - 1)) ;;
            Collecting*) got=$((got + 1)) why="" once="that is fixed" name=${rest%% *} now="Fetching $got of $of: $name" ;;
            Requirement*) got=$((got + 1)) ;;
            Downloading*) now="Fetching $got of $of: $name (${rest##*(}" ;;
            Installing*) now="Installing" ;;
            *"No space left"*) why="the disk is full (all of it takes about 700 MB)" once="there is room" ;;
            *Retrying*|*urllib3.exceptions*)
                why="the package index can't be reached" once="it answers" now="No answer from the package index, trying again" ;;
            *"DO NOT MATCH THE HASHES"*) why="a package arrived incomplete or altered" once="the network is steady" ;;
            *"No matching distribution"*|*"Failed to build"*)
                [ -n "$why" ] || why="one of them has no build for this Python" once="you have chosen another (PYTHON=python3.12)" ;;
            ERROR:*) error=${error:-$rest} ;;
            Installed*) # pip itself is in place too, but not on the list
                seconds=$((seconds + 1)) here=$((rest < of ? rest : of))
                case "$now" in Installing*) now="Installing $here of $of" ;; esac ;;
            Ended*) break ;;
        esac
        if [ -t 1 ]; then printf '\r%s, %d:%02d\033[K' "$now" $((seconds / 60)) $((seconds % 60))
        elif [ "$word" = Installed ] && [ $((seconds % 10)) = 0 ]; then echo "$now, $seconds s"; fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
    [ "$rest" = 0 ] || fail "The packages could not be installed: ${why:-${error:-pip was stopped}}. Once $once, run make again: it goes on from here."
    echo "$got packages are in .venv."
}

python="" old=""
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if new_enough "$name"; then python=$name; break; fi
    version=$("$name" --version 2>/dev/null) && old="${old:- ($name is $version)}"
done
[ -n "$python" ] || fail "No Python 3.11 or newer was found$old: install one (python.org, or your system's packages) and run make again, or name it: make setup PYTHON=/path/to/python3."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run make again."

trap 'echo; fail "Stopped. Run make again: it goes on from here."' INT TERM
echo "Making .venv with $("$python" --version); this takes one to five minutes."
rm -f "$stamp"
{ new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; } || "$python" -m venv --clear .venv ||
    fail ".venv could not be made, for the reason above. Then run make again."
# A package that a stopped run left half installed has no INSTALLER yet, and pip would take it for whole.
for package in .venv/lib/python3*/site-packages/*.dist-info; do [ -s "$package/INSTALLER" ] || rm -rf "$package"; done
# The lock, hashes and all; then this course's own folder, built with the flit_core that the lock has just installed.
pip_lines | progress
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# JupyterLab asks on its first start whether it may fetch news, over the lesson; the answer here is no.
mkdir -p .venv/share/jupyter/lab/settings
echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > .venv/share/jupyter/lab/settings/overrides.json
echo "$wanted" > "$stamp"
