"""`midwatch run`: start one run of an agent, follow it, and say how it ended or what waits."""

from __future__ import annotations

import asyncio
import json
import os
import time
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
from midwatch.outcome import EXIT_CODES, EXIT_WAITING, GREEN
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
    follow: Annotated[bool, typer.Option(help="Follow it to its end, or until it waits for a person.")] = True,
    as_json: AsJson = False,
) -> None:
    """Start a run. Exit code: 0 verified, 1 failed, 3 unverified, 4 blocked, 5 unknown, 10 waits for a person."""
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    adopt(house)
    console = terminal.console(stderr=as_json, soft_wrap=True)
    asyncio.run(have_weights(spec))
    raise typer.Exit(asyncio.run(_run(house, spec, _object(input), level, follow, as_json, console)))


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
    house: House,
    spec: AgentSpec,
    input: dict[str, Any],
    level: int | None,
    follow: bool,
    as_json: bool,
    console: Console,
) -> int:
    from prefect.client.orchestration import get_client
    from prefect.deployments.flow_runs import arun_deployment
    from prefect.exceptions import ObjectNotFound

    agent = spec.name
    try:
        flow_run = await arun_deployment(
            f"agent-run/{agent}",
            parameters={"agent": agent, "input": input, "level": level},
            timeout=0,
            as_subflow=False,
        )
    except ObjectNotFound as error:
        raise HouseError(f"{agent} has no deployment: add one to prefect.yaml, then `midwatch up`") from error
    console.print(f"[bold]{agent}[/bold] run {flow_run.id}")
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
        colour = "green" if row.outcome in GREEN else "red"
        console.print(f"\n[bold {colour}]{row.outcome}[/]")
        console.print(f"  {visible(row.reason)}", markup=False)
        for path in written(spec, row, house.project):
            console.print(f"  written: {path}", markup=False)
        if asks:
            console.print("  what became of it, only you can say: midwatch inbox")
        console.print(f"  the whole story: midwatch show {run_id[:8]}, or {house.url}/runs/flow-run/{run_id}")
    elif asks:
        console.print(f"\n[bold yellow]It waits for you[/]: {len(asks)} question{'s' if len(asks) > 1 else ''}")
        console.print(f"  midwatch show {run_id[:8]}, then midwatch approve {run_id[:8]} N (or deny, edit, answer)")
        console.print(f"  or in the UI: {house.url}/runs/flow-run/{run_id}, the menu, Resume")
    else:
        console.print(f"\n{now.state_name}: {now.state.message if now.state else ''}", markup=False)
    return code


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
