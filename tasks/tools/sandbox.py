"""Tools: what holds a command back? bubblewrap where it starts, else Landlock, else nothing: then no shell."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tasks.tools import landlock

_LIMITED: Final = 'ulimit -c 0 -d 4194304 -f 1048576 -n 1024 -u 512 -t 600; exec "$@"'
"""bash's units: KiB of memory and of a file, seconds of processor time. `-u` counts in the sandbox's own namespace."""


class Sandbox(Protocol):
    """Holds a command back: it writes to its root and a scratch folder alone, and has no network."""

    @property
    def name(self) -> str:
        """`bubblewrap` or `landlock`."""
        ...

    @property
    def gaps(self) -> str:
        """What it does not do, for the operator; empty where nothing is known."""
        ...

    def argv(self, command: Sequence[str], root: Path) -> list[str]:
        """The program and arguments that run `command` held back, in `root`."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Own namespaces: an empty file system with the system's programs to read and `root` to write, no network."""

    program: str
    name: str = "bubblewrap"
    gaps: str = ""

    def argv(self, command: Sequence[str], root: Path) -> list[str]:
        return [
            *(self.program, "--unshare-all", "--unshare-user", "--new-session", "--die-with-parent", "--clearenv"),
            *("--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--size", str(256 << 20), "--tmpfs", "/tmp"),  # noqa: S108  # the sandbox's own
            *_system(),
            *("--bind", str(root), str(root), "--chdir", str(root)),
            *(part for name, value in landlock.ENVIRONMENT.items() for part in ("--setenv", name, value)),
            *("--setenv", "HOME", "/tmp", "--setenv", "TMPDIR", "/tmp"),  # noqa: S108  # the sandbox's own
            *("--", "bash", "--noprofile", "--norc", "-c", _LIMITED, "sandbox", *command),
        ]


@dataclass(frozen=True, slots=True)
class Landlock:
    """The kernel's own rules on what is there: slower to start, and stricter about changing modes and times."""

    version: int
    name: str = "landlock"

    @property
    def gaps(self) -> str:
        signals = "" if self.version >= 6 else " or send signals"
        return f"programs cannot change modes or owners, see /proc{signals}; the number of processes is not limited"

    def argv(self, command: Sequence[str], root: Path) -> list[str]:
        return [sys.executable, "-I", "-S", landlock.__file__, str(root), "--", *command]


def candidates() -> Iterator[Sandbox]:
    """What this machine seems to have, best first."""
    if program := shutil.which("bwrap"):
        yield Bubblewrap(program)
    if version := landlock.version():
        yield Landlock(version)


@functools.cache
def find_sandbox() -> Sandbox | None:
    """The first sandbox in which a command really runs here and cannot write outside; tried once a process."""
    return next((sandbox for sandbox in candidates() if holds(sandbox)), None)


def holds(sandbox: Sandbox) -> bool:
    """Try it: a command runs, writes inside and not outside."""
    with tempfile.TemporaryDirectory(prefix="midwatch-") as folder:
        inside, outside = Path(folder, "in"), Path(folder, "out")
        inside.mkdir()
        attempt = ["bash", "-c", 'echo yes > inside; echo no > "$0"', str(outside)]
        try:
            subprocess.run(sandbox.argv(attempt, inside), timeout=20, capture_output=True, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return (inside / "inside").exists() and not outside.exists()


def _system() -> Iterator[str]:
    """bubblewrap's options for the system's programs: folders read-only, links as links."""
    for path in landlock.READABLE:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    for name in landlock.ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
