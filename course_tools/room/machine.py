"""What a room asks of this machine: packages, an address that learners reach, open files, disk.

Differs from `doctor`: that looks at what one learner needs.
"""

from __future__ import annotations

import platform
import resource
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil  # ipykernel brings it

from course_tools import doctor
from course_tools.doctor import Finding
from lesson_lib.errors import LessonError

FILES = 4096  # a learner's kernel opens about ten connections; macOS allows a program 256 files
FEWEST_FILES = 1024
ROOM_ON_DISK = 200 * 2**20  # bytes
NOWHERE = ("203.0.113.1", 9)  # an address for documentation (RFC 5737); nothing is sent


def examine(folder: Path) -> Iterator[Finding]:
    """What is here, in the words of `doctor`."""
    yield doctor.python()
    yield from doctor.compare_packages(doctor.locked(), doctor.needed())
    yield open_files()
    yield disk(folder)


def open_files() -> Finding:
    """How many files this program may open, after it has asked for as many as a room needs."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        soft = wanted
    if 0 <= soft < FEWEST_FILES:
        return Finding("note", f"this program may open {soft} files, enough for about {soft // 12} learners. "
                       f"`ulimit -n {FEWEST_FILES}` in this terminal, if the system allows it, gives more")
    return Finding("ok", "files: enough for a room")


def disk(folder: Path) -> Finding:
    """The space for copies."""
    here = folder.absolute()
    free = shutil.disk_usage(next(place for place in (here, *here.parents) if place.exists())).free
    if free < ROOM_ON_DISK:
        return Finding("STOP", f"the disk has {free // 2**20} MB left: make room, or name a --folder on "
                       "another one")
    return Finding("ok", f"disk: {free / 2**30:.0f} GB free")


def reachable_at(wanted: str | None) -> tuple[str, str]:
    """The address that learners use, and a sentence on it. LessonError where there is none.

    `wanted`: a name or an address of this machine. Without it, the one that leads out of this machine.
    """
    here = addresses()
    if wanted:
        return wanted, _sentence_on(wanted, here)
    if not here:
        raise LessonError("This machine is in no network: join one and run this again, or take "
                          "--host 127.0.0.1 if all notebooks run on this machine (JupyterHub).")
    host = outward()
    if host not in here.values():
        host = next(iter(here.values()))
    others = "; ".join(f"{address} ({name})" for name, address in here.items() if address != host)
    also = f" Also here, to choose with --host: {others}." if others else ""
    return host, _sentence_on(host, here) + also


def _sentence_on(host: str, here: dict[str, str]) -> str:
    try:
        address = socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
    except (OSError, UnicodeError):
        raise LessonError(f"{host!r} is no name or IPv4 address that this machine knows; it has "
                          f"{', '.join(here.values()) or 'none'}.") from None
    if address.startswith("127."):
        return f"Only programs on this machine reach {host}."
    names = [name for name, known in here.items() if known == address]
    if not names:
        raise LessonError(f"{host} isn't an address of this machine; it has "
                          f"{', '.join(here.values()) or 'none but 127.0.0.1'}.")
    wsl = (" This is WSL: unless its networking mode is `mirrored`, other machines don't reach it there."
           if "microsoft" in platform.release().lower() else "")
    return f"Learners reach this machine at {host} ({names[0]}).{wsl}"


def addresses() -> dict[str, str]:
    """Interface -> its IPv4 address, of those that are up and lead to other machines."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return {name: entry.address for name, entries in psutil.net_if_addrs().items() if name in up
            for entry in entries if entry.family == socket.AF_INET
            and not entry.address.startswith(("127.", "169.254."))}


def outward() -> str | None:
    """The address from which this machine would talk to the world; None where no route leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NOWHERE)
            return str(probe.getsockname()[0])
        except OSError:
            return None
