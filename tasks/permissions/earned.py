"""Permissions: what may go unasked, as it stands now? Read from the ledger before each effect, not as the run began.

A run that is under way is so held to a level that was lowered, or to a class that fell, at its next effect. What cannot be read
asks. Nothing here lifts a deny, a hold for where words came from, or a budget.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from midwatch.calls import Call
from midwatch.decision import Decision
from midwatch.errors import Interrupted
from midwatch.ledger import ClassMove, Ledger, Trust
from midwatch.ledger.classes import PARTS
from midwatch.policy import Policy, PolicyContext
from midwatch.policy.lifted import lifted
from midwatch.risk import HARMLESS, ToolFacts
from midwatch.run import RunFacts, lowest
from midwatch.window import Draw
from tasks.permissions.labels import RunLabels
from tasks.permissions.level import held_to_level

NOTHING = Trust(level=3, is_wide=False)
"""Every effect asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the rules say of a call, as far as the agent is trusted."""

    decision: Decision
    draws: tuple[Draw, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Earned:
    """Of one run's agent."""

    facts: RunFacts
    ledger: Ledger
    policy: Policy
    fingerprint: str
    """What the evidence has to belong to."""
    _lifted: dict[tuple[frozenset[str], bool], Policy] = field(default_factory=dict)

    async def ruled(self, call: Call, facts: ToolFacts, context: PolicyContext, labels: RunLabels) -> Ruled:
        """The answer of the rules, held to where the words came from and to what stands now.

        Raises:
            Interrupted: the ledger cannot be reached now.
        """
        decision = labels.held(self.policy.decide(call, context), call, facts)
        if facts.risk in HARMLESS:
            return self._plain(held_to_level(decision, self.facts.level, facts.risk), call, context)
        trust = (await self._now()).about(facts.risk)
        level = lowest(self.facts.level, trust.level)
        if level >= 4 and decision.verdict == "ask" and decision.rule in trust.allowed:
            return self._unasked(decision, trust, call, facts, context, labels)
        if level >= 4 and decision.verdict == "allow" and not trust.is_wide:
            decision = _as_earned(decision, trust, level)
        return self._plain(held_to_level(decision, level, facts.risk), call, context)

    async def _now(self) -> Trust:
        try:
            return await self.ledger.trust_in(self.facts.agent, self.fingerprint, datetime.now(UTC))
        except Interrupted:
            raise
        except Exception:
            return NOTHING

    def _plain(self, decision: Decision, call: Call, context: PolicyContext) -> Ruled:
        return Ruled(decision=decision, draws=self.policy.draws(call, context, decision))

    def _unasked(
        self, asked: Decision, trust: Trust, call: Call, facts: ToolFacts, context: PolicyContext, labels: RunLabels
    ) -> Ruled:
        """A call that a class asks about which need not ask any more; whatever else the rules say of it holds."""
        policy = self._with(trust)
        found = labels.held(policy.decide(call, context), call, facts)
        draws = policy.draws(call, context, found)
        if found.verdict == "allow":
            return Ruled(decision=_by_classes(asked, found, trust), draws=draws)
        if found.rule == "default":
            reason = f"{asked.reason}; its class need not ask, but this is more than it says: {found.reason}"
            return Ruled(decision=replace(asked, reason=reason), draws=draws)
        return Ruled(decision=found, draws=draws)

    def _with(self, trust: Trust) -> Policy:
        """The rules with the classes under `allow`; of the file's allow rules only those count that go unasked themselves."""
        key = (frozenset(trust.allowed), trust.is_wide)
        if key not in self._lifted:
            self._lifted[key] = lifted(self.policy, key[0], alone=not trust.is_wide)
        return self._lifted[key]


def _as_earned(allowed: Decision, trust: Trust, level: int) -> Decision:
    """An allow rule's answer where only what was earned goes unasked."""
    if moves := trust.allows(allowed.rule):
        return _by_class(allowed, moves)
    reason = f"{allowed.reason}; at level {level} only what has been earned goes unasked, and {allowed.rule} has not"
    return replace(allowed, verdict="ask", reason=reason)


def _by_classes(asked: Decision, found: Decision, trust: Trust) -> Decision:
    """By the class that asked and all others that cover a part of the call: should it go wrong, each answers for it."""
    rules = tuple(dict.fromkeys((asked.rule, *found.rule.split(PARTS))))
    moves = tuple(trust.allowed[rule] for rule in rules if rule in trust.allowed)
    return _by_class(replace(asked, rule=PARTS.join(rules)), moves)


def _by_class(decision: Decision, moves: tuple[ClassMove, ...]) -> Decision:
    said = "; ".join(f"class {move.rule} {move.words}" for move in moves)
    return Decision(verdict="allow", rule=decision.rule, reason=f"{decision.reason}; nobody is asked: {said}")
