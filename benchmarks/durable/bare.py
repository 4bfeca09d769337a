"""Durable steps, `bare`: pydantic-ai's own loop, which keeps nothing and cannot be resumed."""

from __future__ import annotations

from pydantic_ai import Agent

from benchmarks.durable.scripted import NO_LIMITS, scripted_model
from benchmarks.durable.tools import note_number
from benchmarks.durable.work import INSTRUCTIONS, PROMPT, Work


async def run(work: Work) -> None:
    """One life."""
    agent = Agent(scripted_model(work), instructions=INSTRUCTIONS, tools=[note_number])
    work.called()
    result = await agent.run(PROMPT, usage_limits=NO_LIMITS)
    work.answered(result.output)
