"""Permissions: does a mandate let this call through, as it stands now? Its allow rules are asked instead of the agent's own.

Whatever denies goes on denying: the agent's deny rules, what is protected, arguments that do not fit. What no rule can allow
no mandate can. A question is lifted only where the mandate's rules cover every part of the call by themselves, and where
text from outside may have chosen where it goes, only where the mandate writes that out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from midwatch.calls import Call, canonical_json
from midwatch.characters import visible
from midwatch.decision import Decision
from midwatch.errors import SpecError
from midwatch.mandate import RULE, WHOLE, Mandate, Terms
from midwatch.policy.budgets import Budget, read_budget
from midwatch.policy.engine import Policy
from midwatch.policy.grants import Grants
from midwatch.policy.origins import Origins
from midwatch.policy.plain import plain_argv
from midwatch.policy.provenance import held_to_origins
from midwatch.policy.reading import COVERED, NOT_COVERED, Cover, Label, PolicyContext
from midwatch.policy.rules import SIBLINGS, Rule, read_rules
from midwatch.risk import Risk, ToolFacts
from midwatch.spec import Rule as Written
from midwatch.window import Draw, Window

UNFIT: Final = frozenset({"id", "budget"})
"""What stands beside a rule and not beside a mandate's: it has its own name and its own count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """One call, and what is known around it."""

    call: Call
    facts: ToolFacts
    definition: str
    """Hash of the tool's definition; "" where nobody knows it."""
    context: PolicyContext
    labels: Mapping[Label, bool]
    origins: Origins
    looked_up: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A mandate against the policy of a run. `standing` makes it."""

    mandate: Mandate
    policy: Policy
    """The agent's, with the mandate's rules as its only allow rules."""
    rules: tuple[Rule, ...]
    budgets: tuple[Budget, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        """What has to be known of its uses before it is asked."""
        return tuple(budget.window for budget in self.budgets)

    def speaks_of(self, tool: str) -> bool:
        return any(tool in rule.tools for rule in self.rules)

    def covers(self, around: Around) -> Cover:
        """Does it speak of the call, whole? Where it does and yet grants nothing, for people, why."""
        call, named = around.call, f"mandate {self.mandate.mandate_id}"
        signed = self.mandate.tools.get(call.tool)
        if not around.definition or signed != seal(self.policy, call.tool, around.facts.risk, around.definition):
            why = f"{named} grants nothing, because `{call.tool}` is not the tool that it was signed for"
            return Cover(held=False, why_not=why)
        decision = self.policy.decide(call, around.context)
        if decision.verdict != "allow":
            return NOT_COVERED
        if self._led(decision, around).verdict != "allow":
            return Cover(held=False, why_not=f"{named} does not write out where it goes")
        return COVERED

    def leaves_room(self, around: Around, spent: Mapping[str, Decimal]) -> Cover:
        """Is there a use left for the call?

        Args:
            spent: by window, what calls other than this one have drawn.
        """
        known = replace(around.context, spent=spent)
        covers = (budget.leaves_room(around.call, known) for budget in self.budgets)
        full = next((cover.why_not for cover in covers if not cover.held), "")
        why = f"mandate {self.mandate.mandate_id} has no use left for it: {full}"
        return Cover(held=False, why_not=why) if full else COVERED

    def _led(self, allowed: Decision, around: Around) -> Decision:
        """Held to where the words came from; what the mandate itself writes out is a person's."""
        call, own = around.call, around.origins
        out = own.settled.get(call.tool, frozenset()) | written_out(self._about(call.tool), call)
        origins = replace(own, settled={**own.settled, call.tool: out})
        return held_to_origins(allowed, call, around.facts, around.labels, origins, around.looked_up)

    def _about(self, tool: str) -> Iterator[Any]:
        """What its rules say of `tool`; None for all of its calls."""
        for rule, written in zip(self.rules, self.mandate.rules, strict=True):
            if tool in rule.tools:
                yield words_of(written)

    def lifted(self, asked: Decision, spent: Mapping[str, Decimal]) -> Decision:
        """`asked`, as the mandate answers it."""
        it = self.mandate
        left = it.uses - int(spent.get(it.rule, Decimal(0))) - 1
        reason = (
            f"mandate {it.mandate_id}, signed by {it.by} ({it.because}), lets it through: {left} of {it.uses} uses "
            f"are left after it, until {it.until:%Y-%m-%d %H:%M} UTC; without it a person would be asked ({asked.rule})"
        )
        return Decision(verdict="allow", rule=it.rule, reason=visible(reason))

    def draws(self, call: Call) -> tuple[Draw, ...]:
        """What the call takes from it."""
        taken = (budget.draw(call, held=True) for budget in self.budgets)
        return tuple(replace(draw, mandate=self.mandate.mandate_id) for draw in taken if draw is not None)


def standing(mandate: Mandate, policy: Policy) -> Standing:
    """Raises ValueError where it cannot be read; says why."""
    if not mandate.rules:
        raise ValueError("what it says is not readable")
    rules = compiled(policy, mandate.rules)
    return Standing(
        mandate=mandate,
        policy=under(policy, rules),
        rules=rules,
        budgets=_budgets(mandate, mandate.rule, policy, rules),
    )


def seal(policy: Policy, tool: str, risk: Risk, definition: str) -> str:
    """SHA-256 (hex) of what a mandate for `tool` was signed for: its definition, its risk class, the folder it lives in."""
    said = [tool, definition, risk, policy.toolbox.roots.get(tool, "")]
    return hashlib.sha256(canonical_json(said).encode("ascii")).hexdigest()


def compiled(policy: Policy, rules: Sequence[Written]) -> tuple[Rule, ...]:
    """The rules of a mandate. Raises ValueError with what is wrong with them."""
    try:
        return tuple(read_rules("allow", [_fit(rule) for rule in rules], policy.toolbox))
    except SpecError as error:
        raise ValueError(error.message) from error


def under(policy: Policy, rules: Sequence[Rule]) -> Policy:
    """`policy` with these allow rules instead of its own, and without its ask rules; what denies stays."""
    mine: dict[str, list[Rule]] = {}
    for rule in rules:
        for tool in rule.tools:
            mine.setdefault(tool, []).append(rule)
    denials = {key: listed for key, listed in policy.by_tool.items() if key[0] == "deny"}
    return replace(
        policy,
        by_tool={**denials, **{("allow", tool): tuple(listed) for tool, listed in mine.items()}},
        grants={tool: Grants.of(listed) for tool, listed in mine.items()},
        budgeted={},
    )


def terms_fault(terms: Terms, policy: Policy) -> str:
    """Why such a mandate would grant nothing; "" when it can be asked."""
    try:
        rules = compiled(policy, terms.rules)
        _budgets(terms, RULE, policy, rules)
    except ValueError as error:
        return str(error)
    unsealed = sorted({tool for rule in rules for tool in rule.tools} - terms.tools.keys())
    return f"nobody knows what `{unsealed[0]}` is, so nothing can be signed for it" if unsealed else ""


def words_of(rule: Written) -> Any:
    """What a rule says of its tool: patterns or conditions; None for the name alone."""
    return None if isinstance(rule, str) else next(said for name, said in rule.items() if name not in SIBLINGS)


def written_out(said: Iterator[Any], call: Call) -> frozenset[str]:
    """The arguments of `call` to whose values a mandate leaves no choice, so that a person has written them out."""
    found = [_written_out(one, call) for one in said]
    return frozenset.intersection(*found) if found else frozenset()


def _written_out(said: Any, call: Call) -> frozenset[str]:
    match said:
        case None:
            return frozenset()
        case Mapping():
            return frozenset(
                name for name, wanted in said.items() if not isinstance(wanted, Mapping) or "one_of" in wanted
            )
        case _:
            texts = [said] if isinstance(said, str) else list(said)
            return _in_patterns(texts, call)


def _in_patterns(texts: Sequence[str], call: Call) -> frozenset[str]:
    if call.tool == "http_request":
        spelled = {text.partition(" ")[2] for text in texts if "*" not in text}
        return frozenset({"url"} if call.args.get("url") in spelled else ())
    if call.tool == "shell":
        exact = not any("*" in text or "..." in text or "://" in text for text in texts)
        return frozenset({"command"} if exact and plain_argv(str(call.args.get("command"))) else ())
    return frozenset()


def _fit(rule: Written) -> Written:
    if isinstance(rule, Mapping) and (unfit := sorted(UNFIT.intersection(rule))):
        raise ValueError(f"`{unfit[0]}` does not stand beside a mandate's rule: it has a number and a count of its own")
    return rule


def _budgets(terms: Terms, name: str, policy: Policy, rules: Sequence[Rule]) -> tuple[Budget, ...]:
    """Its uses, and its sum. Raises ValueError where nobody could add that up."""
    per = name.replace(".", " ")
    uses = Budget(
        argument="",
        window=Window(rule=name, measure="uses", most=Decimal(terms.uses), length=WHOLE, per=per),
    )
    if not terms.summed:
        return (uses,)
    if len(rules) != 1 or terms.most is None:
        raise ValueError("a sum is of one argument of one rule, with a limit")
    said = {"id": name, "budget": {"sum": terms.summed, "max": terms.most, "per": f"{WHOLE.days}d"}}
    known = policy.toolbox.arguments_of(rules[0].tools)
    adds = read_budget("allow", f"{name}.sum", said, words_of(terms.rules[0]), known)
    return (uses, replace(adds, window=replace(adds.window, per=per))) if adds else (uses,)
