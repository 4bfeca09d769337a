"""Permissions: what does a person's yes change about a call? What the conversation says of it; what stands, the ledger says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic_ai import RunContext

from midwatch.calls import Call, canonical_json, digest, parse_call, plain
from midwatch.run import RunFacts
from midwatch.window import Draw


def approval_of(ctx: RunContext[RunFacts]) -> Mapping[str, str]:
    """The ask that a person said yes to, for the call at hand; empty where nobody did.

    `ask_id` and `args_json`; for an edit also `edit_of` (the digest that was shown) and `original_args_json`.
    """
    return (ctx.tool_call_metadata or {}) if ctx.tool_call_approved else {}


def superseded(call: Call, result: Any) -> dict[str, Any]:
    """What the model hears when a person changed its call: what ran instead, and what came of it."""
    return {
        "note": "A person changed the arguments. The call as you made it was not run; this one was.",
        "arguments": plain(call.args),
        "result": result,
    }


def edited_digest(original: str, call: Call) -> str:
    """The digest of `call` as a person's edit of the call whose digest is `original`, definition and policy included."""
    return digest(call, target=f"edit of {original}")


def uncapped(draws: Iterable[Draw]) -> tuple[Draw, ...]:
    """A person said yes: it counts, and no budget holds it back."""
    return tuple(replace(draw, held=False) for draw in draws)


def approved_call(call: Call, approval: Mapping[str, str]) -> Call:
    """What a person said yes to; without a yes, what the model asks for."""
    args_json = approval.get("args_json")
    return call if args_json is None else parse_call(call.tool, args_json)


def is_still_asked_for(shown: Call, approval: Mapping[str, str], bind: Mapping[str, Any] | None) -> bool:
    """The conversation still asks for what a person was shown; what code fills in may differ between two lives."""
    said = approval.get("original_args_json") or approval.get("args_json") or "{}"
    filled = frozenset(bind or {})
    now, then = ({k: v for k, v in c.args.items() if k not in filled} for c in (shown, parse_call(shown.tool, said)))
    return canonical_json(now) == canonical_json(then)
