"""Tools: what holds a command back? bubblewrap where it starts, else Landlock with seccomp, else nothing: then no shell."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tasks.tools import landlock, listener, seccomp
from tasks.tools.guarded import Guarded

PROXY_PORT: Final = 3128
"""On the loopback of a sandbox's own network, so that it can never be taken."""

_LIMITED: Final = f'ulimit -c 0 -d 4194304 -f 1048576 -n 1024 -u {landlock.PROCESSES} -t 600; exec "$@"'
"""bash's units: KiB of memory and of a file, seconds of processor time. `-u` counts in the sandbox's own namespace."""
_PROXY: Final = f"http://127.0.0.1:{PROXY_PORT}"
_NETWORK: Final = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), _PROXY),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"),
}
_LISTENER: Final = "/run/midwatch/listener.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one command is held to."""

    root: Path
    """The one folder that it writes to, beside a scratch folder of its own."""
    guarded: Guarded = field(default_factory=Guarded)
    shown: Mapping[str, str] = field(default_factory=dict)
    """Paths below `root`, and the files that the command reads in their place."""
    git_writes: bool = False
    """`.git` is open for writing, configuration and hooks apart."""
    proxy: int | None = None
    """The descriptor over which a listening socket of the command's network is handed out; None: no network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A program to be started."""

    argv: list[str]
    passed: tuple[int, ...] = ()
    """Descriptors that it inherits."""


class Sandbox(Protocol):
    """Holds a command back: it writes to its root and a scratch folder alone, and has no network of its own."""

    @property
    def name(self) -> str:
        """`bubblewrap` or `landlock`."""
        ...

    @property
    def gaps(self) -> str:
        """What it does not do, for the operator; empty where nothing is known."""
        ...

    @property
    def guards(self) -> bool:
        """It can hide files, show others in their place, and hand out a listening socket."""
        ...

    def launch(self, command: Sequence[str], bounds: Bounds) -> AbstractContextManager[Launch]:
        """What runs `command` held back; its descriptors are closed in the end."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Own namespaces: an empty file system with the system's programs to read and `root` to write, no network."""

    program: str
    name: str = "bubblewrap"
    guards: bool = True

    @property
    def gaps(self) -> str:
        return "the number of processes is not limited, as Midwatch runs as root" if os.getuid() == 0 else ""

    @contextmanager
    def launch(self, command: Sequence[str], bounds: Bounds) -> Iterator[Launch]:
        with _readable(seccomp.for_bubblewrap()) as calls:
            passed = (calls,) if bounds.proxy is None else (calls, bounds.proxy)
            yield Launch(argv=[*self._options(calls, bounds), "--", *_inside(command, bounds)], passed=passed)

    def _options(self, calls: int, bounds: Bounds) -> Iterator[str]:
        root = str(bounds.root)
        yield from (self.program, "--unshare-all", "--unshare-user", "--new-session", "--die-with-parent", "--clearenv")
        yield from ("--cap-drop", "ALL", "--seccomp", str(calls), "--proc", "/proc", "--dev", "/dev")
        yield from ("--size", str(256 << 20), "--tmpfs", "/tmp")  # noqa: S108  # the sandbox's own
        yield from _system()
        if bounds.proxy is not None:
            yield from ("--ro-bind", sys.base_prefix, sys.base_prefix, "--ro-bind", listener.__file__, _LISTENER)
        yield from ("--bind", root, root, *_guarding(bounds), "--chdir", root)
        environment = {**landlock.ENVIRONMENT, **(_NETWORK if bounds.proxy is not None else {})}
        for name, value in {**environment, "HOME": "/tmp", "TMPDIR": "/tmp"}.items():  # noqa: S108  # the sandbox's own
            yield from ("--setenv", name, value)


@dataclass(frozen=True, slots=True)
class Landlock:
    """The kernel's own rules on what is there: slower to start, and stricter about changing modes and times."""

    version: int
    name: str = "landlock"
    guards: bool = False

    @property
    def gaps(self) -> str:
        signals = "" if self.version >= 6 else " or send signals"
        root = "; the number of processes is not limited, as Midwatch runs as root" if os.getuid() == 0 else ""
        return (
            f"programs cannot change modes or owners, see /proc{signals}, and have no network, not even by the proxy; "
            "`.git` in the folder can be written, and the programs that a repository's configuration names for `git diff` "
            f"and `git add` are run; where the folder holds a secret, nothing is run{root}"
        )

    @contextmanager
    def launch(self, command: Sequence[str], bounds: Bounds) -> Iterator[Launch]:
        calls = seccomp.for_landlock(self.version).hex()
        yield Launch(argv=[sys.executable, "-I", "-S", landlock.__file__, str(bounds.root), calls, "--", *command])


def candidates() -> Iterator[Sandbox]:
    """What this machine seems to have, best first."""
    if sys.platform == "linux" and (program := shutil.which("bwrap")):
        yield Bubblewrap(program)
    if seccomp.known() and (version := landlock.version()):
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
            with sandbox.launch(attempt, Bounds(root=inside)) as launch:
                subprocess.run(launch.argv, pass_fds=launch.passed, timeout=20, capture_output=True, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return (inside / "inside").exists() and not outside.exists()


@contextmanager
def _readable(content: bytes) -> Iterator[int]:
    """A descriptor to read `content` from, once."""
    descriptor = os.memfd_create("midwatch")
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _inside(command: Sequence[str], bounds: Bounds) -> list[str]:
    """What bubblewrap starts: limits, then the command; the listener first where there is a proxy."""
    limited = ["bash", "--noprofile", "--norc", "-c", _LIMITED, "sandbox", *command]
    if bounds.proxy is None:
        return limited
    python = os.path.join(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return [python, "-I", "-S", _LISTENER, str(bounds.proxy), str(PROXY_PORT), *limited]


def _guarding(bounds: Bounds) -> Iterator[str]:
    """bubblewrap's options for what is protected in the root; later ones lie over earlier ones.

    `.git` is mounted in either case: what is a mount cannot be moved away and another put in its place.
    """
    for path in bounds.guarded.repositories:
        yield from ("--bind" if bounds.git_writes else "--ro-bind", path, path)
    for path in bounds.guarded.hooks:
        yield from ("--ro-bind", path, path)
    for path in bounds.guarded.configs:
        yield from ("--ro-bind", bounds.shown.get(path, "/dev/null"), path)
    for path in bounds.guarded.hidden:
        if os.path.isdir(path):
            yield from ("--perms", "0000", "--tmpfs", path, "--remount-ro", path)
        else:
            yield from ("--ro-bind", "/dev/null", path)


def _system() -> Iterator[str]:
    """bubblewrap's options for the system's programs: folders read-only, links as links."""
    for path in landlock.READABLE:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    for name in landlock.ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
