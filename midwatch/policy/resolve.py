"""Permissions: where does a path lead? As the kernel walks it: symlinks are followed before `..`.

Who judges a call that is long past must not look at today's disk: within `as_spelled` nothing is looked at.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_LINKS: Final = 40
"""The kernel's own limit."""

_KERNEL: Final = re.compile(r"/+(?:proc|sys|dev(?!/+shm/))(?:/|$)", re.IGNORECASE)
"""Not files: what is there differs from one process to the next."""
_ON_THE_WAY: Final = ("/dev", "/dev/shm")  # noqa: S108  # compared with; nothing is put there
"""The second is a file system like any other; nothing else leads through these two."""

_UNSEEN: Final = ContextVar("unseen", default=False)


class Unresolvable(Exception):
    """The kernel would refuse the path, or nobody can say where it leads; `str()` says why."""


@contextmanager
def as_spelled() -> Iterator[None]:
    """Within it every name counts as a folder that is there, and none as a symlink; in this thread or task alone."""
    before = _UNSEEN.set(True)
    try:
        yield
    finally:
        _UNSEEN.reset(before)


def resolve(path: str, folder: str) -> str:
    """The absolute path, free of symlinks, that `path` means when it starts at `folder` (absolute, resolved).

    What does not exist keeps its spelling under its deepest existing part.

    Raises:
        Unresolvable: a loop, a file used as a folder, a folder that may not be read, `..` behind a missing folder, a way
            through the kernel's own folders.
    """
    here = "/" if path.startswith("/") else folder
    names = _names(path)
    links, missing = 0, False
    while names:
        name = names.pop()
        if name == ".":
            continue
        if missing:
            if name == "..":
                raise Unresolvable("it climbs out of a folder that does not exist")
            here = _under(here, name)
            continue
        step = os.path.dirname(here) if name == ".." else _under(here, name)
        if (name == ".." and here in _ON_THE_WAY) or (step not in _ON_THE_WAY and is_kernels(step)):
            raise Unresolvable("it goes through the kernel's own folders, where every process sees something else")
        if name == "..":
            here = step
            continue
        mode = _mode(step)
        if mode is None:
            here, missing = step, True
        elif stat.S_ISLNK(mode):
            links += 1
            if links > MAX_LINKS:
                raise Unresolvable("its symlinks go round in a circle")
            here = _follow(step, here, names)
        elif names and not stat.S_ISDIR(mode):
            raise Unresolvable("it goes through a file as if it were a folder")
        else:
            here = step
    return here


def _names(path: str) -> list[str]:
    """Last first, so that `pop` gives the next; a slash at the end is a `.`, which only a folder has."""
    names = [name for name in path.split("/") if name]
    return [*(["."] if path.endswith("/") else []), *reversed(names)]


def is_kernels(path: str) -> bool:
    """`path` (absolute) begins in /proc, /sys or /dev."""
    return _KERNEL.match(path) is not None


def _under(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _mode(path: str) -> int | None:
    if _UNSEEN.get():
        return stat.S_IFDIR
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Unresolvable(f"it cannot be looked at ({type(error).__name__})") from error


def _follow(link: str, folder: str, names: list[str]) -> str:
    """Puts the link's target in front of `names`; the folder to go on from."""
    try:
        target = os.readlink(link)
    except OSError as error:
        raise Unresolvable(f"its symlink cannot be read ({type(error).__name__})") from error
    names.extend(_names(target))
    return "/" if target.startswith("/") else folder


def resolve_parent(path: str, folder: str) -> str:
    """Like `resolve`, but the last name itself is not followed: what deleting or renaming touches."""
    head, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        return resolve(path, folder)
    start = "/" if path.startswith("/") and not head else head
    return _under(resolve(start, folder), name)
