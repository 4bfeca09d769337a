"""Permissions: what the gate makes of a call: judged, and cleared to run exactly so."""

from __future__ import annotations

from dataclasses import dataclass, field

from midwatch.calls import Call, canonical_json
from midwatch.decision import Decision
from midwatch.ledger import Decided
from midwatch.risk import HARMLESS, ToolFacts
from midwatch.window import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedCall:
    """One call that may run now, exactly as it was judged."""

    call: Call
    digest: str
    facts: ToolFacts
    decided: Decided
    """The gate's answer, to be written down with what comes of the call."""
    ask_id: str | None
    """The ask whose yes this call stands on; None where a rule allowed it."""
    draws: tuple[Draw, ...] = ()
    """What it takes from the budgets of its rules as it begins."""

    @property
    def is_harmless(self) -> bool:
        """Whether it runs without a reservation: it changes nothing, and no person's yes is used up by it."""
        return self.facts.risk in HARMLESS and self.ask_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCall:
    """One call and the gate's answer to it."""

    call: Call
    digest: str
    decision: Decision
    draws: tuple[Draw, ...] = ()

    def as_request(self) -> dict[str, str]:
        """What an ask says of the call itself."""
        return {
            "args_json": canonical_json(self.call.args),
            "digest": self.digest,
            "rule": self.decision.rule,
            "reason": self.decision.reason,
        }

    def as_decided(self, position: str) -> Decided:
        """What the ledger keeps."""
        return Decided(
            position=position,
            tool=self.call.tool,
            args_json=canonical_json(self.call.args),
            digest=self.digest,
            decision=self.decision,
        )


@dataclass
class GateState:
    """What the gate of one conversation let through in this life of the run; what it refused is in the ledger."""

    cleared: dict[str, ClearedCall] = field(default_factory=dict)
