"""Durable steps, `midwatch_effects`: as `midwatch`, with a tool that writes, so that every call is reserved and consumed."""

from __future__ import annotations

from benchmarks.durable import midwatch
from benchmarks.durable.work import Work


async def run(work: Work) -> None:
    """One life."""
    await midwatch.run(work, "write_number")
