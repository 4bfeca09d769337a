"""Permissions: "yes, and the next 20 like this until Friday": which mandate would that be? Shown before anybody signs it.

It is made from the call that a person looks at, and is no wider than the narrowest rule for it; where the rule notation can
say that only with an open end, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from midwatch.calls import Call, parse_call
from midwatch.errors import CallError
from midwatch.ledger import AskRow
from midwatch.mandate import Terms
from midwatch.policy.engine import Policy
from midwatch.policy.mandate_words import words_for
from midwatch.policy.mandates import terms_fault, under
from midwatch.policy.narrow import Unallowable, draft, rule_of
from midwatch.policy.reading import PolicyContext
from midwatch.policy.rules import read_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of the mandate that somebody wants to see."""

    uses: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A mandate that nobody has signed yet."""

    terms: Terms
    words: tuple[str, ...]
    """All that it would let through, a line each: whoever signs it has to see them."""


def offer_of(terms: Terms, policy: Policy) -> Offer | Unallowable:
    """These terms with their words; or why such a mandate would grant nothing."""
    if fault := terms_fault(terms, policy):
        return Unallowable(why=fault)
    return Offer(terms=terms, words=words_for(terms, policy))


def mandate_for(
    row: AskRow, policy: Policy, seals: Mapping[str, str], context: PolicyContext, *, uses: int, until: datetime
) -> Offer | Unallowable:
    """The narrowest mandate for calls like the one that `row` asks about.

    Args:
        policy: the agent's.
        seals: by tool, of what is known of it (`tasks.permissions.seals`).
        context: what is known around such a call: the server of the tool.

    Of a planted call the answer is as of any other; the ledger signs nothing of it.
    """
    if row.kind != "approve":
        return Unallowable(why="it is no question about a call")
    try:
        call = parse_call(row.tool, row.args_json)
    except CallError as error:
        return Unallowable(why=str(error))
    if row.tool not in policy.toolbox.families:
        return Unallowable(why=f"{row.agent} has no tool `{row.tool}` any more")
    found = _narrowest(row, call, _without_denials(policy) if row.planted else policy, seals, context, uses, until)
    if row.planted and isinstance(found, Unallowable) and found.rule:
        return Unallowable(why=f"no rule can say exactly this call of `{row.tool}`")
    return found


def _without_denials(policy: Policy) -> Policy:
    """A planted call is one that a rule denies; until it is decided, that must not be told from what is offered."""
    others = {key: rules for key, rules in policy.by_tool.items() if key[0] != "deny"}
    return replace(policy, by_tool=others, file_denials=())


def _narrowest(
    row: AskRow,
    call: Call,
    policy: Policy,
    seals: Mapping[str, str],
    context: PolicyContext,
    uses: int,
    until: datetime,
) -> Offer | Unallowable:
    said = draft([call], lambda extra: under(policy, read_rules("allow", extra, policy.toolbox)), context)
    if isinstance(said, Unallowable):
        return said
    texts = [said.words] if isinstance(said.words, str) else said.words if isinstance(said.words, list) else []
    if any(text.endswith(" ...") for text in texts):
        return Unallowable(why=f"a rule can say it only as `{texts[0]}`, which lets more through than this call")
    tools = {row.tool: seals[row.tool]} if row.tool in seals else {}
    terms = Terms(agent=row.agent, rules=(rule_of(row.tool, said),), tools=tools, uses=uses, until=until)
    return offer_of(terms, policy)
