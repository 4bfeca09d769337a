"""The house: is all of it as it should be? Looked at from outside: no Prefect, no database library, a few MB of memory.

So that what looks shares as little as possible with what it looks at: files, process numbers, one HTTP GET, and SQLite's own
reader. A ledger that is not SQLite's is read by a short process of its own (`cli/lookout_ledger.py`).
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from cli import record
from cli.home import House
from midwatch.errors import HouseError

HEARTBEAT: Final = "heartbeat"
"""File in the home that the keeper writes after each round: the names of the duties that failed in it."""
KNOWN: Final = "lookout.json"
"""File in the home, written by `midwatch up`: what is expected of which agent, and how a mail is sent."""
HEARTBEAT_SECONDS: Final = 45.0
"""A round takes 3 s, and one that revives many runs a few more."""
DOWN_MINUTES: Final = 60.0
"""A house that somebody took down is no fault before that; one that nobody takes up again is."""
ANSWER_SECONDS: Final = 5.0
LEDGER_SECONDS: Final = 20.0
PARTS: Final = ("keeper", "notifier", "worker", "page")
"""Processes without which the house is not whole; the server is asked itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All of it."""

    seen: tuple[Seen, ...]
    down: bool = False
    """Somebody has taken the house down."""

    @property
    def faults(self) -> tuple[Seen, ...]:
        return tuple(one for one in self.seen if not one.ok)


def look(house: House, environ: Mapping[str, str], now: float | None = None) -> Look:
    """Look at everything once; what cannot be looked at is not as it should be."""
    at = time.time() if now is None else now
    state = record.read(house.record)
    if state is None:
        return Look(seen=(_down(house, at),), down=True)
    if not state.alive():
        why = state.error if state.phase == "failed" else "its supervisor is gone, with everything that it kept running"
        return Look(seen=(Seen(name="house", ok=False, detail=f"{why}; `midwatch up` starts it"),))
    parts = (_part(name, state) for name in PARTS)
    return Look(seen=(_server(house), _keeper(house, at), *parts, *_ledger(house, environ, at)))


def _down(house: House, at: float) -> Seen:
    """Taken down by somebody, or never up."""
    minutes = (at - _age_of(house.home / HEARTBEAT, at)) / 60
    if minutes == 0.0:
        return Seen(name="house", ok=True, detail="it was never up")
    return Seen(name="house", ok=minutes < DOWN_MINUTES, detail=f"taken down {minutes:.0f} min ago; `midwatch up`")


def _age_of(path: Path, otherwise: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise


def _server(house: House) -> Seen:
    try:
        with urllib.request.urlopen(f"{house.url}/api/health", timeout=ANSWER_SECONDS) as answer:
            ok = answer.status == 200
            return Seen(name="server", ok=ok, detail=f"/api/health answers {answer.status}")
    except (OSError, ValueError, HouseError) as error:
        return Seen(name="server", ok=False, detail=f"/api/health does not answer: {error}")


def _keeper(house: House, at: float) -> Seen:
    path = house.home / HEARTBEAT
    try:
        age, failing = at - path.stat().st_mtime, json.loads(path.read_text())["failing"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Seen(name="heartbeat", ok=False, detail=f"the keeper's heartbeat cannot be read: {error}")
    if age > HEARTBEAT_SECONDS:
        return Seen(name="heartbeat", ok=False, detail=f"the keeper's last round ended {age:.0f} s ago")
    detail = f"the keeper's last round ended {max(age, 0):.0f} s ago"
    return Seen(
        name="heartbeat", ok=not failing, detail=f"{detail}, and failed: {', '.join(failing)}" if failing else detail
    )


def _part(name: str, state: record.Record) -> Seen:
    if name not in state.children:
        return Seen(name=name, ok=False, detail="its process is gone; the supervisor starts it again")
    process = state.children[name].process()
    if process is None:
        return Seen(name=name, ok=False, detail="its process is gone")
    try:
        stands = process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return Seen(name=name, ok=False, detail="its process is gone")
    return Seen(name=name, ok=not stands, detail=f"process {process.pid} {'is stopped' if stands else 'lives'}")


def _ledger(house: House, environ: Mapping[str, str], at: float) -> Iterator[Seen]:
    """Whether it can be read at all, and how long each agent of which something is expected has been silent."""
    expected = _expected(house.home)
    try:
        newest = newest_green(house, environ, list(expected))
    except (OSError, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
        yield Seen(name="ledger", ok=False, detail=f"it cannot be read: {error}")
        return
    yield Seen(name="ledger", ok=True, detail="it can be read")
    for agent, (hours, since) in expected.items():
        last = newest.get(agent)
        silent = (at - (last or since)) / 3600
        said = f"{silent:.1f} h ago" if last else "never"
        yield Seen(
            name=f"silence of {agent}", ok=silent <= hours, detail=f"verified {said}, expected every {hours:g} h"
        )


def _expected(home: Path) -> dict[str, tuple[float, float]]:
    """Hours by agent, and since when they are expected."""
    try:
        return {agent: (one["hours"], one["since"]) for agent, one in known(home)["expectations"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def known(home: Path) -> dict[str, Any]:
    """What `midwatch up` has left; nothing where it has not."""
    try:
        facts = json.loads((home / KNOWN).read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def newest_green(house: House, environ: Mapping[str, str], agents: list[str]) -> dict[str, float]:
    """Seconds since the epoch, by agent, at which a run last ended well. Raises what reading the ledger raises."""
    url = environ.get("MIDWATCH_LEDGER_URL") or f"sqlite:///{house.home / 'ledger.db'}"
    if not url.startswith("sqlite"):
        return _by_another_process(agents, environ)
    path = url.partition("///")[2].partition("?")[0]
    with open(path, "rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:  # what lies beside it may still answer for a file that is gone
            raise ValueError("the file is no SQLite database any more")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=ANSWER_SECONDS)) as ledger:
        ledger.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        rows = {agent: ledger.execute(_NEWEST, (agent,)).fetchone() for agent in agents}
    return {agent: _seconds(row[0]) for agent, row in rows.items() if row}


_SQLITE: Final = b"SQLite format 3\0"
_NEWEST: Final = (
    "SELECT finished_at FROM runs WHERE agent = ? AND outcome IN ('verified', 'verified_noop') "
    "ORDER BY finished_at DESC LIMIT 1"
)


def _seconds(moment: str) -> float:
    at = datetime.fromisoformat(moment)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _by_another_process(agents: list[str], environ: Mapping[str, str]) -> dict[str, float]:
    argv = [sys.executable, "-m", "cli.lookout_ledger", *agents]
    done = subprocess.run(argv, env={**os.environ, **environ}, timeout=LEDGER_SECONDS, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1:] or f"it ended with {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
