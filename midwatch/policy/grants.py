"""Permissions: which allow rules can speak of this call at all? Looked up, so that a thousand of them take no longer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from midwatch.calls import Call
from midwatch.policy.rules import Rule
from midwatch.policy.values import Sort

By = tuple[str, Sort]
"""An argument, and how its values are sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The allow rules of one tool, in their order."""

    rules: Sequence[Rule]
    by_value: Mapping[By, Mapping[Hashable, Sequence[int]]]
    """Where the rules stand that hold for one sort of one argument's values alone."""
    others: Sequence[int]
    """Where the rest of them stand."""

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Grants:
        """Each rule under one of its arguments, where one decides."""
        by_value: dict[By, dict[Hashable, list[int]]] = {}
        others: list[int] = []
        for place, rule in enumerate(rules):
            index = rule.conditions.index() if rule.conditions else None
            if index is None:
                others.append(place)
                continue
            name, sort, sorts = index
            for each in sorts:
                by_value.setdefault((name, sort), {}).setdefault(each, []).append(place)
        return cls(rules=rules, by_value=by_value, others=others)

    def about(self, call: Call) -> Sequence[Rule]:
        """Those that may hold for this call; of all others it is certain that they do not."""
        if not self.by_value:
            return self.rules
        found = list(self.others)
        for (name, sort), places in self.by_value.items():
            if name in call.args:
                found += places.get(sort(call.args[name]), ())
        return [self.rules[place] for place in sorted(found)]
