"""`midwatch lookout`: is the whole house as it should be, and is somebody told if it is not? Needs neither it nor Prefect."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import Annotated

import typer

from cli.home import locate
from cli.lookout_checks import look
from cli.lookout_told import sender, tell, ways
from cli.options import AsJson

EXIT_DOWN = 3
"""As with `midwatch status`: somebody has taken the house down."""


def lookout(
    say_so: Annotated[bool, typer.Option("--tell", help="Tell somebody of what is new, once an incident.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the server, every process of the house, the ledger and silent agents. Exit code 0: all is well; 1: it is not."""
    house = locate(os.environ)
    seen = look(house, os.environ)
    told = ""
    if say_so and house.home.is_dir():
        told = tell(
            house.home, seen, sender(house.home, os.environ, lambda line: typer.echo(line, err=True)), time.time()
        )
    if as_json:
        known = sorted(ways(house.home, os.environ))
        typer.echo(
            json.dumps({"seen": [asdict(one) for one in seen.seen], "down": seen.down, "told": told, "ways": known})
        )
    else:
        for one in seen.seen:
            typer.echo(one.line)
        if told:
            typer.echo(told)
    raise typer.Exit(1 if seen.faults else EXIT_DOWN if seen.down else 0)
