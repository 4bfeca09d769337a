"""A folder in which a command may do its worst: stand-ins record who was called and how, and what it leaves is seen."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 2.0
"""Seconds."""
NOBODY: Final = "nobody"

_STAND_IN: Final = """#!/bin/sh
printf '%s\\0' "$#" {name} "$@" >>{record}
exit $(($$ % 2))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What happened on the stage."""

    called: tuple[tuple[str, ...], ...]
    """The stand-ins, each with its arguments."""
    left: tuple[str, ...]
    """Names of files that were not there before, or are not what they were."""
    said: str
    """Standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Folders below one that is removed in the end. Whoever is root plays as nobody."""

    top: Path

    @property
    def bin(self) -> Path:
        return self.top / "bin"

    @property
    def work(self) -> Path:
        return self.top / "work"

    @property
    def _record(self) -> Path:
        return self.top / "record" / "calls"

    def stand_in(self, names: Iterable[str]) -> None:
        """Programs that do nothing but record that they were called."""
        for name in names:
            program = self.bin / name
            program.unlink(missing_ok=True)  # an invited program is a link, and writing would go through it
            program.write_text(_STAND_IN.format(name=name, record=self._record))
            program.chmod(0o755)

    def invite(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the real programs that this machine has."""
        found = {name: place for name in names if (place := shutil.which(name))}
        for name, place in found.items():
            (self.bin / name).symlink_to(place)
        return tuple(found)

    def play(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Played | None:
        """Run `argv` behind a wall: all but the stage can only be read, and there is no network. None: no end in time."""
        before = self._looks()
        self._record.unlink(missing_ok=True)
        user = NOBODY if os.geteuid() == 0 else None
        with subprocess.Popen(
            [*self._wall(), *argv],
            env={"PATH": str(self.bin), "LC_ALL": "C", "HOME": str(self.top / "home"), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=user,
            group=pwd.getpwnam(NOBODY).pw_gid if user else None,
            extra_groups=[] if user else None,
        ) as process:
            said = _said(process)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if said is None:
            return None
        after = self._looks()
        left = tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))
        return Played(called=tuple(self._calls()), left=left, said=said)

    def _wall(self) -> tuple[str, ...]:
        return (
            *(
                shutil.which("bwrap") or "bwrap",
                "--unshare-all",
                "--die-with-parent",
                "--ro-bind",
                "/",
                "/",
                "--dev",
                "/dev",
                "--proc",
                "/proc",
            ),
            *("--bind", str(self.top), str(self.top), "--chdir", str(self.work), "--"),
        )

    def _calls(self) -> Iterator[tuple[str, ...]]:
        fields = self._record.read_text(errors="replace").split("\0")[:-1] if self._record.exists() else []
        while fields:
            end = int(fields[0]) + 2
            yield tuple(fields[1:end])
            fields = fields[end:]

    def _looks(self) -> dict[str, bytes]:
        files = (file for file in self.work.rglob("*") if ".git" not in file.parts and not file.is_dir())
        return {str(file.relative_to(self.work)): b"" if file.is_symlink() else file.read_bytes() for file in files}


def _said(process: subprocess.Popen[bytes]) -> str | None:
    """Its standard error; None when it did not end in time."""
    try:
        return process.communicate(timeout=PATIENCE)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def stage(files: Mapping[str, str]) -> Iterator[Stage]:
    """A stage whose `work` folder holds `files`."""
    with tempfile.TemporaryDirectory(prefix="fuzzed-") as folder:
        here = Stage(top=Path(folder).resolve())
        for name in ("bin", "work", "record", "home"):
            (here.top / name).mkdir()
        for name, content in files.items():
            (here.work / name).parent.mkdir(parents=True, exist_ok=True)
            (here.work / name).write_text(content)
        if os.geteuid() == 0:
            here.top.chmod(0o711)
            for place in (here.work, here.top / "record", *here.work.rglob("*")):
                shutil.chown(place, NOBODY)
        yield here
