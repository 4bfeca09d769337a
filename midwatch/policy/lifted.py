"""Permissions: what do the rules say where some of those that ask were written under `allow` instead?

An ask rule is generous: it speaks of a call where one part of it may be meant. Under `allow` it is exact, so what goes unasked
is what it says and no more: every part of the call is covered by it or by another allow rule that counts, and all that denies
or asks besides it goes on doing so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from midwatch.errors import SpecError
from midwatch.policy.engine import Policy
from midwatch.policy.grants import Grants
from midwatch.policy.rules import Rule, read_rules

BESIDE: Final = frozenset({"id", "match", "not_match"})
"""What stands beside an ask rule and is about it as one: its examples are of what it asks about, in part or whole."""


def lifted(policy: Policy, rules: Collection[str], *, alone: bool = False) -> Policy:
    """`policy` with those of its ask rules under `allow` that can stand there; they keep their ids.

    Args:
        alone: no other allow rule allows anything, so that what none of `rules` covers asks.
    """
    moved = {rule.id: rule for rule in _moved(policy, rules)}
    gone: dict[str, Collection[str]] = {"ask": moved, "allow": _allowing(policy) - set(rules) if alone else ()}
    by_tool: dict[tuple[str, str], list[Rule]] = {}
    for (effect, tool), listed in policy.by_tool.items():
        left = (rule for rule in listed if rule.id not in gone.get(effect, ()))
        by_tool.setdefault((effect, tool), []).extend(left)
    for rule in moved.values():
        for tool in sorted(rule.tools):
            by_tool.setdefault(("allow", tool), []).append(rule)
    return replace(
        policy,
        by_tool={key: tuple(listed) for key, listed in by_tool.items()},
        grants={tool: Grants.of(listed) for (effect, tool), listed in by_tool.items() if effect == "allow"},
    )


def _allowing(policy: Policy) -> set[str]:
    return {rule.id for (effect, _), listed in policy.by_tool.items() if effect == "allow" for rule in listed}


def _moved(policy: Policy, rules: Collection[str]) -> Iterator[Rule]:
    asking = {rule.id: rule for (effect, _), listed in policy.by_tool.items() if effect == "ask" for rule in listed}
    for name in sorted(asking.keys() & set(rules)):
        entry = {key: said for key, said in json.loads(asking[name].source).items() if key not in BESIDE}
        try:
            (rule,) = read_rules("allow", [entry], policy.toolbox)
        except SpecError:
            continue  # it cannot be said of an allow rule, so it goes on asking
        yield replace(rule, id=name)
