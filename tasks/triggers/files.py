"""Trigger: which files have arrived in a folder, whole? The operating system rings the bell, a look at the folder decides.

A file is known by its path, inode, time and size, so one that is written anew arrives anew, and what arrived while nobody
was there is found at the next start. It is whole when its size and time have stood still for the settle time, wherever that
was. It is reached from the folder without following a link, so that nobody who swaps one in meanwhile is followed out of it.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from midwatch.arrival_input import fields_of_one
from midwatch.arrival_spec import Files, key_of
from midwatch.characters import on_one_line, visible
from midwatch.ledger import Ledger
from midwatch.spec import AgentSpec
from tasks.triggers.entering import arrival_of, entered, refusal_of

UNFINISHED: Final = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~")
"""Names that programs give to what they are still writing."""
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class NotWhole(Exception):
    """The file changed or went away while it was read."""


class Misfit(Exception):
    """Nothing can be made of this file; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A file as it stood when somebody looked."""

    root: Path
    """The folder, with no link in its path."""
    place: Path
    """In it, with no link in its path either."""
    name: str
    """Relative to the folder, as it was found."""
    inode: int
    mtime_ns: int
    size: int
    leads_out: bool = False
    """It is a link, or is reached by one, that leaves the folder."""

    @property
    def delivery(self) -> str:
        return f"{self.name} {self.inode} {self.mtime_ns} {self.size}"


@dataclass(slots=True, kw_only=True)
class Folder:
    """One `files` trigger of one agent, and what was seen of it."""

    spec: AgentSpec
    trigger: Files
    project: Path
    ledger: Ledger
    unsettled: bool = False
    """Somebody should look again soon, though nothing moves."""
    _known: set[str] = field(default_factory=set)
    _since: dict[str, float] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.project / self.trigger.folder

    async def look(self, wall: float, clock: float) -> list[str]:
        """Enter every file that is whole and was not entered; a line for each. Times in seconds: of the day, and steady."""
        found = await asyncio.to_thread(lambda: [*sights(self.root, self.trigger.glob)])
        there = {sight.delivery: sight for sight in found}
        await self._recall(there)
        self._since = {each: self._since.get(each, clock) for each in there if each not in self._known}
        waiting = [there[each] for each in self._since]
        whole = [sight for sight in waiting if self._is_whole(sight, wall, clock)]
        self.unsettled = len(whole) < len(waiting)
        return [line for sight in whole for line in await self._taken(sight)]

    async def _recall(self, there: Mapping[str, Sight]) -> None:
        """What the ledger has from earlier lives; what is gone from the folder is forgotten here."""
        self._known &= there.keys()
        new = there.keys() - self._known - self._since.keys()
        if new:
            self._known |= await self.ledger.known_deliveries(self.spec.name, key_of(self.trigger), new)

    def _is_whole(self, sight: Sight, wall: float, clock: float) -> bool:
        settle = self.trigger.settle_seconds
        stood = clock - self._since[sight.delivery] >= settle or wall - sight.mtime_ns / 1e9 >= settle
        return stood or sight.leads_out

    async def _taken(self, sight: Sight) -> list[str]:
        named = f"{key_of(self.trigger)} of {self.spec.name}: {visible(on_one_line(sight.name))}"
        try:
            document = facts_of(sight, self.trigger, with_text=self._wants_text())
        except NotWhole:
            self._since.pop(sight.delivery)
            self.unsettled = True
            return []
        except PermissionError:
            self._known.add(sight.delivery)  # said once; a change of its mode is not one of its contents
            return [f"{named} cannot be read: give this user the right to, then write or touch it"]
        except Misfit as why:
            payload = json.dumps({"path": sight.name, "size": sight.size})
            arrival = refusal_of(self.spec, self.trigger, sight.delivery, payload, str(why))
        else:
            kept = json.dumps({name: value for name, value in document.items() if name != "text"})
            arrival = arrival_of(self.spec, self.trigger, sight.delivery, document, payload=kept)
        row, _ = await entered(self.ledger, self.spec, arrival)
        self._known.add(sight.delivery)
        return [f"{row.state}: {named}{f' ({row.why})' if row.why else ''}"]

    def _wants_text(self) -> bool:
        paths = self.trigger.input.values() or fields_of_one(self.spec.input, self.spec.triggers.storm)
        return "text" in paths


def sights(root: Path, glob: str) -> Iterator[Sight]:
    """Every file of the folder that somebody has finished naming. A folder that is not there is an empty one."""
    real = os.path.realpath(root)
    for path in sorted(root.glob(glob)):
        name = path.relative_to(root).as_posix()
        if _is_unfinished(name, glob):
            continue
        try:
            target = os.path.realpath(path, strict=True)
            inside = os.path.commonpath([real, target]) == real
            facts = os.stat(target) if inside else os.lstat(path)
        except OSError:
            continue  # gone meanwhile, or a link to nothing
        if inside and not stat.S_ISREG(facts.st_mode):
            continue
        yield Sight(
            root=Path(real),
            place=Path(os.path.relpath(target, real)),
            name=name,
            inode=facts.st_ino,
            mtime_ns=facts.st_mtime_ns,
            size=facts.st_size,
            leads_out=not inside,
        )


def facts_of(sight: Sight, trigger: Files, *, with_text: bool) -> dict[str, Any]:
    """What a file gives a run: `path` (in the project), `name`, `folder`, `size`, and its `text` where that is wanted.

    Raises:
        NotWhole: it is no longer as it was seen.
        Misfit: it leads out of the folder, is too large, or is no text.
        PermissionError: it cannot be read.
    """
    if sight.leads_out:
        raise Misfit("it is a link that leads out of the folder")
    path = PurePosixPath(trigger.folder) / sight.name
    facts = {"path": str(path), "name": path.name, "folder": str(path.parent), "size": sight.size}
    try:
        text = _text(sight, trigger.most_bytes) if with_text else _checked(sight)
    except FileNotFoundError as error:
        raise NotWhole from error
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PermissionError(error.errno, error.strerror) from error
        raise NotWhole from error
    return {**facts, "text": text} if with_text else facts


def _text(sight: Sight, most: int) -> str:
    if sight.size > most:
        raise Misfit(f"it has {sight.size:,} bytes, and its text may have {most:,}")
    with _parent(sight) as folder, open(os.open(sight.place.name, _READING, dir_fd=folder), "rb") as file:
        _same(sight, os.fstat(file.fileno()))
        data = file.read(most + 1)
        _same(sight, os.fstat(file.fileno()))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misfit(f"it is no UTF-8 text (byte {error.start})") from error


def _checked(sight: Sight) -> str:
    with _parent(sight) as folder:
        _same(sight, os.stat(sight.place.name, dir_fd=folder, follow_symlinks=False))
    return ""


@contextmanager
def _parent(sight: Sight) -> Iterator[int]:
    """The folder that it lies in, entered step by step. Raises OSError where a link is in the way by now."""
    folder = os.open(sight.root, _FOLDER)
    try:
        for name in sight.place.parts[:-1]:
            outer, folder = folder, os.open(name, _FOLDER, dir_fd=folder)
            os.close(outer)
        yield folder
    finally:
        os.close(folder)


def _same(sight: Sight, facts: os.stat_result) -> None:
    if (facts.st_ino, facts.st_mtime_ns, facts.st_size) != (sight.inode, sight.mtime_ns, sight.size):
        raise NotWhole


def _is_unfinished(name: str, glob: str) -> bool:
    """A hidden or half-written one, unless the pattern itself names such files."""
    last, pattern = PurePosixPath(name).name, PurePosixPath(glob).name
    hidden = last.startswith(".") and not pattern.startswith(".")
    return hidden or any(last.endswith(end) and not pattern.endswith(end) for end in UNFINISHED)
