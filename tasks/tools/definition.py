"""Tools: is it still the same tool? One hash over what the model is told: an approval holds for exactly that."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pydantic_ai.tools import ToolDefinition

from midwatch.risk import ToolFacts


def definition_hash(name: str, description: str | None, schema: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of name, description and schema."""
    told = {"name": name, "description": description or "", "schema": schema}
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def declared(definition: ToolDefinition, facts: ToolFacts) -> ToolDefinition:
    """`definition` with what the gate reads in its metadata: `midwatch` (ToolFacts) and `definition` (hash)."""
    digest = definition_hash(definition.name, definition.description, definition.parameters_json_schema)
    metadata = {**(definition.metadata or {}), "midwatch": facts, "definition": digest}
    return replace(definition, metadata=metadata)
