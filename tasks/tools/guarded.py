"""Tools: what in a command's own folder must it not see or change? What the policy protects, found before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from midwatch.policy.commands import Argv, read_line
from midwatch.policy.paths import folded_path, is_within
from midwatch.policy.protected import Protected
from midwatch.policy.vetoes import only_looks, vetoed

MOST: Final = 200_000
"""Files and folders that are looked at; a larger folder cannot be guarded."""
MOST_HIDDEN: Final = 2_000
PUBLIC: Final = frozenset({"cacert.pem"})
"""Looks like a key's name, and is the list of authorities that every client needs."""

_NAMED: Final = Protected(closed=(), governing=())
_WRITING: Final = frozenset(
    {
        *("add", "am", "apply", "branch", "checkout", "cherry-pick", "clean", "clone", "commit", "fetch", "gc", "init"),
        *("merge", "mv", "notes", "pull", "push", "rebase", "reset", "restore", "revert", "rm", "stash", "switch"),
        "tag",
    }
)
"""Git's subcommands that may write into `.git`."""
_CONFIGS: Final = frozenset({"config", "config.worktree"})


class TooLarge(Exception):
    """The folder cannot be guarded; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """Absolute paths below one root, each list in the order of the tree."""

    hidden: tuple[str, ...] = ()
    """Files and folders that are neither read nor written."""
    repositories: tuple[str, ...] = ()
    """`.git`: folders, or files that point to one."""
    configs: tuple[str, ...] = ()
    """Git's configuration, wherever something looks like a repository, a submodule or a worktree to Git."""
    hooks: tuple[str, ...] = ()
    """The folders beside them whose files Git runs."""


def guarded_in(root: Path) -> Guarded:
    """What the policy protects below `root` by its name. Links are not followed, but what they name is hidden.

    Raises:
        TooLarge: it holds too much to look at, or to hide.
    """
    top = os.path.realpath(root)
    hidden: list[str] = []
    repositories: list[str] = []
    configs: list[str] = []
    hooks: list[str] = []
    for entries in _folders(top):
        names = {entry.name for entry in entries}
        if "HEAD" in names or names >= {"objects", "refs"}:
            configs += [entry.path for entry in entries if entry.name in _CONFIGS and entry.is_file()]
            hooks += [entry.path for entry in entries if entry.name == "hooks"]
        repositories += [entry.path for entry in entries if entry.name == ".git" and not entry.is_symlink()]
        hidden += [entry.path for entry in entries if _hides(entry)]
    if len(hidden) > MOST_HIDDEN:
        raise TooLarge(f"{top} holds more than {MOST_HIDDEN:,} files that look like secrets")
    return Guarded(
        hidden=_real(hidden, top),
        repositories=_real(repositories, top),
        configs=_real(configs, top),
        hooks=_real(hooks, top),
    )


def _real(paths: Iterable[str], top: str) -> tuple[str, ...]:
    """What the paths lead to, where that exists below `top`: the rest is not there in the sandbox."""
    led = {os.path.realpath(path) for path in paths}
    return tuple(sorted(path for path in led if path != top and is_within(path, top) and os.path.exists(path)))


def only_git(command: str) -> bool:
    """The line runs Git's ordinary subcommands and programs that only look: nothing in it brings code of its own.

    For such a line alone the sandbox leaves `.git` open, configuration and hooks apart.
    """
    line = read_line(command)
    redirected = any(name != "/dev/null" and not name.isdigit() for name in line.written)
    return not line.unclear and not redirected and all(_is_harmless(argv) for argv in line.commands)


def _is_harmless(argv: Argv) -> bool:
    """A path in front of the program's name could lead to another one."""
    name = argv[0].text
    return "/" not in name and (name == "cd" or only_looks(argv) or (name == "git" and _writes(argv)))


def _writes(argv: Argv) -> bool:
    return len(argv) > 1 and argv[1].text in _WRITING and not vetoed(argv[:2], argv[2:])


@lru_cache(maxsize=1 << 16)
def _is_secret(name: str) -> bool:
    return name not in PUBLIC and bool(_NAMED.why(folded_path(name), writes=False))


def _hides(entry: os.DirEntry[str]) -> bool:
    return _is_secret(entry.name) and "/.git/" not in entry.path


def _folders(top: str) -> Iterator[list[os.DirEntry[str]]]:
    """The entries of every folder from `top` down; what is hidden is not looked into, links are not followed."""
    todo, seen = [top], 0
    while todo:
        entries = _listed(todo.pop())
        seen += len(entries)
        if seen > MOST:
            raise TooLarge(f"{top} holds more than {MOST:,} files, so its secrets cannot be found and hidden")
        yield entries
        todo += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and not _hides(entry)]


def _listed(folder: str) -> list[os.DirEntry[str]]:
    """Nothing where it cannot be read: then the command cannot either."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
