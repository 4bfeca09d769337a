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
    shadow: Annotated[bool, Field(description="Rehearse: stage every effect, and execute none")] = False,
    staged: Annotated[
        str,
        Field(description="A rehearsal's run id: execute what it has staged and a person has approved, and no more"),
    ] = "",
) -> State[Any]:
    """Run one agent through all six layers; ends in exactly one outcome, or suspends until a person has answered."""
    from tasks.harness.asked import Asked  # not above: Prefect's worker, too, loads this file, after each crash
    from tasks.harness.run import run_agent

    return await run_agent(Asked(agent=agent, input=input or {}, level=level, shadow=shadow, staged=staged))
