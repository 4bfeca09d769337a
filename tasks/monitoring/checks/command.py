"""Monitoring: does the program say so? Without a shell, in its own process group, with a deadline and capped output."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from midwatch.contract import CommandCheck, Finding
from midwatch.run import RunFacts
from midwatch.templates import fill

MAX_BYTES: Final = 1024 * 1024
"""Of each stream. The rest is read and thrown away, so that the program can end."""


async def look(check: CommandCheck, name: str, facts: RunFacts) -> Finding:
    """Exit code and output against what was expected; what it started is gone when this returns."""
    argv = [fill(part, facts) for part in check.argv]
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=facts.project, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return Finding(check=name, held=False, looked=False, detail=f"{argv[0]!r} cannot be started: {error}")
    try:
        async with asyncio.timeout(check.timeout_seconds):
            out, err, _ = await asyncio.gather(_read(process.stdout), _read(process.stderr), process.wait())
    except TimeoutError:
        said = f"did not end within {check.timeout_seconds:g} s and was stopped"
        return Finding(check=name, held=False, looked=False, detail=said)
    finally:
        await _stop(process)
    wrong = list(_wrong(check, process.returncode, out, err))
    return Finding(check=name, held=not wrong, detail="; ".join(wrong) or f"exit code {process.returncode}")


def _wrong(check: CommandCheck, code: int | None, out: str, err: str) -> Iterator[str]:
    if code != check.exit_code:
        said = f", saying {err.strip()[-200:]!r}" if err.strip() else ""
        yield f"expected exit code {check.exit_code}, found {code}{said}"
    for wanted in check.stdout_contains:
        if wanted not in out:
            yield f"expected {wanted!r} in its output, found {out.strip()[-200:]!r}"


async def _read(stream: asyncio.StreamReader | None) -> str:
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk[: MAX_BYTES - len(kept)]
    return kept.decode("utf-8", errors="replace")


async def _stop(process: Process) -> None:
    """End the whole group: the program and whatever it left running."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
