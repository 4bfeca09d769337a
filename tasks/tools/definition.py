"""Tools: is it still the same tool? One hash over what the model is told: an approval holds for exactly that."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic_ai.tools import ToolDefinition

from midwatch.risk import ToolFacts


def definition_hash(name: str, description: str | None, schema: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of name, description and schema."""
    told = {"name": name, "description": description or "", "schema": schema}
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def code_of(function: Callable[..., Any]) -> str:
    """SHA-256 (hex) of the file that a tool's code is in; "" for a tool of Midwatch's own.

    An approval, and a run that goes on after a pause, mean the code that was there then.
    """
    file = Path(inspect.getsourcefile(function) or "")
    if function.__module__.partition(".")[0] == __name__.partition(".")[0] or not file.is_file():
        return ""
    return sha256(file.read_bytes()).hexdigest()


def declared(definition: ToolDefinition, facts: ToolFacts, code: str = "") -> ToolDefinition:
    """`definition` with what the gate reads in its metadata: `midwatch` (ToolFacts) and `definition` (hash).

    `code`: as `code_of` gives it; part of the hash.
    """
    digest = definition_hash(definition.name, definition.description, definition.parameters_json_schema)
    if code:
        digest = sha256(f"{digest} {code}".encode()).hexdigest()
    metadata = {**(definition.metadata or {}), "midwatch": facts, "definition": digest}
    return replace(definition, metadata=metadata)
