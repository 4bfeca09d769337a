"""Permissions: what is known around a call, besides its arguments? Gathered anew for every call; the policy only looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.tools import ToolDefinition

from midwatch.calls import Call
from midwatch.policy import PolicyContext
from tasks.permissions.earned import Earned
from tasks.permissions.labels import RunLabels
from tasks.permissions.mandates import Mandates
from tasks.permissions.rehearsal import Carried, was_staged
from tasks.permissions.servers import Servers
from tasks.permissions.spending import Spending


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Of one run."""

    servers: Servers | None = None
    """None: nothing is known of any MCP server, so that no rule allows a tool of one."""
    labels: RunLabels = field(default_factory=RunLabels)
    spent: Spending | None = None
    """None: nobody knows what budgets have seen, so that none allows anything."""
    mandates: Mandates | None = None
    """None: nothing was allowed ahead of time."""
    earned: Earned | None = None
    """None: no class ever was, and the run's own level is what counts; of a run that nobody trusts with anything else."""
    carried: Carried | None = None
    """None: the run does what its model asks for, not what a rehearsal has staged."""
    hears: Callable[[Call], Any] = was_staged
    """What the model hears of a call that was staged."""

    async def around(self, tool: str, definition: ToolDefinition, call_id: str) -> PolicyContext:
        """What the policy is told of a call of `tool`. What cannot be found out is left out, and never the lenient case."""
        return PolicyContext(
            labels=self.labels.known(),
            server=await self.servers.facts(definition) if self.servers else None,
            spent=await self.spent.without(call_id, tool) if self.spent else None,
        )
