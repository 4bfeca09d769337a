"""A week alone: what time is it? One clock for whatever of Midwatch runs in this process, which is put forward, never back.

The week lies in the past, so that a file that is written now is newer than the run that wrote it; `aged` gives it its time in
the week afterwards. Prefect keeps the real time.
"""

from __future__ import annotations

import datetime as times
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, Self

PACKAGES: Final = frozenset({"midwatch", "blocks", "tasks", "flows", "cli", "agents"})


@dataclass(frozen=True, kw_only=True)
class Shift:
    """From a real moment on, the week is so far away."""

    since: datetime
    by: timedelta


@dataclass
class Clock:
    """Goes on by itself, and is put forward between two events."""

    shifts: list[Shift] = field(default_factory=list)

    @classmethod
    def at_first(cls, moment: datetime) -> Self:
        real = datetime.now(UTC)
        return cls([Shift(since=datetime.min.replace(tzinfo=UTC), by=moment - real)])

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shifts[-1].by

    def of(self, real: datetime) -> datetime:
        """When in the week a real moment was."""
        return real + next(shift.by for shift in reversed(self.shifts) if shift.since <= real)

    def put_forward(self, to: datetime) -> None:
        """Nothing, where it is later already."""
        if (ahead := to - self.now()) > timedelta():
            self.shifts.append(Shift(since=datetime.now(UTC), by=self.shifts[-1].by + ahead))

    async def sleep(self, seconds: float) -> None:
        """A wait of the week, which takes no time."""
        self.put_forward(self.now() + timedelta(seconds=seconds))

    def written(self) -> str:
        return json.dumps([[shift.since.isoformat(), shift.by.total_seconds()] for shift in self.shifts])

    @classmethod
    def read(cls, written: str) -> Self:
        rows: Sequence[tuple[str, float]] = json.loads(written)
        return cls([Shift(since=datetime.fromisoformat(at), by=timedelta(seconds=by)) for at, by in rows])

    def rule(self) -> None:
        """From here on every module of Midwatch that is loaded tells the time by this clock. Call it again after imports."""
        moved = _moved(self)
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in PACKAGES and vars(module).get("datetime") is datetime:
                vars(module)["datetime"] = moved


def aged(folders: Iterable[Path], since: float, clock: Clock) -> None:
    """Files that were written after the real moment `since` get their time in the week."""
    now = clock.now().timestamp()
    for path in (one for folder in folders for one in folder.rglob("*")):
        if path.is_file() and path.stat().st_mtime >= since:
            os.utime(path, (now, now))


class _Kind(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, times.datetime)


def _moved(clock: Clock) -> type:
    """`datetime`, but for what it says of this moment; what it makes are plain ones."""

    class Moved(times.datetime, metaclass=_Kind):
        def __new__(cls, *given: Any, **named: Any) -> Any:  # a plain one
            return times.datetime(*given, **named)  # noqa: DTZ001  # as its caller says

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            here = clock.now().astimezone(tz)
            return here if tz else here.replace(tzinfo=None)

    return Moved
