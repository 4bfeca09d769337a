"""Schema x arguments -> what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.policy import compile_policy
from midwatch.policy.shapes import misfit
from midwatch.spec import Rules

PAY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {"type": "array", "items": {"type": "string"}},
        "amount": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "times": {"type": "integer", "minimum": 1},
        "sure": {"type": ["boolean", "null"]},
        "bank": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        "free": {"$ref": "#/$defs/Anything"},
        "any": {},
    },
    "required": ["to"],
}

FITTING = [
    '{"to": []}',
    '{"to": ["a"], "amount": 1, "times": 1}',
    '{"to": ["a"], "amount": 1.5, "times": 2.0}',
    '{"to": ["a"], "amount": null, "sure": null, "bank": {"name": "x", "more": 1}}',
    '{"to": ["a"], "free": [1], "any": {"x": [null]}, "unknown": 1}',
]


@pytest.mark.parametrize("arguments", FITTING)
def test_what_a_tool_declares_fits(arguments: str) -> None:
    assert misfit(PAY, parse_call("pay", arguments).args) == ""


MISFITS = [
    ("{}", "`to` is missing"),
    ('{"to": null}', "`to` must be array, not null"),
    ('{"to": "a"}', "`to` must be array, not string"),
    ('{"to": ["a", 7]}', "`to[1]` must be string, not integer"),
    ('{"to": [["a"]]}', "`to[0]` must be string, not array"),
    ('{"to": [], "amount": "1"}', "`amount` must be number, not string"),
    ('{"to": [], "amount": true}', "`amount` must be number, not boolean"),
    ('{"to": [], "times": 1.5}', "`times` must be integer, not number"),
    ('{"to": [], "times": 1e300}', "`times` must be integer, not number"),
    ('{"to": [], "times": false}', "`times` must be integer, not boolean"),
    ('{"to": [], "times": 0}', "`times` must be at least 1"),
    ('{"to": [], "sure": 1}', "`sure` must be boolean or null, not integer"),
    ('{"to": [], "bank": {}}', "`bank.name` is missing"),
    ('{"to": [], "bank": {"name": 1}}', "`bank.name` must be string, not integer"),
]


@pytest.mark.parametrize(("arguments", "fault"), MISFITS)
def test_what_is_missing_or_of_another_type_is_said(arguments: str, fault: str) -> None:
    assert misfit(PAY, parse_call("pay", arguments).args) == fault


def test_a_type_that_nobody_knows_is_fulfilled_by_nothing() -> None:
    assert misfit({"properties": {"a": {"type": "anything"}}}, {"a": 1}) == "`a` must be anything, not integer"


def test_a_call_that_does_not_fit_its_tools_schema_is_denied() -> None:
    policy = compile_policy(
        Rules(allow=["pay"]), tools={"pay": "money"}, roots={}, project=Path("/nowhere"), schemas={"pay": PAY}
    )
    assert policy.decide(parse_call("pay", {"to": ["a"]})).verdict == "allow"
    decision = policy.decide(parse_call("pay", {"to": "a"}))
    assert (decision.verdict, decision.rule) == ("deny", "builtin.arguments")
