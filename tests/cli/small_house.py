"""A real supervisor over small children, as a process of its own.

Run as `small_house.py HOME PORT CHILDREN [leashed]`, CHILDREN a JSON list of fields of `Child` without environments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from cli import inhabitants, record
from cli.children import Child
from cli.home import House
from cli.record import Living, Record
from cli.supervisor import occupy
from cli.upkeep import Patience

Seen = TypeVar("Seen")
IMPATIENT = Patience(steady=0.5, tries=3, pause=0.05, ready=5)


@contextmanager
def occupied(house: House, *children: Mapping[str, object], leashed: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor at work; ended with all that is its own when the block is left."""
    with started(house, *children, leashed=leashed) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.terminate()
            supervisor.wait(timeout=20)
            inhabitants.end(inhabitants.of_home(house.home))


def started(house: House, *children: Mapping[str, object], leashed: bool = False) -> subprocess.Popen[bytes]:
    words = [str(house.home), str(house.port), json.dumps(children), *(["leashed"] if leashed else [])]
    return subprocess.Popen([sys.executable, __file__, *words], stdin=subprocess.PIPE)


def sleeper(name: str = "sleeper", **fields: object) -> dict[str, object]:
    return {"name": name, "argv": ["sleep", "300"], **fields}


def shell(name: str, script: str, **fields: object) -> dict[str, object]:
    return {"name": name, "argv": ["sh", "-c", script], **fields}


def eventually(look: Callable[[], Seen | None], seconds: float = 15) -> Seen:
    """What `look` gives as soon as it is something true."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return seen


def up(house: House) -> Record:
    """The record, once the whole group runs."""

    def look() -> Record | None:
        state = record.read(house.record)
        return state if state and state.phase == "up" and state.alive() else None

    return eventually(look)


def child(house: House, name: str = "sleeper", restarts: int = 0) -> Living:
    """The child's process, once it has been restarted so often."""

    def look() -> Living | None:
        state = record.read(house.record)
        found = state.children.get(name) if state else None
        return found if found and found.restarts >= restarts else None

    return eventually(look)


def anyone(house: House) -> list[int]:
    """Who carries the mark of this house now."""
    return sorted(process.pid for process in inhabitants.find(inhabitants.of_home(house.home)))


def main() -> None:
    home, port, children, *leashed = sys.argv[1:]
    group = [Child(**{**each, "environment": os.environ}) for each in json.loads(children)]
    house = House(project=Path.cwd(), home=Path(home))
    occupy(house, lambda _: group, port=int(port), patience=IMPATIENT, leashed=bool(leashed))


if __name__ == "__main__":
    main()
