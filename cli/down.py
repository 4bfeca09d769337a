"""The house: `midwatch down`. Ends the whole group, and says what was at work."""

from __future__ import annotations

import asyncio
import json
import os

import typer

from cli import occupancy, terminal
from cli.home import House, locate
from cli.options import AsJson
from cli.up import progress


def down(as_json: AsJson = False) -> None:
    """Stop everything that `up` started, and the local model."""
    house = locate(os.environ)
    with progress() as say:
        was_up = occupancy.stop(house, say)
        stop_model(house)
    interrupted = interrupted_runs(house) if was_up else []
    if as_json:
        typer.echo(json.dumps({"was_up": was_up, "interrupted": interrupted}))
        return
    console = terminal.console(soft_wrap=True)
    console.print("Midwatch is down." if was_up else "Midwatch was not up.", style="bold")
    for name in interrupted:
        console.print(f"  interrupted: {name}; it goes on at the next `midwatch up`")


def interrupted_runs(house: House) -> list[str]:
    """The runs that `cli.settle` found at work when it last looked."""
    try:
        return list(json.loads((house.home / "interrupted.json").read_text()))
    except FileNotFoundError:
        return []


def stop_model(house: House) -> bool:
    """The local model's server is started on demand by whoever needs it, and ended here. Returns whether it ran."""
    from tasks.model.server import stop_server

    return asyncio.run(stop_server(house.home))
