"""Permissions and ledger: what did a person allow ahead of time, to whom, how often, how much and until when?

A mandate is signed by a person and stands in the ledger. What it lets through is said by allow rules in the notation of the
agent's file (`midwatch/policy/mandates.py` asks them); here are its limits, and whether it still stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from midwatch.approval import is_person

if TYPE_CHECKING:  # the ledger is opened where no agent file is read
    from midwatch.spec import Rule

MOST_USES: Final = 1000
LONGEST: Final = timedelta(days=90)
USES: Final = 20
"""Of a mandate that does not say how many."""
LENGTH: Final = timedelta(days=7)
"""Of a mandate that does not say until when."""
WHOLE: Final = 2 * LONGEST
"""Longer than any mandate stands: whatever was drawn from it counts, clocks that differ included."""
RULE: Final = "mandate"
"""`mandate.7` is what a decision on it says, and what its uses are counted under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a person signs."""

    agent: str
    rules: tuple[Rule, ...]
    """Allow rules. Together they must cover every part of a call; the agent's own allow rules do not help."""
    tools: Mapping[str, str]
    """By tool that the rules speak of, the seal of what it was when it was signed (`policy.mandates.seal`)."""
    uses: int
    """So many calls, over all runs."""
    until: datetime
    summed: str = ""
    """The argument whose values are added up; "": calls are counted, and nothing else."""
    most: Decimal | None = None
    """With `summed`: so much in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate(Terms):
    """A mandate as it is on file."""

    mandate_id: int
    by: str
    via: str
    """The door through which it was signed: `cli`, `slack`, `page`."""
    because: str
    ask_id: str | None
    """The question that it was offered on."""
    created_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_because: str | None

    @property
    def rule(self) -> str:
        """What decisions and draws call it."""
        return f"{RULE}.{self.mandate_id}"

    def over(self, agent: str, at: datetime) -> str:
        """Why it grants nothing to `agent` at this moment, whatever is left of it; "" while it stands."""
        faults = {
            f"mandate {self.mandate_id} is another agent's": self.agent != agent,
            f"mandate {self.mandate_id} was signed by {self.by!r}, who is no person": not is_person(
                self.by, self.agent
            ),
            f"mandate {self.mandate_id} was revoked by {self.revoked_by}": self.revoked_at is not None,
            f"mandate {self.mandate_id} ended at {self.until:%Y-%m-%d %H:%M} UTC": at >= self.until,
        }
        return next((fault for fault, found in faults.items() if found), "")


def fault_of(terms: Terms, *, by: str, because: str, at: datetime) -> str:
    """Why nobody can sign this; "" when a person can."""
    faults = {
        f"a mandate is signed by a person, and {by!r} is none": not is_person(by, terms.agent),
        "a mandate says why (`--because`)": not because.strip(),
        "a mandate names what it lets through": not terms.rules or not terms.tools,
        f"a mandate is for 1 to {MOST_USES} uses, not {terms.uses}": not 1 <= terms.uses <= MOST_USES,
        "a mandate has its end in the future": terms.until <= at,
        f"a mandate stands for at most {LONGEST.days} days": terms.until > at + LONGEST,
        "a sum has an argument and a limit": bool(terms.summed) != (terms.most is not None),
        f"a sum has a limit above 0, not {terms.most}": terms.most is not None and not _is_amount(terms.most),
    }
    return next((fault for fault, found in faults.items() if found), "")


def _is_amount(most: Decimal) -> bool:
    return most.is_finite() and most > 0
