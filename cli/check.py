"""`midwatch check AGENT`: is it fit to run? Walks the six layers bottom-up and stops at the first that fails."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.environment import QUIET, adopt
from cli.home import House, furnish, locate
from cli.options import Agent, AsJson
from midwatch.characters import visible
from midwatch.layers import LAYERS, QUESTIONS, LayerResult


def check(
    agent: Agent,
    as_json: AsJson = False,
) -> None:
    """Walk the six layers bottom-up. Exit code 0 when all hold, 1 at the first that fails, 2 for a wrong file."""
    house = locate(os.environ)
    furnish(house)
    enter(house)
    with terminal.console(stderr=True).status("model …") as status:
        results = asyncio.run(collect(examined(agent, house), status.update))
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], ensure_ascii=False))
    else:
        terminal.console().print(table(results))
    raise typer.Exit(0 if all(result.ok for result in results) and len(results) == len(LAYERS) else 1)


def enter(house: House) -> None:
    """Make this process a client of `house`, or of nothing at all. Call it before Prefect is imported.

    Prefect's client starts a temporary server, with telemetry and a database in the person's own folder, where it knows
    of none; a check that it answers would then hold of a server that no run will ever see.
    """
    if house.port is not None:
        adopt(house)
        return
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update({**QUIET, "PREFECT_HOME": str(house.prefect), "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"})


async def examined(agent: str, house: House) -> AsyncIterator[LayerResult]:
    """One result for each layer, up to the first that fails. Importing Prefect and the models takes seconds: not above."""
    from blocks.ledger import open_ledger
    from cli.layer_checks import Walk, load
    from midwatch.layers import walk
    from tasks.harness.mark import mark_of
    from tasks.tools import saved_servers

    spec = load(agent, house)
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(await open_ledger(house.home))
        await ledger.migrate()
        steps = Walk(spec=spec, house=house, ledger=ledger, stack=stack, environment=os.environ)
        found: list[LayerResult] = []
        async for result in walk(steps.checks()):
            found.append(result)
            yield result
        mark = (await mark_of(spec, ledger, os.environ, await saved_servers(spec))).whole
        held = all(result.ok for result in found)
        detail = "; ".join(f"{result.layer}: {result.detail}" for result in found if not result.ok) or "all hold"
        await ledger.record_layers(spec.name, fingerprint=mark, held=held, detail=detail)


async def collect(results: AsyncIterator[LayerResult], say: Callable[[str], None]) -> list[LayerResult]:
    """All results; `say` hears which layer comes next."""
    found: list[LayerResult] = []
    async for result in results:
        found.append(result)
        if result.ok and len(found) < len(LAYERS):
            say(f"{LAYERS[len(found)]} …")
    return found


def table(results: list[LayerResult]) -> Table:
    """The layers with what was found; those above the first failure are shown as not tried."""
    drawn = terminal.table("", "layer", "question", "found")
    tried = {result.layer: result for result in results}
    for number, layer in enumerate(LAYERS, start=1):
        result = tried.get(layer)
        if result is None:
            drawn.add_row("-", f"{number} {layer}", QUESTIONS[layer], Text("not tried", style="dim"))
            continue
        found = Text(visible(result.detail))
        if result.hint:
            found.append(f"\n{visible(result.hint)}", style="yellow")
        drawn.add_row("ok" if result.ok else Text("FAILS", style="red"), f"{number} {layer}", QUESTIONS[layer], found)
    return drawn
