"""`midwatch staged --approve`: how does what was approved get done? A run of the agent that executes it and nothing else."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from blocks.ledger import open_ledger
from cli import terminal
from cli.environment import adopt
from cli.home import House
from cli.run import asked_for, followed
from midwatch.agent_file import load_agent
from midwatch.ledger import Ledger, StagedRow

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


def carried_out(house: House, rows: Sequence[StagedRow], because: str, *, as_json: bool) -> int:
    """Say yes to these calls of one rehearsal, and follow the run that executes them; the exit code of that run."""
    adopt(house)
    return asyncio.run(_carried_out(house, rows, because, terminal.console(stderr=as_json, soft_wrap=True), as_json))


async def _carried_out(house: House, rows: Sequence[StagedRow], because: str, console: Console, as_json: bool) -> int:
    async with await open_ledger(house.home) as ledger:
        rehearsal = await ledger.run(rows[0].run_id)
        assert rehearsal is not None
        spec = load_agent(rehearsal.agent, house.project / "agents")
        flow_run = await _begun(ledger, spec.name, rows, because)
    return await followed(house, spec, flow_run, as_json=as_json, console=console)


async def _begun(ledger: Ledger, agent: str, rows: Sequence[StagedRow], because: str) -> FlowRun:
    """The run that executes them. A yes that was given and not acted on is taken up, and given anew where its run is over."""
    if all(row.state == "approved" for row in rows):
        flow_run = await _run_of(agent, rows[0].run_id, max(row.round or 0 for row in rows))
        if flow_run.state is None or not flow_run.state.is_final():
            return flow_run
    seen = {row.staged_id: row.digest for row in rows}
    said = await ledger.approve_staged(rows[0].run_id, seen, by=getpass.getuser(), via="cli", because=because)
    return await _run_of(agent, rows[0].run_id, said[0].round or 0)


async def _run_of(agent: str, rehearsal: str, number: int) -> FlowRun:
    """One for each yes, however often it is asked for."""
    parameters = {"agent": agent, "level": 3, "staged": rehearsal}
    return await asked_for(agent, parameters, key=f"staged:{rehearsal}:{number}")
