"""Tools: what happens when it runs a command? It is held back, its output is bounded, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic_ai.exceptions import ToolFailed
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from midwatch.errors import ToolUnavailable
from midwatch.policy import plain_argv
from midwatch.risk import ToolFacts
from tasks.tools.functions import Offered
from tasks.tools.gitconfig import harmless
from tasks.tools.guarded import Guarded, TooLarge, guarded_in, only_git
from tasks.tools.landlock import ENVIRONMENT
from tasks.tools.network import Network
from tasks.tools.proxy import Proxy, serving
from tasks.tools.sandbox import Bounds, Launch, Sandbox
from tasks.tools.shown import HeadAndTail

OUTPUT_HALF: Final = 8_000
"""Bytes kept of the output's beginning, and again of its end."""
GRACE_SECONDS: Final = 3.0
"""Between telling a command's supervisor to stop and killing it."""


class ShellResult(TypedDict):
    """What the model sees of a command that ran."""

    exit_code: int | None
    """None where it was stopped at its timeout."""
    output: str
    """Standard output and error as they came; the middle of a long one is left out and said so. Then what was refused."""


@dataclass(frozen=True)
class Shell:
    """The shell over one folder."""

    sandbox: Sandbox
    root: Path
    network: Network

    async def shell(
        self,
        command: Annotated[str, Field(min_length=1, max_length=2000)],
        timeout: Annotated[float, Field(gt=0, le=600)] = 60,  # noqa: ASYNC109  # the model's to set; it also kills
    ) -> ShellResult:
        """Run a command in a sandbox: it writes to its own folder only, and reaches no host that the rules do not allow.

        Args:
            command: One command line, for bash.
            timeout: Seconds after which the command and all that it started are killed.
        """
        root = self.root.resolve()
        root.mkdir(parents=True, exist_ok=True)
        guarded, copies = await asyncio.to_thread(self._looked_at, root)
        words = plain_words(command) or bash_words(command)
        proxy = Proxy(network=self.network)
        with _as_files(copies) as shown:
            async with self._proxied(proxy) as descriptor:
                bounds = Bounds(root=root, guarded=guarded, shown=shown, git_writes=only_git(command), proxy=descriptor)
                with self.sandbox.launch(words, bounds) as launch:
                    result = await run_bounded(launch, timeout)
        return ShellResult(exit_code=result["exit_code"], output=result["output"] + proxy.told())

    def _looked_at(self, root: Path) -> tuple[Guarded, Mapping[str, str]]:
        """What is protected in `root`, and what Git may read in place of its configuration; raises ToolFailed."""
        try:
            guarded = guarded_in(root)
        except TooLarge as error:
            raise ToolFailed(f"Nothing was run: {error}. A person must name a smaller folder as `root`.") from error
        if guarded.hidden and not self.sandbox.guards:
            found = os.path.relpath(guarded.hidden[0], root)
            raise ToolFailed(
                f"Nothing was run: {found!r} keeps secrets, and {self.sandbox.name} cannot hide it from a command. "
                "A person must move it out of this folder, or install bubblewrap."
            )
        return guarded, {path: harmless(path) for path in guarded.configs if self.sandbox.guards}

    @asynccontextmanager
    async def _proxied(self, proxy: Proxy) -> AsyncIterator[int | None]:
        """The descriptor for the sandbox; None where there is no network."""
        if not (self.network.hosts and self.sandbox.guards):
            yield None
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            async with serving(proxy, ours):
                yield theirs.fileno()


@contextmanager
def _as_files(copies: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """By the same paths, the files that hold the texts."""
    if not copies:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="midwatch-") as folder:
        files = {path: Path(folder, str(place)) for place, path in enumerate(copies)}
        for path, file in files.items():
            file.write_text(copies[path], encoding="utf-8")
        yield {path: str(file) for path, file in files.items()}


def shell_tool(sandbox: Sandbox | None, root: Path, *, where: str, network: Network | None = None) -> Offered:
    """`shell` in `root`; raises ToolUnavailable where nothing would hold it back. Without `network` it has none."""
    if sandbox is None:
        raise ToolUnavailable(
            f"{where}: no sandbox works on this machine, so there is no shell. On Linux install bubblewrap "
            "(`apt install bubblewrap`) or run a kernel with Landlock (5.13 or newer); elsewhere take `shell` out."
        )
    shell = Shell(sandbox, root, network or Network())
    return Offered(function=shell.shell, facts=ToolFacts(risk="execute", sinks=()), where=where)


def plain_words(command: str) -> list[str] | None:
    """The words of a single plain command as the policy reads it, to be run without a shell; None where it takes bash."""
    words = plain_argv(command)
    return list(words) if words and shutil.which(words[0], path=ENVIRONMENT["PATH"]) else None


def bash_words(command: str) -> list[str]:
    """The words that let bash read `command`, with no start-up files."""
    return ["bash", "--noprofile", "--norc", "-c", command]


async def run_bounded(launch: Launch, seconds: float) -> ShellResult:
    """Run a program in its own session until it ends, its time is up or the caller is cancelled; nothing outlives it."""
    process = await asyncio.create_subprocess_exec(
        *launch.argv,
        pass_fds=launch.passed,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={},
        start_new_session=True,
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
