"""Permissions: which allow rules can speak of this call at all? Looked up, so that a thousand of them take no longer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from midwatch.calls import Call
from midwatch.policy.rules import Rule
from midwatch.policy.values import Sort

Numbered = tuple[int, Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The allow rules of one tool, in their order."""

    by_value: Mapping[tuple[str, Sort], Mapping[Hashable, Sequence[Numbered]]]
    """By argument and how its values are sorted, then by sort."""
    others: Sequence[Numbered]

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Grants:
        """Each rule under one of its arguments, where one decides."""
        by_value: dict[tuple[str, Sort], dict[Hashable, list[Numbered]]] = defaultdict(lambda: defaultdict(list))
        others: list[Numbered] = []
        for number, rule in enumerate(rules):
            index = rule.conditions.index() if rule.conditions else None
            if index is None:
                others.append((number, rule))
                continue
            name, sort, sorts = index
            for each in sorts:
                by_value[name, sort][each].append((number, rule))
        return cls(by_value={key: dict(found) for key, found in by_value.items()}, others=others)

    def about(self, call: Call) -> list[Rule]:
        """Those that may hold for this call; of all others it is certain that they do not."""
        found = list(self.others)
        for (name, sort), rules in self.by_value.items():
            if name in call.args:
                found += rules.get(sort(call.args[name]), ())
        return (
            [rule for _, rule in sorted(found, key=lambda numbered: numbered[0])]
            if self.by_value
            else [r for _, r in found]
        )
