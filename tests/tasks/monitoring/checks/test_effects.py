"""Effects are counted in the ledger: what certainly happened, and what may have."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.contract import EffectsCheck, Finding
from midwatch.ledger import EffectRow, EffectState
from midwatch.run import RunFacts
from tasks.monitoring.checks import effects
from tasks.monitoring.evidence import Evidence

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FAILED = '{"message": "The tool failed", "kind": "tool_failed"}'


def row(tool: str, state: EffectState = "consumed", result: str = '{"kind": "tool_return"}', **args: Any) -> EffectRow:
    return EffectRow(
        effect_id=1,
        run_id="r",
        call_id="c",
        digest="d",
        tool=tool,
        args_json=json.dumps(args),
        idempotency_key="k",
        ask_id=None,
        state=state,
        attempts=1,
        result_json=result if state == "consumed" else None,
        why="",
        reserved_at=NOW,
        settled_at=None,
        undo="",
    )


POSTED = row("http_request", method="POST", url="https://api.example.org/orders")
ROWS = [
    POSTED,
    row("http_request", method="GET", url="https://api.example.org/orders"),
    row("http_request", method="POST", url="https://API.example.org:443/x", result=FAILED),
    row("http_request", method="POST", url="https://api.example.org.evil.example/orders"),
    row("mcp__mail__send", to=["monday@example.org"]),
    row("mcp__shop__order", item="1", result=FAILED),
    row("mcp__shop__order", item="1"),
    row("write_file", "released", path="a"),
    row("write_file", "unknown", path="b"),
    row("write_file", path="c"),
]


async def found(facts: RunFacts, check: dict[str, Any], rows: Sequence[EffectRow] = ROWS) -> Finding:
    async def there(*, after: int, again: Collection[int]) -> Sequence[EffectRow]:
        assert (after, list(again)) == (0, [])
        return rows

    return await effects.look(EffectsCheck(**check), "effects", facts, Evidence(effects=there), "done_when/0")


@pytest.mark.parametrize(
    ("check", "held", "said"),
    [
        (
            {"tool": "http_request", "host": "api.example.org", "arguments": {"method": "POST"}, "equals": 1},
            True,
            "expected 1, found 1",
        ),
        ({"tool": "http_request", "equals": 1}, False, "expected 1, found 3"),
        ({"tool": "http_request", "host": "other.example", "at_most": 0}, True, "expected at most 0, found 0"),
        ({"tool": "http_request", "arguments": {"url": "*/orders"}, "at_least": 4}, False, "at least 4, found 3"),
        ({"tool": "mcp__mail__*", "at_least": 1}, True, "found 1"),
        ({"tool": "mcp__shop__order", "at_least": 2}, False, "at least 2, found 1, and 1 that may have happened"),
        ({"tool": "mcp__shop__order", "equals": 1}, False, "expected 1, found 1, and 1 that may have happened"),
        ({"tool": "mcp__mail__send", "arguments": {"to": "*{input.day}@*"}, "equals": 1}, True, "found 1"),
        ({"tool": "mcp__mail__send", "arguments": {"cc": "*"}, "equals": 0}, True, "found 0"),
        ({"tool": "write_file", "at_least": 2}, False, "at least 2, found 1, and 1 that may have happened"),
        ({"tool": "write_file", "at_most": 1}, False, "at most 1, found 1, and 1 that may have happened"),
        ({"tool": "write_file", "equals": 1}, False, "expected 1, found 1, and 1 that may have happened"),
        ({"tool": "write_fil?", "at_most": 0}, True, "found 0"),
        ({"tool": "delete_file", "at_least": 1, "at_most": 2}, False, "expected at least 1 and at most 2, found 0"),
    ],
)
async def test_they_are_counted_by_tool_host_and_arguments(
    facts: RunFacts, check: dict[str, Any], held: bool, said: str
) -> None:
    finding = await found(facts, check)
    assert (finding.held, said in finding.detail) == (held, True), finding.detail


async def test_two_where_one_was_meant_does_not_hold(facts: RunFacts) -> None:
    once = {"tool": "http_request", "host": "api.example.org", "equals": 1}
    assert (await found(facts, once, [POSTED])).held
    assert not (await found(facts, once, [POSTED, POSTED])).held


async def test_of_many_effects_only_those_are_read_again_that_may_have_changed(facts: RunFacts) -> None:
    rows = [replace(row("pay"), effect_id=1), replace(row("pay", "unknown"), effect_id=2)]
    read: list[list[int]] = []

    async def there(*, after: int, again: Collection[int]) -> Sequence[EffectRow]:
        given = [one for one in rows if one.effect_id > after or one.effect_id in again]
        read.append([one.effect_id for one in given])
        return given

    evidence, check = Evidence(effects=there), EffectsCheck(tool="pay", at_most=2)

    async def said() -> str:
        return (await effects.look(check, "effects", facts, evidence, "invariants/0")).detail

    assert await said() == "expected at most 2, found 1, and 1 that may have happened"
    rows += [replace(row("shell"), effect_id=3), replace(row("pay", "reserved"), effect_id=4)]
    assert await said() == "expected at most 2, found 1, and 2 that may have happened"
    rows[1], rows[3] = replace(row("pay", "released"), effect_id=2), replace(row("pay"), effect_id=4)
    assert await said() == "expected at most 2, found 2"
    rows[1] = replace(row("pay"), effect_id=2)
    assert await said() == "expected at most 2, found 3"
    assert await said() == "expected at most 2, found 3"
    assert read == [[1, 2], [2, 3, 4], [2, 4], [2], []]


def answered(status: int) -> EffectRow:
    result = {"kind": "tool_return", "result": {"status": status, "headers": {}, "body": ""}}
    return row("http_request", result=json.dumps(result), method="POST", url="https://api.example.org/orders")


def ended(exit_code: int | None) -> EffectRow:
    result = {"kind": "tool_return", "result": {"exit_code": exit_code, "output": ""}}
    return row("shell", result=json.dumps(result), command="git push")


@pytest.mark.parametrize(
    ("effect", "certain"),
    [
        (answered(201), True),
        (answered(303), True),
        (answered(400), False),
        (answered(503), False),
        (ended(0), True),
        (ended(128), False),
        (ended(None), False),
    ],
)
async def test_what_was_answered_with_an_error_may_have_happened_and_may_not(
    facts: RunFacts, effect: EffectRow, certain: bool
) -> None:
    for check in ({"equals": 1}, {"at_least": 1}):
        assert (await found(facts, {"tool": effect.tool, **check}, [effect])).held is certain
    assert not (await found(facts, {"tool": effect.tool, "at_most": 0}, [effect])).held
