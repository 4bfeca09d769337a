"""`midwatch ...` as a person types it, in this process, which is a client of the house: one of its own takes seconds more."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner

from cli.main import app
from midwatch.errors import MidwatchError


async def midwatch(*words: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of one command."""
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    if isinstance(done.exception, MidwatchError):
        return 1, done.stdout, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


async def run_of(agent: str) -> Any:
    """What `midwatch run` says of a run that it followed to where it waits."""
    _, out, err = await midwatch("run", agent, "--json")
    assert out, err
    return json.loads(out)
