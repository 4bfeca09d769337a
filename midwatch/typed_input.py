"""Agent file: does this fit the input that an agent's run takes? The `input` of its file, as one JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator


def input_schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the whole input; a field without a default must be there, and no other field may."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [name for name, field in fields.items() if "default" not in field],
        "additionalProperties": False,
    }


def input_fault(fields: Mapping[str, Any], input: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where `input` does not fit (`input.NAME...`), and why; None where it does."""
    for error in Draft202012Validator(input_schema(fields)).iter_errors(dict(input)):
        return ".".join(["input", *map(str, error.absolute_path)]), error.message
    return None
