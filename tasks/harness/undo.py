"""Harness: how is an effect taken back that has happened? Its tool is asked at once; a person does it, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from midwatch.calls import plain
from midwatch.risk import DoneEffect
from midwatch.run import RunFacts
from tasks.permissions.cleared import ClearedCall

AT_MOST: Final = 2_000
"""Characters of what a tool says; a longer text would not be read, and a command that is cut is none."""


async def undo_of(cleared: ClearedCall, facts: RunFacts, key: str, payload: object) -> str:
    """What the tool says about taking the call back; empty where it did nothing, says nothing or fails to say.

    Args:
        key: the call's idempotency key.
        payload: what came of the call, in pydantic-ai's journal form.
    """
    if cleared.facts.undo is None or not isinstance(payload, Mapping) or payload.get("kind") != "tool_return":
        return ""
    arguments, result = plain(cleared.call.args), payload.get("result")
    done = DoneEffect(facts=facts, arguments=arguments, result=result, idempotency_key=key)
    try:
        said = await cleared.facts.undo(done)
    except Exception:
        return ""
    return said if len(said) <= AT_MOST else ""
