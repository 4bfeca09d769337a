"""Under all six layers: which deployments of Prefect run agents?"""

from __future__ import annotations

from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse

OF_AGENTS: Final = FlowFilter(name=FlowFilterName(any_=["agent-run"]))
"""The one flow that every run of an agent is a run of."""
PAGE: Final = 200
"""Rows of one request; Prefect's server refuses more."""


async def deployments_of_agents(client: PrefectClient) -> list[DeploymentResponse]:
    """Every deployment that runs agents."""
    found: list[DeploymentResponse] = []
    while page := await client.read_deployments(flow_filter=OF_AGENTS, limit=PAGE, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found
