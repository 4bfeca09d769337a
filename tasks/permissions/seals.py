"""Permissions: what is a mandate for a tool signed for? A seal of every tool that is offered, as it is now."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_ai.tools import ToolDefinition

from midwatch.policy import Policy
from midwatch.policy.mandates import seal
from tasks.permissions.declared import declared, definition_hash


def seals(policy: Policy, tools: Mapping[str, ToolDefinition]) -> dict[str, str]:
    """By tool; a tool of which nothing is known, such as one of a server that was not started, has none."""
    known = {name: (declared(tool).risk, definition_hash(tool)) for name, tool in tools.items()}
    return {name: seal(policy, name, risk, definition) for name, (risk, definition) in known.items() if definition}
