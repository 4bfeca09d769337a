"""The house: `midwatch up`. Server, worker and keeper as one group, with everything deployed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cli import deployments, expectations, occupancy, record, terminal
from cli.environment import adopt
from cli.home import House, locate
from cli.hook_address import hooks_said
from cli.occupancy import Say
from cli.options import AsJson
from midwatch.errors import HouseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A house that is ready."""

    house: House
    supervisor: subprocess.Popen[bytes] | None
    """None when it was up already."""
    deployments: list[str]


def bring_up(say: Say, *, port: int | None = None, leashed: bool = False) -> Up:
    """Start what is not up yet, make this process a client of the house, deploy what changed.

    Raises:
        HouseError, SpecError: what could not be done; nothing was started by halves, but a failed deployment leaves
            the house up, to be looked at.
    """
    house, supervisor = locate(os.environ), None
    running = occupancy.current(house)
    if running and running.phase == "up":
        if port not in (None, running.port):
            raise HouseError(f"the house is up on port {running.port}: run `midwatch down` before changing the port")
        if leashed:
            raise HouseError("the house is up already, in the background: run `midwatch down` first")
    else:
        supervisor = occupancy.start(house, port=port, say=say, leashed=leashed)
    house = locate(os.environ)
    adopt(house)
    return Up(house=house, supervisor=supervisor, deployments=deployments.ensure(house, say))


def up(
    foreground: Annotated[
        bool, typer.Option("--foreground/--detach", help="Stay until Ctrl-C, which stops everything.")
    ] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Where the server listens, from now on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Start the server, the worker and the keeper, and deploy the agents."""
    with progress() as say:
        ready = bring_up(say, port=port, leashed=foreground)
        asyncio.run(expectations.ensure(ready.house, say))
    if as_json:
        typer.echo(json.dumps(facts(ready)))
    else:
        _announce(ready)
    if foreground and ready.supervisor:
        _stay(ready.house, ready.supervisor)


def facts(ready: Up) -> dict[str, object]:
    house = ready.house
    return {
        "already_up": ready.supervisor is None,
        "ui": house.url,
        "api": f"{house.url}/api",
        "auth_file": str(house.auth),
        "home": str(house.home),
        "hooks": _hooks(house),
        "deployments": ready.deployments,
    }


def _hooks(house: House) -> str:
    state = record.read(house.record)
    return hooks_said(house, state.keeps if state else ())


@contextlib.contextmanager
def progress() -> Iterator[Say]:
    """A spinner on a terminal, plain lines elsewhere; on standard error, so that the answer stays clean."""
    console = terminal.console(stderr=True)
    if not console.is_terminal:
        yield console.print
        return
    with console.status("looking around") as status:
        yield status.update


def _announce(ready: Up) -> None:
    console, house = terminal.console(soft_wrap=True), ready.house
    console.print("Midwatch is up already." if ready.supervisor is None else "Midwatch is up.", style="bold")
    console.print(f"  UI        {house.url}")
    console.print(f"  password  the whole line that `cat {house.auth}` prints")
    console.print(f"  deployed  {', '.join(ready.deployments)}")
    if hooks := _hooks(house):
        console.print(f"  hooks     {hooks}", markup=False)
    if shutil.which("midwatch") is None:
        activate = shlex.quote(str(Path(sys.prefix) / "bin" / "activate"))
        console.print(f"  midwatch  source {activate} puts it on your path", markup=False)
    console.print('  prefect   eval "$(midwatch env)" lets plain `prefect` commands work')


def _stay(house: House, supervisor: subprocess.Popen[bytes]) -> None:
    """Until a signal or until the house fails. Nothing is left behind either way."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = supervisor.wait()
    except KeyboardInterrupt:
        with progress() as say:
            occupancy.stop(house, say)
        return
    if code:
        raise HouseError(occupancy.why(house))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
