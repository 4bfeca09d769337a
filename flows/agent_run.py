"""The flow that every deployment of prefect.yaml runs: one agent, once."""

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field


@flow(name="agent-run", flow_run_name="{agent}", retries=0)
async def agent_run(
    agent: Annotated[str, Field(description="The agent's file in agents/, without .yaml")],
    input: Annotated[
        dict[str, Any] | None, Field(description="The run's input, as the agent's file describes it")
    ] = None,
    level: Annotated[
        Literal[1, 2, 3, 4, 5] | None,
        Field(description="At most this level; it can lower the granted one, never raise it"),
    ] = None,
) -> State[Any]:
    """Run one agent through all six layers; ends in exactly one outcome, or suspends until a person has answered."""
    from tasks.harness.run import run_agent  # not above: Prefect's worker, too, loads this file, after each crash

    return await run_agent(agent, input or {}, level)
