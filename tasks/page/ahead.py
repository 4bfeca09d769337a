"""The page: "yes, and the next 20 like this until Friday". What is signed is what was shown: it stands in the form, signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from midwatch.ledger import AskRow, Ledger
from midwatch.mandate import LENGTH, MOST_USES, USES, Mandate, Terms
from midwatch.policy.offers import Bounds, Offer
from midwatch.run_ids import short
from midwatch.until import moment_of
from tasks.page.meaning import Form, FormFault

DEFAULT_UNTIL = f"{LENGTH.days}d"


def bounds(form: Form, now: datetime) -> Bounds:
    """How many and until when. Raises FormFault."""
    uses, until = form.get("uses", str(USES)).strip(), form.get("until", DEFAULT_UNTIL)
    faults: dict[str, str] = {}
    if not uses.isdecimal() or not 1 <= int(uses) <= MOST_USES:
        faults["uses"] = f"A number from 1 to {MOST_USES}."
    try:
        ends = moment_of(until, now.astimezone())
    except (ValueError, OverflowError) as error:
        faults["until"] = str(error)
    if faults:
        raise FormFault(faults)
    return Bounds(uses=int(uses), until=ends)


def facts_of(offer: Offer, ask_id: str) -> dict[str, Any]:
    """The offer as a form carries it."""
    terms = offer.terms
    return {
        "ask": ask_id,
        "agent": terms.agent,
        "rules": list(terms.rules),
        "tools": dict(terms.tools),
        "uses": terms.uses,
        "until": terms.until.isoformat(),
    }


def terms_of(facts: Mapping[str, Any]) -> Terms:
    """What a form carries, as it is signed."""
    return Terms(
        agent=facts["agent"],
        rules=tuple(facts["rules"]),
        tools=facts["tools"],
        uses=facts["uses"],
        until=datetime.fromisoformat(facts["until"]),
    )


async def sign(ledger: Ledger, facts: Mapping[str, Any], row: AskRow, *, by: str) -> Mandate:
    """Sign what was shown, with a yes to `row` on file.

    Raises:
        LedgerError: it cannot be signed; says why.
    """
    why = row.decided_because or f"like the call of run {short(row.run_id)} that was approved"
    return await ledger.grant_mandate(terms_of(facts), by=by, via="page", because=why, ask_id=row.ask_id)
