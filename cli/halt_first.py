"""`midwatch halt`: the latch on disk, at once. On a machine that is busy with what is to be stopped, imports take long.

It knows no more than what is needed, and imports next to nothing. The command does all of it again, checks it and says what
came of it; what this cannot read for certain is left to that. The file is the one of `tasks/permissions/latch.py`.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from cli.home import House, locate
from midwatch.errors import MidwatchError
from midwatch.whole_file import write_whole

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:-]{35,119}")
_AGENT: Final = re.compile(r"[a-z][a-z0-9-]{0,60}")


def halt_first(words: Sequence[str], environ: Mapping[str, str], now: datetime) -> None:
    """Set the latch on disk where the command line is plainly one that halts; never raises, and says nothing."""
    with suppress(OSError, MidwatchError):
        house = locate(environ)
        if house.ever_up and (said := _read(words)) is not None and (name := _latch(house, said)) is not None:
            scope, _, whose = name.partition(".")
            facts = {"scope": scope, "name": whose, "by": getpass.getuser(), "via": "cli"}
            _write(house.home / "halt" / name, {**facts, "because": said["--because"], "at": now.isoformat()})


def _read(words: Sequence[str]) -> dict[str, str] | None:
    """The options, and the agent as ""; None where it is not certain what was meant, or help is asked for."""
    said: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, given, value = word.partition("=")
        if name == "--json" and not given:
            continue
        if name not in ("--because", "--run"):
            name, value = "", word
        elif not given:
            value = next(rest, "")
        if name in said or not value.strip() or (not name and value.startswith("-")):
            return None
        said[name] = value
    return said if "--because" in said and not {"", "--run"} <= said.keys() else None


def _latch(house: House, said: Mapping[str, str]) -> str | None:
    """The file's name; None for a part of a run's id, which only the ledger can complete, and for an agent that is none."""
    if (run := said.get("--run")) is not None:
        return f"run.{run}" if _ID.fullmatch(run) else None
    if (agent := said.get("")) is None:
        return "all"
    is_one = _AGENT.fullmatch(agent) and (house.project / "agents" / f"{agent}.yaml").is_file()
    return f"agent.{agent}" if is_one else None


def _write(path: Path, facts: Mapping[str, str]) -> None:
    """Whole or not at all; one that stands is left to the command."""
    if os.path.lexists(path):
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, json.dumps(facts), sync=True)
