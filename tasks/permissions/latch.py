"""Permissions: is this run halted, whatever else is down? A file on this machine's disk, looked for before every step.

`HOME/halt/all`, `HOME/halt/agent.NAME` and `HOME/halt/run.ID`: that the file is there is the latch; what stands in it only
says who set it and why. So `touch HOME/halt/all` halts everything when nothing else works any more. A file that cannot be
read or makes no sense, one whose name says nothing (`ALL`, `inbox-triage`), or a folder that cannot be searched, is a latch
that is set: somebody in a hurry has meant something by it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from midwatch.errors import Halted, LedgerError
from midwatch.halt import Halt, Target
from midwatch.run import RunFacts
from midwatch.whole_file import DRAFT, write_whole

FOLDER: Final = "halt"
_NONE: Final = (DRAFT, ".")
"""How the names of files begin that are no latches; the hidden ones are those of file systems and desktops."""
_LARGEST: Final = 64_000
"""Bytes of a latch that are read."""


@dataclass(frozen=True, slots=True)
class Latch:
    """The latches in the home of one installation."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / FOLDER

    def on(self, agent: str, run_id: str) -> Halt | None:
        """The latch that covers this run, the widest first. Costs one listing of the folder; never raises."""
        try:
            around = Target.around(agent, run_id)
        except LedgerError as error:
            return _unclear(Target("all"), f"whether {agent!r}, {run_id!r} is halted cannot be told ({error})")
        found = self._set(lambda target: target in around)
        return min(found, key=lambda halt: around.index(halt.target), default=None)

    def at(self, target: Target) -> Halt | None:
        """The latch of exactly this target. Never raises."""
        path = self._path(target)
        try:
            os.lstat(path)  # of the name itself: a link that leads nowhere is there
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unclear(target, f"{path} cannot be looked for ({error.strerror})")
        return _read(path, target)

    def standing(self) -> list[Halt]:
        """Every latch that is set, by name; a file with a name that says nothing is one on everything."""
        return self._set(lambda _: True)

    def set(self, halt: Halt) -> Halt:
        """Set one, and return what stands: one that is set already, and can be read, stays as it was.

        Raises:
            OSError: it could not be written.
        """
        path = self._path(halt.target)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError, ValueError):
            return _parsed(path, halt.target)
        write_whole(path, halt.model_dump_json(), sync=True)
        self._synced()
        return halt

    def lift(self, target: Target) -> bool:
        """Take one away; False where none was there.

        Raises:
            OSError: it is there, and could not be taken away.
        """
        try:
            self._path(target).unlink()
        except FileNotFoundError:
            return False
        self._synced()
        return True

    def _path(self, target: Target) -> Path:
        return self.folder / (f"{target.scope}.{target.name}" if target.name else target.scope)

    def _set(self, wanted: Callable[[Target], bool]) -> list[Halt]:
        """Whoever decides and whoever shows reads the folder here, so that nobody is shown as halted and is not."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError as error:
            if not os.path.lexists(self.folder) and isinstance(error, FileNotFoundError):
                return []
            return [_unclear(Target("all"), f"{self.folder} cannot be read ({error.strerror})")]
        meant = [(name, _meant(name)) for name in names if not name.startswith(_NONE)]
        return [self._named(name, target) for name, target in meant if wanted(target)]

    def _named(self, file: str, target: Target) -> Halt:
        if file != self._path(target).name:
            return _unclear(target, f"{self.folder / file} is no name of a latch; take it away if it is none")
        return self.at(target) or _unclear(target, f"{file} was taken away a moment ago")

    def _synced(self) -> None:
        """The name, too, survives a power loss."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _meant(file: str) -> Target:
    """Everything, where the name does not say."""
    scope, _, name = file.partition(".")
    with suppress(LedgerError):
        if scope in ("agent", "run"):
            return Target(scope, name)  # type: ignore[arg-type]  # the line above is not seen through
    return Target("all")


def refuse_if_latched(facts: RunFacts) -> None:
    """Before whatever a run does next.

    Raises:
        Halted: a latch on disk covers it.
    """
    if (halt := Latch(facts.home).on(facts.agent, facts.run_id)) is not None:
        raise Halted(halt.words())


def _read(path: Path, target: Target) -> Halt:
    try:
        return _parsed(path, target)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it does not say who set it, and why"
        return _unclear(target, f"{path} cannot be read ({why})", _written(path))


def _parsed(path: Path, target: Target) -> Halt:
    """Raises OSError or ValueError (pydantic's, too)."""
    with path.open("rb") as file:
        halt = Halt.model_validate_json(file.read(_LARGEST))
    if (halt.scope, halt.name) != (target.scope, target.name):
        raise ValueError(f"it is a latch of {halt.scope} {halt.name}")
    return halt


def _written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.now(UTC)


def _unclear(target: Target, why: str, at: datetime | None = None) -> Halt:
    """What cannot be told counts as halted."""
    by, because = "nobody that it names", f"{why}, and what cannot be told counts as halted"
    return Halt(scope=target.scope, name=target.name, by=by, via="disk", because=because, at=at or datetime.now(UTC))
