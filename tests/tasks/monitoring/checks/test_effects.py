"""Effects are counted in the ledger: what certainly happened, and what may have."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    async def there() -> Sequence[EffectRow]:
        return rows

    return await effects.look(EffectsCheck(**check), "effects", facts, Evidence(effects=there))


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
