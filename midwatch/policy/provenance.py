"""Permissions: where did the words come from? In a run that has read text from outside, who chose where this goes?

With `untrusted` on the run, a sink of unknown origin asks (`origins.py` tells the origins). With `private` as well, only
what is listed or written by a person goes without asking. No rule opens this; only a deny is stricter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, assert_never

from midwatch.calls import Call
from midwatch.characters import visible
from midwatch.decision import Decision
from midwatch.policy.origins import Origin, Origins
from midwatch.policy.reading import Label
from midwatch.policy.sinks import Sink, TooMany, sinks_of
from midwatch.policy.urls import read_url
from midwatch.risk import ToolFacts

RULE: Final = "builtin.provenance"
_TOLD: Final = 3
"""Sinks that a reason tells of; the others are counted."""


def held_to_origins(
    decision: Decision,
    call: Call,
    facts: ToolFacts,
    labels: Mapping[Label, bool],
    origins: Origins,
    looked_up: Collection[str] = (),
) -> Decision:
    """`decision`, or an ask where text from outside may have chosen who a call goes to. Never raises, never loosens.

    Args:
        labels: of the run; one that is missing counts as there.
        looked_up: what trusted lookups gave, as `words_of` takes it apart.
    """
    if decision.verdict == "deny" or not labels.get("untrusted", True):
        return decision
    try:
        why = _doubt(call, facts, origins, looked_up, private=labels.get("private", True))
    except Exception as error:
        said = f"nobody can say where its words come from ({type(error).__name__}: {error}), so it is not allowed"
        return Decision(verdict="deny", rule="error", reason=visible(said))
    if not why:
        return decision
    besides = f"; besides, {decision.reason}" if decision.verdict == "ask" else ""
    return Decision(verdict="ask", rule=RULE, reason=visible(why) + besides)


def _doubt(call: Call, facts: ToolFacts, origins: Origins, looked_up: Collection[str], *, private: bool) -> str:
    """Why a person has to look at it; "" where nobody has to."""
    settled = origins.settled.get(call.tool, frozenset())
    try:
        sinks = dict.fromkeys(
            sink
            for sink in sinks_of(call, facts, settled)
            if not _enough(origins.origin(sink.said, looked_up), private=private)
        )
    except TooMany as error:
        return f"this run has read text from outside, and {error}: too much to look for where it leads"
    if not sinks:
        return ""
    told = ", ".join(map(_told, list(sinks)[:_TOLD])) + (
        f" and {len(sinks) - _TOLD} more" if len(sinks) > _TOLD else ""
    )
    if private:
        rest = "private data too; then only what is on the `known` list or was written out by a person goes unasked"
    else:
        rest = "it is not on the `known` list, in a person's own words or in a trusted lookup of such"
    return f"this run has read text from outside that may have chosen {told}: {rest}"


def _enough(origin: Origin, *, private: bool) -> bool:
    match origin:
        case "listed" | "written":
            return True
        case "named" | "looked_up":
            return not private
        case "unknown":
            return False
        case _:
            assert_never(origin)


def _told(sink: Sink) -> str:
    value = sink.said if len(sink.said) <= 120 else f"{sink.said[:120]}… ({len(sink.said)} characters)"
    return f"`{value}` in `{sink.argument}`"


def labels_of(call: Call, facts: ToolFacts) -> tuple[Label, ...]:
    """What the result of a call brings into the run's context; the worst where nobody can tell."""
    private = facts.private or facts.risk == "credential" or (call.tool == "http_request" and _is_inside(call))
    brought: dict[Label, bool] = {"untrusted": facts.untrusted, "private": private}
    return tuple(label for label, there in brought.items() if there)


def _is_inside(call: Call) -> bool:
    """The request goes to an internal network, whose answers are not everybody's."""
    try:
        return read_url(str(call.args.get("url"))).is_private
    except ValueError:
        return True
