from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.calls import digest, parse_call
from midwatch.decision import Decision
from midwatch.ledger import Decided
from midwatch.risk import DoneEffect, ToolFacts, Undo
from midwatch.run import RunFacts
from tasks.harness.undo import AT_MOST, undo_of
from tasks.permissions.cleared import ClearedCall

RUN = RunFacts(run_id="run", agent="a", started_at=datetime(2026, 1, 2, tzinfo=UTC))
CALL = parse_call("order", '{"what": "tea"}')


def cleared(undo: Undo | None) -> ClearedCall:
    yes = Decision(verdict="allow", rule="r", reason="because")
    decided = Decided(position="main/gate/1", tool="order", args_json="{}", digest=digest(CALL), decision=yes)
    facts = ToolFacts(risk="money", undo=undo)
    return ClearedCall(call=CALL, digest=digest(CALL), facts=facts, decided=decided, ask_id=None)


async def cancel(done: DoneEffect) -> str:
    return f"cancel {done.result} of {done.arguments['what']}, ordered as {done.idempotency_key}"


async def broken(_done: DoneEffect) -> str:
    raise KeyError("no such order")


async def endless(_done: DoneEffect) -> str:
    return "x" * (AT_MOST + 1)


@pytest.mark.parametrize(
    ("undo", "payload", "said"),
    [
        (cancel, {"result": 7, "kind": "tool_return"}, "cancel 7 of tea, ordered as key"),
        (cancel, {"message": "no stock", "kind": "tool_failed"}, ""),
        (cancel, {"message": "which?", "kind": "model_retry"}, ""),
        (cancel, None, ""),
        (broken, {"result": 7, "kind": "tool_return"}, ""),
        (endless, {"result": 7, "kind": "tool_return"}, ""),
        (None, {"result": 7, "kind": "tool_return"}, ""),
    ],
)
async def test_only_what_was_done_is_offered_for_taking_back(undo: Undo | None, payload: Any, said: str) -> None:
    assert await undo_of(cleared(undo), RUN, "key", payload) == said
