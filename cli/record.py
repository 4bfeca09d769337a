"""The house: what does the supervisor know of itself and its children? Written by it alone, read by everyone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from midwatch.whole_file import write_whole

Phase = Literal["starting", "up", "stopping", "failed"]

CLOCK_STEP = 2.0
"""Seconds by which a process's start time may seem to move when the machine's clock is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """One process, so that its number cannot be mistaken for a later one's."""

    pid: int
    created: float
    """Start time, seconds since the epoch."""
    restarts: int = 0

    def process(self) -> psutil.Process | None:
        """The running process, or None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) <= CLOCK_STEP
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    supervisor: Living
    phase: Phase
    port: int
    waiting_for: str = ""
    """Name of the child whose readiness the start waits for."""
    keeps: tuple[str, ...] = ()
    """Names of all children that are to run, whether they do at this moment or not."""
    children: dict[str, Living] = field(default_factory=dict)
    """Those that run."""
    error: str = ""
    """With `failed`: what an operator should read."""

    def alive(self) -> bool:
        return self.supervisor.process() is not None


def living(pid: int, restarts: int = 0) -> Living | None:
    """The process with this number, now; None when it has already ended."""
    try:
        return Living(pid=pid, created=psutil.Process(pid).create_time(), restarts=restarts)
    except psutil.Error:
        return None


def this_process() -> Living:
    me = psutil.Process()
    return Living(pid=me.pid, created=me.create_time())


def write(path: Path, record: Record) -> None:
    """Replace the record in one step: a reader sees the old one or the new one, never half of one."""
    write_whole(path, json.dumps(asdict(record), indent=1))


def read(path: Path) -> Record | None:
    """The last record, or None when there is none. Its processes may be long gone: see `Record.alive`."""
    try:
        raw = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    children = {name: Living(**child) for name, child in raw.pop("children").items()}
    keeps = tuple(raw.get("keeps", ()))
    return Record(**{**raw, "supervisor": Living(**raw["supervisor"]), "keeps": keeps, "children": children})
