"""Machine report: how is this machine? Only reads, without root, in a second or two; what it cannot read it says so."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from agents.machine_report.figures import Load, Memory, Survey, Volume
from agents.machine_report.logs import recent_logs
from agents.machine_report.systemd import failed_units, journal_errors
from agents.machine_report.temporary import old_files
from midwatch.run import RunFacts

_MOST_VOLUMES: Final = 3
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look."""

    project: Path
    logs: tuple[Path, ...]
    temporary: Path
    kept: tuple[Path, ...] = ()
    """Never proposed for deletion, wherever they lie."""


def usual_places(facts: RunFacts) -> Places:
    system = [Path("/Library/Logs"), Path.home() / "Library/Logs"] if platform.system() == "Darwin" else []
    return Places(
        project=facts.project,
        logs=(Path("/var/log"), *system, facts.home / "logs"),
        temporary=Path(tempfile.gettempdir()),
        kept=(facts.project, facts.home),
    )


def measure(places: Places, *, now: datetime) -> Survey:
    """Look over the machine."""
    return Survey(
        taken_at=now.astimezone(UTC),
        host=platform.node() or "this machine",
        disk=tuple(volumes(places.project)),
        memory=memory(),
        load=Load(five_minutes=os.getloadavg()[1], cores=os.cpu_count() or 1),
        logs=recent_logs(places.logs, now=now.timestamp()).model_copy(update={"journal_errors": journal_errors()}),
        units=failed_units(),
        temporary=old_files(places.temporary, now=now.timestamp(), excluded=places.kept),
    )


def volumes(project: Path) -> list[Volume]:
    """The fullest writable file systems, the fullest first; the one with `project` is always among them."""
    by_device: dict[int, Volume] = {}
    for path in (Path("/"), project.resolve(), *_mounts()):
        try:
            device, usage = path.stat().st_dev, psutil.disk_usage(str(path))
        except OSError:
            continue
        by_device.setdefault(
            device, Volume(path=_plain(path), total=usage.total, free=usage.free, percent=usage.percent)
        )
    own = by_device.pop(project.resolve().stat().st_dev)
    others = sorted(by_device.values(), key=_fullness)[: _MOST_VOLUMES - 1]
    return sorted([own, *others], key=_fullness)


def _fullness(volume: Volume) -> float:
    return -volume.percent


def _plain(path: Path) -> str:
    return "".join(char for char in str(path) if char.isprintable() and char not in "|;`<>")[:60]


def _mounts() -> Iterator[Path]:
    for part in psutil.disk_partitions(all=False):
        hidden = part.mountpoint.startswith("/System/Volumes/") or not Path(part.mountpoint).is_dir()
        if "ro" not in part.opts.split(",") and part.fstype not in {"squashfs", "iso9660"} and not hidden:
            yield Path(part.mountpoint)


def memory() -> Memory:
    """Of the machine, or of the container where its limit is lower."""
    whole = psutil.virtual_memory()
    total, percent = whole.total, whole.percent
    limit, used = _container_memory()
    if 0 < limit < total:
        total, percent = limit, 100 * used / limit
    return Memory(total=total, percent=percent, swap_percent=psutil.swap_memory().percent)


def _container_memory() -> tuple[int, int]:
    """Limit and use (without what the kernel can drop) in bytes; (0, 0) outside a limited container."""
    try:
        limit, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        stats = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return limit, max(0, used - int(stats.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0, 0
