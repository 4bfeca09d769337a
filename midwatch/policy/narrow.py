"""Permissions: which is the narrowest rule that would allow these calls, and what else would it allow?

What is proposed has been compiled and asked: it allows the calls that it was made from, and its own examples hold. A
proposal is for a person to read; nothing here changes a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from midwatch.calls import Call
from midwatch.errors import SpecError
from midwatch.policy.engine import Policy
from midwatch.policy.neighbours import each_once, in_words, neighbours
from midwatch.policy.reading import NOTHING_KNOWN, PolicyContext
from midwatch.policy.wording import Example, Wording, Wordless, wording
from midwatch.spec import Rule

Trial = Callable[[Sequence[Rule]], Policy]
"""The agent's policy with some more allow rules; raises SpecError where one of them is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule for a person to read, and perhaps to copy under `rules.allow`."""

    rule: Rule
    """With its own `match` and `not_match`; the tool's name alone where it takes no arguments."""
    also: tuple[str, ...]
    """What else it allows, in words."""
    grants: tuple[Example, ...]
    """Calls beside those that it was made from, and that it allows as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unallowable:
    """No narrow rule allows it."""

    why: str
    rule: str = ""
    """The rule that stands in the way: `ask.push`, `builtin.protected`; "" where nothing but words is missing."""


def narrow(calls: Sequence[Call], trial: Trial, context: PolicyContext = NOTHING_KNOWN) -> Proposal | Unallowable:
    """The narrowest rule that lets `trial` allow all `calls`: one call, or several similar ones of one tool."""
    found = draft(calls, trial, context)
    return found if isinstance(found, Unallowable) else with_examples(calls[0].tool, found, trial)


def draft(calls: Sequence[Call], trial: Trial, context: PolicyContext) -> Wording | Unallowable:
    """The words of that rule, tried; without its examples."""
    tool = calls[0].tool
    if any(call.tool != tool for call in calls):
        return Unallowable(why="one rule speaks of one tool")
    if stands := _refused(calls, trial([tool]), context):
        return stands
    try:
        said = wording(calls, trial([]))
        stands = _refused(calls, trial([rule_of(tool, said)]), context)
    except Wordless as error:
        return Unallowable(why=str(error))
    except SpecError as error:
        return Unallowable(why=error.message)
    return (
        Unallowable(why=f"the narrowest rule that can be written does not reach it: {stands.why}") if stands else said
    )


def _refused(calls: Sequence[Call], policy: Policy, context: PolicyContext) -> Unallowable | None:
    """Why one of the calls is not allowed."""
    for call in calls:
        decision = policy.decide(call, context)
        if decision.verdict != "allow":
            rule = "" if decision.rule == "default" else decision.rule
            return Unallowable(why=decision.reason.removeprefix("no rule can allow it: "), rule=rule)
    return None


def rule_of(tool: str, said: Wording) -> Rule:
    """The rule with these words, and nothing beside them."""
    return tool if said.words is None else {tool: said.words}


def with_examples(tool: str, said: Wording, trial: Trial) -> Proposal | Unallowable:
    """The rule with examples that hold, and with what else it would allow."""
    known = trial([]).arguments.get(tool)
    also = in_words(tool, said.words, known)
    if said.words is None:
        return Proposal(rule=tool, also=also, grants=())
    beside = each_once(near for example in said.examples[:2] for near in neighbours(tool, example, known))
    bare = {tool: said.words}
    granted = [near for near in beside if not _holds({**bare, "not_match": [near]}, trial)]
    refused = [near for near in beside if near not in granted]
    rule = {**bare, "match": list(said.examples)} | ({"not_match": refused[:4]} if refused else {})
    if not _holds(rule, trial):
        return Unallowable(why="its own examples do not hold")
    return Proposal(rule=rule, also=also, grants=tuple(granted[:4]))


def _holds(rule: Rule, trial: Trial) -> bool:
    try:
        trial([rule])
    except SpecError:
        return False
    return True
