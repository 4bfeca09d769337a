from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.tools import ToolDefinition

from midwatch.errors import SpecError
from midwatch.risk import ToolFacts
from midwatch.spec import McpServer
from tasks.tools.served import offered

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": "string"}}}
SEND = ToolDefinition(name="send", description="Send.", parameters_json_schema=SCHEMA)


def facts(**said: Any) -> ToolFacts:
    server = McpServer.model_validate({"name": "mail", "command": ["mail"], **said})
    known = (offered(server, SEND).metadata or {})["midwatch"]
    assert isinstance(known, ToolFacts)
    return known


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (True, True, None)),
        ({"untrusted": False}, (False, True, None)),
        ({"private": False, "sinks": {"send": ["to"]}}, (True, False, ("to",))),
        ({"sinks": {"other": ["to"]}}, (True, True, None)),
        ({"sinks": {"send": []}}, (True, True, ())),
    ],
)
def test_what_nobody_says_of_a_server_is_taken_to_be_the_worst(said: dict[str, Any], expected: tuple[Any, ...]) -> None:
    told = facts(**said)
    assert (told.untrusted, told.private, told.sinks) == expected


def test_a_misspelt_sink_leaves_nothing_unguarded() -> None:
    with pytest.raises(SpecError, match="'send' has no argument 'too'; did you mean `to`"):
        facts(sinks={"send": ["too"]})
