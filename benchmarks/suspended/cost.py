"""Suspended runs: what does a house take? Memory and CPU of each process, bytes on disk, and how long a command takes."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from cli import record
from cli.home import House

COMMANDS: Final = ("inbox", "inbox --json", "status")
TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCost:
    name: str
    rss_mb: float
    """With everything that it started; pages that two of them share are counted twice."""
    cpu_s_per_minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseCost:
    """Of a house at rest."""

    when: str
    processes: Sequence[ProcessCost]
    ledger_mb: float
    prefect_mb: float
    """Each with its write-ahead log."""
    results_mb: float
    """What Prefect keeps beside its database."""
    commands_s: dict[str, float]
    """Wall time by the words after `midwatch`, the median of three."""


async def cost(house: House, when: str, rest_seconds: float) -> HouseCost:
    """Look on for so long, touching nothing, once no run has a process any more; then ask."""
    while _run_processes(house):  # noqa: ASYNC110  # only the process table tells
        await asyncio.sleep(1)
    before = _families(house)
    began = time.monotonic()
    await asyncio.sleep(rest_seconds)
    minutes, after = (time.monotonic() - began) / 60, _families(house)
    processes = [
        ProcessCost(
            name=name,
            rss_mb=round(rss / 1e6, 1),
            cpu_s_per_minute=round((cpu - before.get(name, (0, cpu))[1]) / minutes, 2),
        )
        for name, (rss, cpu) in after.items()
    ]
    return HouseCost(
        when=when,
        processes=processes,
        ledger_mb=_mb(house.home.glob("ledger.db*")),
        prefect_mb=_mb(house.prefect.glob("prefect.db*")),
        results_mb=_mb(house.prefect.glob("storage/**/*")),
        commands_s={words: await asyncio.to_thread(_command_seconds, words) for words in COMMANDS},
    )


def _families(house: House) -> dict[str, tuple[int, float]]:
    """By child of the house: bytes resident, and CPU seconds so far, with those of processes that it has outlived."""
    state = record.read(house.record)
    assert state is not None
    heads = {"supervisor": state.supervisor, **state.children}
    children = {child.pid for child in state.children.values()}
    found = {}
    for name, living in heads.items():
        if (head := living.process()) is None:
            continue
        family = [head, *(each for each in head.children(recursive=True) if name != "supervisor")]
        found[name] = _of([each for each in family if each.pid == head.pid or each.pid not in children])
    return found


def _run_processes(house: House) -> int:
    state = record.read(house.record)
    warm = state.children["warm"].process() if state else None
    return len(warm.children()) if warm else 0


def _of(family: Sequence[psutil.Process]) -> tuple[int, float]:
    rss, cpu = 0, 0.0
    for process in family:
        try:
            times = process.cpu_times()
            rss += process.memory_info().rss
            cpu += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return rss, cpu


def _mb(files: object) -> float:
    assert hasattr(files, "__iter__")
    return round(sum(file.stat().st_size for file in files if isinstance(file, Path) and file.is_file()) / 1e6, 2)


def _command_seconds(words: str) -> float:
    return round(statistics.median(command_seconds(*words.split()) for _ in range(TRIES)), 2)


def command_seconds(*words: str) -> float:
    """Seconds that `midwatch WORDS` takes, Python's start included; raises CalledProcessError where it fails."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    return time.monotonic() - began
