"""The schema for editors is the one that is exported, and it agrees with the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from midwatch.agent_schema import json_schema, json_schema_text

EXPORTED = Path(__file__).parents[2] / "agents" / "agent.schema.json"
AGENT: dict[str, Any] = {"name": "a", "description": "b", "instructions": "c"}


def test_the_exported_schema_is_up_to_date() -> None:
    assert EXPORTED.read_text() == json_schema_text(), "run: python -m midwatch.agent_schema > agents/agent.schema.json"


def test_fields_are_explained_to_whoever_edits() -> None:
    assert (
        "waiting for a person does not count"
        in json_schema()["$defs"]["Limits"]["properties"]["minutes"]["description"]
    )


@pytest.mark.parametrize(
    "tool",
    [
        "shell",
        {"shell": None},
        {"read_file": {"root": "data", "bind": {"path": "{item}"}}},
        {"builtin": "notes"},
        {"python": "a.b:c"},
        {"mcp": {"name": "time", "command": ["mcp-server-time"]}},
    ],
)
def test_every_form_of_a_tool_that_the_reader_takes_is_in_the_schema(tool: object) -> None:
    Draft202012Validator(json_schema()).validate({**AGENT, "tools": [tool]})


@pytest.mark.parametrize("tool", ["shel", {"shel": {}}, {"shell": {"rot": "x"}}, {"shell": {}, "notes": {}}, 5])
def test_a_tool_that_the_reader_refuses_is_not_in_the_schema(tool: object) -> None:
    assert not Draft202012Validator(json_schema()).is_valid({**AGENT, "tools": [tool]})
