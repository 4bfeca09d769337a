"""`midwatch evals`: would the agent as it is now have done what was right in its past runs?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.text import Text

from cli import terminal
from cli.environment import adopt
from cli.home import House, locate
from cli.options import Agent, AsJson
from midwatch.agent_file import load_agent
from midwatch.calls import visible
from midwatch.errors import LedgerError
from midwatch.evals import Tried
from midwatch.run_ids import short
from midwatch.spec import AgentSpec

if TYPE_CHECKING:
    from pydantic_ai.models import Model

SHOWN: Final = 3
"""Differences of one case that are listed."""


def evals(
    agent: Agent,
    model: Annotated[str | None, typer.Option("--model", help="Another model than the agent's file names.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="So many verified runs, the latest ones.")] = 20,
    loose: Annotated[
        list[str] | None, typer.Option("--loose", help="TOOL.ARGUMENT, of which any value will do; may be said again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try the agent as its file is now on its past runs, without touching anything. Exit code: 1 where one fails."""
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    spec = spec if model is None else spec.model_copy(update={"model": model})
    adopt(house)
    console = terminal.console(stderr=as_json, soft_wrap=True)
    found = asyncio.run(tried(house, spec, last, loose or [], _progress(console)))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found]))
    else:
        _print(found, console)
    raise typer.Exit(0 if all(one.passed for one in found) else 1)


async def tried(
    house: House,
    spec: AgentSpec,
    last: int,
    loose: Sequence[str],
    said: Callable[[Tried], None],
    thinks: Model | None = None,
) -> list[Tried]:
    """How the agent did on each case, which the ledger keeps.

    Args:
        said: called with each, as soon as it is known.
        thinks: in the place of the models that `spec` names.

    Raises:
        LedgerError: there is no verified run to be tried on.
    """
    from blocks.ledger import open_ledger
    from tasks.harness.evals import Trial, scratch
    from tasks.harness.mark import mark_of
    from tasks.harness.place import Place
    from tasks.model.providers import resolve_model
    from tasks.tools import saved_servers

    here = Place(project=house.project, home=house.home)
    async with await open_ledger(house.home) as past, scratch() as ledger:
        cases = await past.cases_of(spec.name, last)
        if not cases:
            raise LedgerError(f"{spec.name} has no verified run yet, so there is nothing to try it on")
        chosen = thinks or await resolve_model(
            spec.models(), home=here.home, environment=os.environ, patience=spec.patience
        )
        trial = Trial(spec=spec, model=chosen, past=past, scratch=ledger, here=here, loose=frozenset(loose))
        found: list[Tried] = []
        for case in cases:
            found.append(await trial.on(case))
            said(found[-1])
        mark, named = await mark_of(spec, past, os.environ, await saved_servers(spec)), ", ".join(spec.models())
        await past.record_eval(uuid4().hex, agent=spec.name, fingerprint=mark.whole, model=named, tried=found)
    return found


def _progress(console: Console) -> Callable[[Tried], None]:
    def said(one: Tried) -> None:
        console.print(f"  {short(one.case_run)}  {'passes' if one.passed else 'fails'}", markup=False)

    return said


def _print(found: Sequence[Tried], console: Console) -> None:
    table = terminal.table("past run", "", "not made", "made besides", "not on record", "ended")
    for one in found:
        table.add_row(
            short(one.case_run),
            "[green]passes[/]" if one.passed else "[red]fails[/]",
            _listed(one.missing),
            _listed(one.extra),
            str(len(one.not_on_record)),
            Text(visible(one.fault) or "by itself"),
        )
    console.print(table, soft_wrap=False)
    console.print(f"{sum(one.passed for one in found)} of {len(found)} pass")


def _listed(calls: Sequence[str]) -> Text:
    more = [f"and {len(calls) - SHOWN} more"] if len(calls) > SHOWN else []
    return Text("\n".join([*(visible(one)[:160] for one in calls[:SHOWN]), *more]))


def _facts(one: Tried) -> dict[str, object]:
    return {"run_id": one.case_run, "passed": one.passed, **json.loads(one.as_json())}
