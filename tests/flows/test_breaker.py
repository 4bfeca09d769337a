"""A breaker and the person who pauses a deployment."""

from __future__ import annotations

from prefect.client.orchestration import get_client

from tests.flows.breakers import FAILING, breaker, deployed, run_of
from tests.flows.conftest import Night


async def test_a_deployment_that_a_person_paused_stays_paused_when_the_breaker_closes(night: Night) -> None:
    body = FAILING.replace("cool_down_minutes: 0.2, longest_minutes: 0.2", "cool_down_minutes: 60")
    agent = night.agent("paused-by-anna", body, "done")
    async with get_client() as client, deployed(client, agent) as deployment:
        await client.pause_deployment(deployment)
        for _ in range(3):
            assert (await run_of(night, client, deployment)).outcome == "failed"
        assert (await breaker(night, agent, "open")).paused == ()
        assert await night.ledger.close_breaker(agent, by="anna", because="mended")
        await breaker(night, agent, "closed")
        assert (await client.read_deployment(deployment)).paused
