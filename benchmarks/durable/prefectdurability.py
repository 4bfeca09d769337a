"""Durable steps, `prefectdurability`: pydantic-ai's own Prefect durability, on the same server as Midwatch."""

from __future__ import annotations

from prefect import flow
from pydantic_ai import Agent
from pydantic_ai.durable_exec.prefect import PrefectDurability

from benchmarks.durable.prefect_server import lived, reached, settled
from benchmarks.durable.scripted import NO_LIMITS, scripted_model
from benchmarks.durable.tools import note_number
from benchmarks.durable.work import INSTRUCTIONS, PROMPT, Work


async def run(work: Work) -> None:
    """One life."""
    agent = Agent(
        scripted_model(work),
        name="bench",
        instructions=INSTRUCTIONS,
        tools=[note_number],
        capabilities=[PrefectDurability()],
    )

    @flow(persist_result=True)
    async def night() -> str:
        return (await agent.run(PROMPT, usage_limits=NO_LIMITS)).output

    await reached()
    state = await lived(night, {}, work)
    work.answered(await state.result(raise_on_failure=True))
    await settled(work)
