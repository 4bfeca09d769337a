"""Permissions: what is known around a call, besides its arguments? Gathered anew for every call; the policy only looks."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic_ai.tools import ToolDefinition

from midwatch.policy import PolicyContext
from tasks.step.log import RunLog


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Of one run."""

    log: RunLog

    async def around(self, tool: str, definition: ToolDefinition) -> PolicyContext:  # noqa: ARG002
        """What the policy is told of a call of `tool`. What cannot be found out is left out, and never the lenient case."""
        return PolicyContext()
