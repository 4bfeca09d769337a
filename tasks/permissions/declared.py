"""Permissions: what does a tool say about itself, as the tools layer has put it together?"""

from __future__ import annotations

from pydantic_ai.tools import ToolDefinition

from midwatch.risk import ToolFacts


def declared(definition: ToolDefinition) -> ToolFacts:
    """What the tool says about itself; the worst case where it says nothing."""
    facts = (definition.metadata or {}).get("midwatch")
    return facts if isinstance(facts, ToolFacts) else ToolFacts()


def definition_hash(definition: ToolDefinition) -> str:
    """SHA-256 of name, description and schema, as the tools layer computed it."""
    return str((definition.metadata or {}).get("definition", ""))
