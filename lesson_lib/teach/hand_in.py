"""`hand_in("192.0.2.2:8080", "ada")`: your notebooks and answers to the instructor's computer, in one line.

It sends the text of the notebooks that you worked in, as they were last saved, and the answers that you gave
with buttons. Outputs stay here. `python -m lesson_lib room` is at the other end.
"""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lesson_lib.errors import LessonError
from lesson_lib.lab.topics import learner
from lesson_lib.teach import store

PATIENCE_SECONDS = 20
LARGEST = 8 * 2**20  # bytes that a room takes at once


def hand_in(room: str, name: str) -> None:
    """Hand in under `name`, your own or any other, at the room's host:port. LessonError says what failed."""
    address = str(room).removeprefix("http://").rstrip("/")
    if sys.platform == "emscripten":
        raise LessonError(f"A web page reaches no room. Download the notebook (File > Download), open "
                          f"http://{address} and drop it there.")
    try:
        host, port = (place := urlsplit(f"//{address}")).hostname, place.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise LessonError(f"{room!r} is not host:port, such as 192.0.2.2:8080.")
    answers, folder = store.all_entries(), store.notebooks()
    worked_in = {path: notebook for path in sorted(folder.glob("*.ipynb"))
                 if _was_worked_in(notebook := _read(path), path, answers)}
    if not worked_in:
        raise LessonError(f"There's nothing to hand in yet: no notebook in {folder} has been run and saved.")
    texts = {path.name: {"cells": [{key: cell.get(key, "") for key in ("cell_type", "source")}
                                   for cell in notebook["cells"]]} for path, notebook in worked_in.items()}
    order = {"learner": name if isinstance(name, str) else "", "who": learner(), "answers": answers,
             "notebooks": texts}
    body = json.dumps(order).encode()
    if len(body) > LARGEST:
        raise LessonError(f"Your notebooks have {len(body) / 2**20:.0f} MB of text, and a room takes "
                          f"{LARGEST // 2**20}. Is there a file pasted into a cell?")
    print(_sent(host, port, body))
    saved = max(path.stat().st_mtime for path in worked_in)
    print(f"Last saved at {time.strftime('%H:%M', time.localtime(saved))}. If you've changed something "
          "since, save it (Ctrl+S) and run this again.")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"cells": []}


def _was_worked_in(notebook: dict[str, Any], path: Path, answers: dict[str, Any]) -> bool:
    """Whether a cell was run, or a question of its lesson answered."""
    lesson = path.name[:2].lstrip("0")
    return (any(cell.get("execution_count") for cell in notebook["cells"])
            or any(item.partition(".")[0] == lesson for item in answers))


def _sent(host: str, port: int, body: bytes) -> str:
    """What the room says."""
    connection = HTTPConnection(host, port, timeout=PATIENCE_SECONDS)  # no proxy: it is in the room
    try:
        connection.request("POST", "/copies", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said, taken = answer.read().decode(errors="replace"), answer.status == 200
    except (OSError, HTTPException, UnicodeError):
        raise LessonError(f"The room at {host}:{port} doesn't answer. Check the address on the board, and "
                          "that you're in the room's network.") from None
    finally:
        connection.close()
    if not taken:
        raise LessonError(said[:300])
    return said
