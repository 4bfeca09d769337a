"""Permissions: what can be said of a call of a tool that has no matcher of its own? What its arguments hold, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from midwatch.calls import Call, canonical_json
from midwatch.policy.reading import Pattern, PolicyContext, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTool:
    """The family of all tools that have no matcher of their own: only their arguments can be judged."""

    def read(self, call: Call, _context: PolicyContext) -> Reading:
        return Reading(parts=(call,), sights=(call,))

    def pattern(self, text: str) -> Pattern:
        raise ValueError(f"{text!r}: this tool has no short pattern; write conditions, like `{{argument: value}}`")

    def example(self, text: str) -> dict[str, Any]:
        raise ValueError(f"{text!r}: write the example's arguments, like `{{argument: value}}`")

    def describe(self, part: Call) -> str:
        return f"`{part.tool} {canonical_json(part.args)}`"
