"""Permissions: what does a person's rule say? From `shell: git status|diff ...` to a value that can be asked.

A rule is `TOOL`, or `TOOL: PATTERN` (or several patterns: one is enough), or `TOOL: {argument: condition}`, with the optional
siblings `id`, `why`, `match`, `not_match`, `budget` and those of `circumstances.py`. The examples are tried when the rule is
read, whatever the circumstances; one that fails is a fault.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from midwatch.calls import Call, canonical_json, parse_call
from midwatch.decision import Verdict
from midwatch.errors import CallError, SpecError
from midwatch.policy.budgets import Budget, read_budget
from midwatch.policy.circumstances import CIRCUMSTANCES, Circumstances, read_circumstances
from midwatch.policy.reading import COVERED, NOT_COVERED, NOTHING_KNOWN, Cover, Family, Pattern, PolicyContext
from midwatch.policy.requests import AnyPublic, Requests
from midwatch.policy.servers import unnamed_place
from midwatch.policy.values import Conditions, read_conditions
from midwatch.spec import Rule as Written
from midwatch.spec_faults import nearest

SIBLINGS: Final = frozenset({"id", "why", "match", "not_match", "budget"}) | CIRCUMSTANCES
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, compiled."""

    id: str
    effect: Verdict
    tools: frozenset[str]
    patterns: tuple[Pattern, ...] = ()
    """One is enough; none: any call of the tools."""
    conditions: Conditions | None = None
    circumstances: Circumstances | None = None
    budget: Budget | None = None
    why: str = ""
    source: str = ""
    """Canonical JSON of what was written."""

    def covers(self, part: Any, call: Call, context: PolicyContext) -> Cover:
        """For an allow rule: does it grant this part of the call, and does its budget leave room?"""
        cover = self.speaks_of(part, call, context)
        return self.budget.leaves_room(call, context) if cover.held and self.budget else cover

    def speaks_of(self, part: Any, call: Call, context: PolicyContext) -> Cover:
        """`covers`, whatever the budget."""
        if self.circumstances and not self.circumstances.hold(context, exact=True):
            return NOT_COVERED
        if self.conditions and not self.conditions.hold(call, exact=True):
            return NOT_COVERED
        if self.conditions and (place := unnamed_place(call, self.conditions.by_name)):
            return Cover(held=False, why_not=f"it says nothing of `{place}`, which looks like a path or an address")
        closest = NOT_COVERED if self.patterns else COVERED
        for pattern in self.patterns:
            cover = pattern.covers(part)
            if cover.held:
                return cover
            closest = closest if closest.why_not else cover
        return closest

    def caught(self, sights: Iterable[Any], call: Call, context: PolicyContext) -> Any:
        """For an ask or deny rule: what of the call it speaks of; None when it does not."""
        if self.circumstances and not self.circumstances.hold(context, exact=False):
            return None
        if self.conditions and not self.conditions.hold(call, exact=False):
            return None
        if not self.patterns:
            return call
        for pattern in self.patterns:
            for sight in sights:
                if pattern.catches(sight):
                    return sight
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The tools that rules can speak of."""

    families: Mapping[str, Family]
    roots: Mapping[str, str]
    """Absolute and resolved, for every tool."""
    arguments: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By tool, as far as they are known."""

    def arguments_of(self, tools: Iterable[str]) -> Collection[str] | None:
        """All of theirs; None where nobody knows those of one."""
        known = [self.arguments.get(tool) for tool in tools]
        return None if None in known else {name for names in known for name in names or ()}

    def named(self, name: str) -> frozenset[str]:
        """The tools that `name` means; `*` stands for any text within one part of `mcp__SERVER__TOOL`."""
        if name in self.families:
            return frozenset({name})
        parts = name.split("__", 2)
        if "*" in name and (len(parts) != 3 or parts[0] != "mcp"):
            raise ValueError(
                f"`*` in a tool's name stands only within the parts of `mcp__SERVER__TOOL`, not in {name!r}"
            )
        wanted = [re.compile(re.escape(part).replace(r"\*", ".*")) for part in parts]
        found = frozenset(tool for tool in self.families if "*" in name and _is_named(tool, wanted))
        if not found:
            known = ", ".join(sorted(self.families)) or "none"
            raise ValueError(f"no tool {name!r}{nearest(name, self.families) or f'; this agent has: {known}'}")
        return found


def _is_named(tool: str, wanted: Sequence[re.Pattern[str]]) -> bool:
    parts = tool.split("__", 2)
    return len(parts) == len(wanted) and all(p.fullmatch(part) for p, part in zip(wanted, parts, strict=True))


def read_rules(effect: Verdict, written: Sequence[Written], toolbox: Toolbox) -> list[Rule]:
    """The rules of one list.

    Raises:
        SpecError: one of them is wrong; its field is `rules.allow[2]`.
    """
    rules = [_read(effect, rule, toolbox, f"rules.{effect}[{place}]") for place, rule in enumerate(written)]
    times = Counter(rule.id for rule in rules)
    return [rule if times[rule.id] == 1 else _told_apart(rule, f"rules.{effect}") for rule in rules]


def _told_apart(rule: Rule, field: str) -> Rule:
    if '"id":' in rule.source:
        raise SpecError(f"two rules have the id {rule.id!r}: give each its own", field=field)
    return replace(rule, id=f"{rule.id}-{hashlib.sha256(rule.source.encode()).hexdigest()[:6]}")


def _read(effect: Verdict, written: Written, toolbox: Toolbox, field: str) -> Rule:
    try:
        entry = {written: None} if isinstance(written, str) else written
        name = _tool_name(entry)
        rule = _compiled(effect, name, entry, toolbox)
        _try_examples(rule, entry, toolbox)
    except (ValueError, CallError) as error:
        raise SpecError(str(error), field=field) from error
    return rule


def _tool_name(entry: Mapping[str, Any]) -> str:
    names = [key for key in entry if key not in SIBLINGS]
    if len(names) == 1:
        return names[0]
    if not names:
        raise ValueError("names no tool: write `TOOL` or `TOOL: PATTERN`")
    hint = next((said for name in names if (said := nearest(name, SIBLINGS))), "")
    raise ValueError(f"names {' and '.join(map(repr, names))}; a rule is about one tool, beside {_siblings()}{hint}")


def _siblings() -> str:
    return ", ".join(sorted(SIBLINGS))


def _compiled(effect: Verdict, name: str, entry: Mapping[str, Any], toolbox: Toolbox) -> Rule:
    tools = toolbox.named(name)
    said = entry[name]
    first = min(tools)
    conditions: Conditions | None = None
    texts: list[str] = []
    if isinstance(said, Mapping):
        conditions = read_conditions(said, toolbox.roots[first])
    elif said is not None:
        texts = _texts(said)
    if texts and len(tools) > 1:
        raise ValueError(f"{name!r} means several tools: only conditions (`{{argument: value}}`) can be asked of them")
    patterns: tuple[Pattern, ...] = tuple(toolbox.families[first].pattern(text) for text in texts)
    if effect == "allow" and not patterns and isinstance(toolbox.families[first], Requests):
        patterns = (AnyPublic(),)
    rule_id = f"{effect}.{_id(effect, name, said, entry)}"
    return Rule(
        id=rule_id,
        effect=effect,
        tools=tools,
        patterns=patterns,
        conditions=conditions,
        circumstances=read_circumstances(entry, effect),
        budget=read_budget(effect, rule_id, entry, said, toolbox.arguments_of(tools)),
        why=_why(entry),
        source=canonical_json(entry),
    )


def _texts(said: object) -> list[str]:
    texts: list[str] = [text for text in (said if isinstance(said, list) else [said]) if isinstance(text, str) and text]
    if not texts or (isinstance(said, list) and len(said) != len(texts)):
        raise ValueError(f"{said!r} is no pattern: write a text, a list of texts, or `{{argument: condition}}`")
    return texts


def _why(entry: Mapping[str, Any]) -> str:
    why = entry.get("why", "")
    if not isinstance(why, str):
        raise ValueError("`why` must be a text")
    return why.strip().rstrip(".")


def _id(effect: Verdict, name: str, said: object, entry: Mapping[str, Any]) -> str:
    """The id that was written, or one that reads like the rule."""
    if "id" not in entry:
        words = said if not isinstance(said, Mapping) else list(said)
        text = " ".join([name, *(map(str, words) if isinstance(words, list) else [str(words or "")])])
        return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-")
    written = entry["id"]
    if not isinstance(written, str) or not _ID.fullmatch(written):
        raise ValueError(f"`id: {written!r}` must be small letters, digits, `.`, `_` and `-`")
    return written.removeprefix(f"{effect}.")


def _try_examples(rule: Rule, entry: Mapping[str, Any], toolbox: Toolbox) -> None:
    for key, expected in (("match", True), ("not_match", False)):
        examples = entry.get(key, [])
        for example in examples if isinstance(examples, list) else [examples]:
            if _speaks_of(rule, example, toolbox) is not expected:
                wrong = "does not speak of it" if expected else "speaks of it"
                raise ValueError(f"`{key}` example {example!r}: the rule {wrong}")


def _speaks_of(rule: Rule, example: object, toolbox: Toolbox) -> bool:
    rule, tool = replace(rule, circumstances=None, budget=None), min(rule.tools)
    family = toolbox.families[tool]
    if not isinstance(example, str | Mapping):
        raise ValueError(f"the example {example!r} must be a text or the arguments of a call")
    call = parse_call(tool, family.example(example) if isinstance(example, str) else example)
    reading = family.read(call, NOTHING_KNOWN)
    if rule.effect != "allow":
        return rule.caught(reading.sights, call, NOTHING_KNOWN) is not None
    granted = bool(reading.parts) and all(rule.covers(part, call, NOTHING_KNOWN).held for part in reading.parts)
    return granted and not reading.refusal and not reading.unclear
