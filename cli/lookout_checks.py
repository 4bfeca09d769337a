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

from cli import beat, record
from cli.home import House
from midwatch.errors import HouseError

KNOWN: Final = "lookout.json"
"""File in the home, written by `midwatch up`: what is expected of which agent, and how a mail is sent."""
DOWN_MINUTES: Final = 60.0
"""A house that somebody took down is no fault before that; one that nobody takes up again is."""
ANSWER_SECONDS: Final = 5.0
LEDGER_SECONDS: Final = 20.0
NOT_LOOKED_AT: Final = ("server", "warm")
"""Children of the house: the first is asked itself, and without the second all goes on, only slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"

    @property
    def line(self) -> str:
        """As it stands in a list of all that was looked at."""
        return f"{'ok   ' if self.ok else 'FAULT'} {self}"


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
    names = [name for name in state.keeps if name not in NOT_LOOKED_AT]
    beats = (_beat(house.home, part, at) for part in beat.FILES if part in names)
    parts = (_part(name, state) for name in names)
    return Look(seen=(_server(house), *beats, *parts, *_ledger(house, environ, at)))


def _down(house: House, at: float) -> Seen:
    """Taken down by somebody, or never up."""
    try:
        minutes = (at - beat.beaten(house.home, "keeper")) / 60
    except OSError:
        return Seen(name="house", ok=True, detail="it was never up")
    return Seen(name="house", ok=minutes < DOWN_MINUTES, detail=f"taken down {minutes:.0f} min ago; `midwatch up`")


def _server(house: House) -> Seen:
    try:
        with urllib.request.urlopen(f"{house.url}/api/health", timeout=ANSWER_SECONDS) as answer:
            ok = answer.status == 200
            return Seen(name="server", ok=ok, detail=f"/api/health answers {answer.status}")
    except (OSError, ValueError, HouseError) as error:
        return Seen(name="server", ok=False, detail=f"/api/health does not answer: {error}")


def _beat(home: Path, part: beat.Part, at: float) -> Seen:
    name = f"heartbeat of {part}"
    try:
        age, failing = at - beat.beaten(home, part), beat.failing(home, part)
    except (OSError, ValueError) as error:
        return Seen(name=name, ok=False, detail=f"it cannot be read: {error}")
    if age < -beat.LONGEST_SECONDS:
        return Seen(name=name, ok=False, detail=f"it lies {-age:.0f} s ahead: clocks differ")
    told = f"it is {max(age, 0):.0f} s old" + (f", and named what fails: {', '.join(failing)}" if failing else "")
    return Seen(name=name, ok=age <= beat.LONGEST_SECONDS and not failing, detail=told)


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
    if expected is None and (house.home / KNOWN).exists():
        yield Seen(
            name="expectations", ok=False, detail=f"{KNOWN} does not say what is expected; `midwatch up` writes it"
        )
    expected = expected or {}
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


def _expected(home: Path) -> dict[str, tuple[float, float]] | None:
    """Hours by agent, and since when they are expected; None where that is not known."""
    try:
        return {agent: (one["hours"], one["since"]) for agent, one in known(home)["expectations"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


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
    "SELECT finished_at FROM runs WHERE agent = ? AND outcome IN ('verified', 'verified_noop') AND NOT shadow "
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
