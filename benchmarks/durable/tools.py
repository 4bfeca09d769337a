"""Durable steps: the one tool, as one that reads and as one with an effect, and the contract of an agent that uses it."""

from __future__ import annotations

from benchmarks.durable.work import noted
from midwatch.contract import Finding
from midwatch.risk import tool
from midwatch.run import RunFacts


@tool(risk="read")
async def note_number(n: int) -> str:
    """Note one number."""
    return noted(n)


@tool(risk="write", idempotent=True)
async def write_number(n: int) -> str:
    """Note one number, as an effect that may be repeated."""
    return noted(n)


async def nothing_more(facts: RunFacts) -> list[Finding]:
    """A contract that holds at once: what is measured is the steps."""
    return [Finding(check="the numbers", held=True, detail=f"looked at for {facts.agent}")]
