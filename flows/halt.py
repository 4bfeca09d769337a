"""The flow that halts: an action for any Prefect automation, as `midwatch halt` is for a person."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field


@flow(name="halt", flow_run_name="halt {agent}{run}", retries=0)
async def halt(
    because: Annotated[str, Field(min_length=1, description="Why; every run that it ends says so")],
    agent: Annotated[str, Field(description="One agent; empty, with no run named: everything")] = "",
    run: Annotated[str, Field(description="One run, by its whole id")] = "",
) -> State[Any]:
    """Set both halves of the latch. Lifting takes a person: `midwatch resume`."""
    from tasks.harness.halt_flows import halt_now  # not above: Prefect's worker, too, loads this file

    return await halt_now(agent, because, run)
