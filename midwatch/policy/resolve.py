"""Permissions: where does a path lead? As the kernel walks it: symlinks are followed before `..`."""

from __future__ import annotations

import os
import stat
from typing import Final

MAX_LINKS: Final = 40
"""The kernel's own limit."""


class Unresolvable(Exception):
    """The kernel would refuse the path, or nobody can say where it leads; `str()` says why."""


def resolve(path: str, folder: str) -> str:
    """The absolute path, free of symlinks, that `path` means when it starts at `folder` (absolute, resolved).

    What does not exist keeps its spelling under its deepest existing part.

    Raises:
        Unresolvable: a loop, a file used as a folder, a folder that may not be read, `..` behind a missing folder.
    """
    here = "/" if path.startswith("/") else folder
    names = _names(path)
    links, missing = 0, False
    while names:
        name = names.pop()
        if missing:
            if name == "..":
                raise Unresolvable("it climbs out of a folder that does not exist")
            here = _under(here, name)
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        step = _under(here, name)
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
    """Last first, so that `pop` gives the next."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _under(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _mode(path: str) -> int | None:
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
