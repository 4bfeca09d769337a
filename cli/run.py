"""`midwatch run`: start one run of an agent, follow it, and say how it ended or what waits."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from cli import terminal
from cli.environment import adopt
from cli.home import House, locate
from cli.options import Agent, AsJson
from midwatch.agent_file import load_agent
from midwatch.arrival_input import unkept
from midwatch.calls import visible
from midwatch.errors import HouseError, SpecError
from midwatch.ledger import AskRow, RunRow
from midwatch.outcome import EXIT_CODES, EXIT_WAITING
from midwatch.run_ids import short
from midwatch.spec import AgentSpec
from tasks.triggers.chains import written

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

POLL_SECONDS: Final = 1.0


def run(
    agent: Agent,
    input: Annotated[str, typer.Option(help="The run's input: one JSON object.")] = "{}",
    level: Annotated[
        int | None, typer.Option(min=1, max=5, help="At most this level; never more than granted.")
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Rehearse: every effect is staged, none is executed; nobody is asked.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Follow it to its end, or until it waits for a person.")] = True,
    as_json: AsJson = False,
) -> None:
    """Start a run. Exit code: 0 verified or rehearsed, 1 failed, 3 unverified, 4 blocked, 5 unknown, 10 waits for you."""
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    adopt(house)
    console = terminal.console(stderr=as_json, soft_wrap=True)
    asyncio.run(have_weights(spec))
    parameters = {"agent": spec.name, "input": _object(input), "level": level, "shadow": shadow}
    raise typer.Exit(asyncio.run(_run(house, spec, parameters, follow, as_json, console)))


async def have_weights(spec: AgentSpec) -> None:
    """Fetch the local model's weights, with a progress bar, where this agent would think with it and they are not here.

    Raises:
        ModelUnavailable: no source has them; says what else would do.
    """
    from tasks.model.fetch import ensure_weights, progress_bar
    from tasks.model.providers import choose

    if await choose(spec.models()[0], os.environ) == "local":
        with progress_bar() as report:
            await ensure_weights(report)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SpecError(f"it is not JSON: {error}", field="--input") from error
    if not isinstance(value, dict):
        raise SpecError('it must be one JSON object, such as \'{"folder": "inbox"}\'', field="--input")
    if unfit := unkept(value):
        raise SpecError(unfit, field="--input")
    return value


async def _run(
    house: House, spec: AgentSpec, parameters: dict[str, Any], follow: bool, as_json: bool, console: Console
) -> int:
    flow_run = await asked_for(spec.name, parameters)
    return await followed(house, spec, flow_run, follow=follow, as_json=as_json, console=console)


async def asked_for(agent: str, parameters: dict[str, Any], *, key: str | None = None) -> FlowRun:
    """A run of the agent's deployment; with a key the one run that has it, however often it is asked for."""
    from prefect.deployments.flow_runs import arun_deployment
    from prefect.exceptions import ObjectNotFound

    try:
        return await arun_deployment(
            f"agent-run/{agent}", parameters=parameters, timeout=0, as_subflow=False, idempotency_key=key
        )
    except ObjectNotFound as error:
        raise HouseError(f"{agent} has no deployment: add one to prefect.yaml, then `midwatch up`") from error


async def followed(
    house: House, spec: AgentSpec, flow_run: FlowRun, *, follow: bool = True, as_json: bool, console: Console
) -> int:
    """Its exit code, once it has ended or waits for a person; 0 at once where nobody follows it."""
    from prefect.client.orchestration import get_client

    console.print(f"[bold]{spec.name}[/bold] run {flow_run.id}")
    console.print(f"  {house.url}/runs/flow-run/{flow_run.id}")
    if not follow:
        if as_json:
            typer.echo(json.dumps({"run_id": str(flow_run.id)}))
        return 0
    async with get_client() as client:
        state = await _followed(client, flow_run, console)
    return await _ended(house, spec, state, as_json, console)


async def _followed(client: PrefectClient, flow_run: FlowRun, console: Console) -> FlowRun:
    """Print each step as it begins, until the run has ended or waits."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import TaskRunSort

    began, shown = time.monotonic(), set()
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    while True:
        now = await client.read_flow_run(flow_run.id)
        steps = await client.read_task_runs(flow_run_filter=mine, sort=TaskRunSort.EXPECTED_START_TIME_DESC, limit=50)
        for step in reversed(steps):
            if step.id not in shown:
                shown.add(step.id)
                console.print(f"  {time.monotonic() - began:6.1f} s  {step.name}", markup=False)
        if now.state is not None and (now.state.is_final() or now.state.is_paused()) and not now.state.is_crashed():
            return now
        await asyncio.sleep(POLL_SECONDS)


async def _ended(house: House, spec: AgentSpec, now: FlowRun, as_json: bool, console: Console) -> int:
    from blocks.ledger import open_ledger

    run_id = str(now.id)
    async with await open_ledger(house.home) as ledger:
        row, asks = await ledger.run(run_id), [ask for ask in await ledger.asks_of(run_id) if ask.verdict is None]
    code = exit_code(row, asks)
    if as_json:
        typer.echo(json.dumps(facts(run_id, row, asks, now)))
    elif row is not None and row.outcome is not None:
        console.print(f"\n[bold {terminal.colour_of(row.outcome)}]{row.outcome}[/]")
        console.print(f"  {visible(row.reason)}", markup=False)
        for path in () if row.shadow else new_files(spec, row, house.project):
            console.print(f"  written: {path}", markup=False)
        if row.outcome == "rehearsed":
            console.print(f"  what it would have done: midwatch staged {short(run_id)}")
        if asks:
            console.print("  what became of it, only you can say: midwatch inbox")
        console.print(f"  the whole story: midwatch show {short(run_id)}, or {house.url}/runs/flow-run/{run_id}")
    elif asks:
        console.print(f"\n[bold yellow]It waits for you[/]: {len(asks)} question{'s' if len(asks) > 1 else ''}")
        console.print(
            f"  midwatch show {short(run_id)}, then midwatch approve {short(run_id)} N (or deny, edit, answer)"
        )
        console.print(f"  or in the UI: {house.url}/runs/flow-run/{run_id}, the menu, Resume")
    else:
        console.print(f"\n{now.state_name}: {now.state.message if now.state else ''}", markup=False)
    return code


def new_files(spec: AgentSpec, row: RunRow, project: Path) -> list[str]:
    """What the contract names and was written since the run began: what stands there from an earlier run is not its own."""
    since = row.started_at.timestamp()
    return [path for path in written(spec, row, project) if (project / path).stat().st_mtime >= since]


def exit_code(row: RunRow | None, asks: list[AskRow]) -> int:
    """What a script learns: the outcome's code, 10 for a run that waits, 1 for one without an outcome."""
    if row is not None and row.outcome is not None:
        return EXIT_CODES[row.outcome]
    return EXIT_WAITING if asks else 1


def facts(run_id: str, row: RunRow | None, asks: list[AskRow], now: FlowRun) -> dict[str, object]:
    """A run for machines."""
    return {
        "run_id": run_id,
        "state": now.state_name,
        "outcome": row.outcome if row else None,
        "reason": row.reason if row else "",
        "waiting": [ask.ask_id for ask in asks],
    }
