"""Tools: what happens when it runs a command? It is held back, its output is bounded, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from midwatch.errors import ToolUnavailable
from midwatch.risk import ToolFacts
from tasks.tools.functions import Offered
from tasks.tools.landlock import ENVIRONMENT
from tasks.tools.sandbox import Sandbox
from tasks.tools.shown import HeadAndTail

OUTPUT_HALF: Final = 8_000
"""Bytes kept of the output's beginning, and again of its end."""
GRACE_SECONDS: Final = 3.0
"""Between telling a command's supervisor to stop and killing it."""

_PLAIN: Final = re.compile(r"""(?:[\w@%+:,./\-]|=|\x20|'[^'\n]*'|"[^"$`\\!\n]*")+""")
"""Words and simple quotes: nothing that a shell would interpret."""


class ShellResult(TypedDict):
    """What the model sees of a command that ran."""

    exit_code: int | None
    """None where it was stopped at its timeout."""
    output: str
    """Standard output and error as they came; the middle of a long one is left out and said so."""


@dataclass(frozen=True)
class Shell:
    """The shell over one folder."""

    sandbox: Sandbox
    root: Path

    async def shell(
        self,
        command: Annotated[str, Field(min_length=1, max_length=2000)],
        timeout: Annotated[float, Field(gt=0, le=600)] = 60,  # noqa: ASYNC109  # the model's to set; it also kills
    ) -> ShellResult:
        """Run a command in a sandbox: it can write to its own folder only, and has no network.

        Args:
            command: One command line, for bash.
            timeout: Seconds after which the command and all that it started are killed.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        argv = self.sandbox.argv(plain_words(command) or bash_words(command), self.root)
        return await run_bounded(argv, timeout)


def shell_tool(sandbox: Sandbox | None, root: Path, *, where: str) -> Offered:
    """`shell` in `root`; raises ToolUnavailable where nothing would hold it back."""
    if sandbox is None:
        raise ToolUnavailable(
            f"{where}: no sandbox works on this machine, so there is no shell. On Linux install bubblewrap "
            "(`apt install bubblewrap`) or run a kernel with Landlock (5.13 or newer); elsewhere take `shell` out."
        )
    return Offered(function=Shell(sandbox, root).shell, facts=ToolFacts(risk="execute"), where=where)


def plain_words(command: str) -> list[str] | None:
    """The words of a single plain command, to be run without a shell; None where bash must read it."""
    if not _PLAIN.fullmatch(command):
        return None
    words = shlex.split(command)
    if not words or "=" in words[0] or not shutil.which(words[0], path=ENVIRONMENT["PATH"]):
        return None
    return words


def bash_words(command: str) -> list[str]:
    """The words that let bash read `command`, with no start-up files."""
    return ["bash", "--noprofile", "--norc", "-c", command]


async def run_bounded(argv: Sequence[str], seconds: float) -> ShellResult:
    """Run a program in its own session until it ends, its time is up or the caller is cancelled; nothing outlives it."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env={}, start_new_session=True
    )
    output = HeadAndTail(half=OUTPUT_HALF)
    try:
        async with asyncio.timeout(seconds):
            await _collect(process, output)
            return ShellResult(exit_code=await process.wait(), output=output.text())
    except TimeoutError:
        note = f"\n[stopped after {seconds:g} seconds; what it did until then stands]"
        return ShellResult(exit_code=None, output=output.text() + note)
    finally:
        await _end(process)


async def _collect(process: Process, output: HeadAndTail) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(65536):
        output.add(chunk)


async def _end(process: Process) -> None:
    """Stop the supervisor (bubblewrap or landlock.py), which takes everything that it started with it."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
