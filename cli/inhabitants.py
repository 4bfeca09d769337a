"""The house: which processes belong to it, and how are they ended? Found by a mark that they inherit, never by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

HOUSE, CHILD = "MIDWATCH_HOUSE", "MIDWATCH_CHILD"
"""Environment variables of every process of a house. `midwatch env` does not export them: a shell is no inhabitant."""

GRACE = 3.0
"""Seconds between asking a leftover to end and ending it."""


def mark(home: Path, token: str, child: str = "") -> dict[str, str]:
    """What a process of the house carries in its environment, and hands on to whatever it starts.

    Args:
        token: one watch of one supervisor; the next start has another.
        child: the member of the group that it is, or that started it.
    """
    return {HOUSE: f"{token}:{home}", CHILD: child}


def of_home(home: Path) -> Callable[[dict[str, str]], bool]:
    return lambda environ: environ.get(HOUSE, "").partition(":")[2] == str(home)


def of_watch(token: str, child: str | None = None) -> Callable[[dict[str, str]], bool]:
    def matches(environ: dict[str, str]) -> bool:
        return environ.get(HOUSE, "").partition(":")[0] == token and child in (None, environ.get(CHILD))

    return matches


def find(matches: Callable[[dict[str, str]], bool], known: Iterable[psutil.Process] = ()) -> set[psutil.Process]:
    """Everyone who carries the mark, the `known`, and all their descendants; not this process or its ancestors."""
    everyone = [process for process in psutil.process_iter() if lives(process)]
    found = {process for process in everyone if matches(_environ(process))} | {each for each in known if lives(each)}
    while more := {each for each in everyone if each not in found and _parent(each) in {one.pid for one in found}}:
        found |= more
    return found - _own_line()


def end(matches: Callable[[dict[str, str]], bool], known: Iterable[psutil.Process] = ()) -> set[psutil.Process]:
    """End them all: ask, wait, kill, and look again until none is left. Returns who was there."""
    ended: set[psutil.Process] = set()
    while (found := find(matches, known)) - ended:  # who was killed and is still there sleeps uninterruptibly
        ended |= found
        _each(found, psutil.Process.terminate)
        stubborn = _outliving(found, GRACE)
        _each(stubborn, psutil.Process.kill)
        _outliving(stubborn, GRACE)
    return ended


def _each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            act(process)
        except psutil.Error:
            continue


def _outliving(processes: Iterable[psutil.Process], seconds: float) -> set[psutil.Process]:
    """Those that are still there after so long. A zombie is not: in a container nobody may ever reap it."""
    deadline = time.monotonic() + seconds
    while (alive := {process for process in processes if lives(process)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def lives(process: psutil.Process) -> bool:
    """Whether it is there and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def _environ(process: psutil.Process) -> dict[str, str]:
    """Empty where the process is gone, a zombie, or another user's."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _own_line() -> set[psutil.Process]:
    me = psutil.Process(os.getpid())
    return {me, *me.parents()}
