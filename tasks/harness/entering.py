"""Harness: may the run begin, at which level, and whose evidence is it? It is in the ledger before it has a tool."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from blocks.mcp_server import McpServer
from midwatch.errors import BreakerOpen, SpecError
from midwatch.fingerprint import Fingerprint
from midwatch.ledger import Ledger
from midwatch.run import Level, RunFacts, lowest
from midwatch.spec import AgentSpec
from tasks.harness.asked import Asked
from tasks.harness.mark import mark_of
from tasks.harness.place import Place
from tasks.triggers.slot import Slot


async def let_in(agent: str, run_id: str, ledger: Ledger) -> None:
    """Before anything else of the agent is looked at. A run that has begun goes on, whatever opened since.

    Raises:
        BreakerOpen: the agent's breaker keeps the run from beginning.
    """
    if await ledger.run(run_id) is None and (open_now := await ledger.admitted(agent, run_id)) is not None:
        raise BreakerOpen(open_now.words())


async def entered(
    spec: AgentSpec, asked: Asked, slot: Slot, run_id: str, ledger: Ledger, here: Place, mark: Fingerprint
) -> RunFacts:
    """The run in the ledger; its first start, level and fingerprint are kept over crashes and suspensions.

    What stands on evidence of another agent than this one falls before the run has a level.
    """
    now = datetime.now(UTC)
    if not asked.shadow:  # what is only tried takes nothing back
        await ledger.see_fingerprint(spec.name, mark)
    most: Level = 3 if asked.staged else 5  # what a person has said yes to, call by call, is no run at level 4
    level = lowest(await ledger.level_of(spec.name, now), spec.ceiling, asked.level or 5, most)
    row = await ledger.start_run(
        run_id,
        agent=spec.name,
        cause=slot.cause,
        slot=slot.name,
        level=level,
        asked_level=asked.level,
        input=asked.input,
        fingerprint=fingerprint(spec),
        started_at=now,
        limits=spec.limits,
        stall_minutes=stall_minutes(spec),
        evidence=mark.whole,
        shadow=asked.shadow,
    )
    if row.fingerprint != fingerprint(spec):
        raise SpecError(
            "the agent's file changed since this run began, so its finished steps no longer fit; start a new run",
            path=f"{spec.name}.yaml",
        )
    return RunFacts(
        run_id=run_id,
        agent=spec.name,
        started_at=row.started_at,
        level=lowest(row.level, level),
        cause=row.cause,
        project=here.project,
        home=here.home,
        input=row.input,
        shadow=row.shadow,
    )


async def as_met(
    spec: AgentSpec, facts: RunFacts, ledger: Ledger, mark: Fingerprint, saved: Mapping[str, McpServer]
) -> Fingerprint:
    """The agent with the servers that this run has met first: the next one finds them pinned, and is the same agent."""
    now = await mark_of(spec, ledger, os.environ, saved)
    if now.whole != mark.whole:
        if not facts.shadow:
            await ledger.see_fingerprint(spec.name, now)
        await ledger.belongs_to(facts.run_id, now)
    return now


def stall_minutes(spec: AgentSpec) -> float | None:
    """How long the run may be at work without finishing a step; None: nobody looks."""
    return None if spec.monitors.stall.then == "off" else spec.monitors.stall.minutes


def fingerprint(spec: AgentSpec) -> str:
    """SHA-256 (hex) of everything that the agent's file says."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
