"""The flow that an automation of Prefect's starts when an agent has been silent for too long."""

from typing import Annotated

from prefect import flow
from pydantic import Field


@flow(name="silence", flow_run_name="silence of {agent}", retries=0)
async def silence(agent: Annotated[str, Field(description="The agent that was expected")]) -> str:
    """An alarm in the ledger, which people are told of; none where the ledger knows of a verified run."""
    from tasks.harness.silent import noticed  # not above: Prefect's worker, too, loads this file

    return await noticed(agent)
