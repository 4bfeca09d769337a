"""The ladder: what stands in for a person at night, as this house last saw it?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from midwatch.errors import SpecError
from midwatch.ledger import Ledger
from midwatch.rung_five import PING_TAKEN, StandIns
from midwatch.spec import AgentSpec


async def stand_ins(
    ledger: Ledger, spec: AgentSpec, home: Path, now: datetime, *, as_answered: bool = False
) -> StandIns:
    """Of one agent.

    Args:
        as_answered: what its tools can do is taken from its last answers about its worth, so that none of its code is imported.
    """
    return StandIns(
        layers=await ledger.layers_of(spec.name),
        halt_check=await ledger.latest_halt_check(),
        ping_taken=_touched(home / PING_TAKEN),
        worth=await _doubts_of_worth(ledger, spec, now, as_answered),
    )


async def _doubts_of_worth(ledger: Ledger, spec: AgentSpec, now: datetime, as_answered: bool) -> str:
    """Why its autonomy may not be worth it; "" where what was measured says that it is."""
    row = await ledger.worth_answers_of(spec.name)
    if row is None:
        return f"nobody has answered `midwatch worth {spec.name}`"
    from midwatch.worth.reach import profile_of  # with it come the policy's matchers
    from midwatch.worth.verdict import verdict_of

    try:
        kept = row.profile
        profile = kept if as_answered else profile_of(spec, zone=kept.zone, outside=kept.outside)
    except SpecError as error:
        return str(error)
    worth = verdict_of(row.answers, profile, await ledger.worth_history(spec.name, now))
    why = worth.reasons[0] if worth.reasons else "too little was measured"
    return "" if worth.positive else f"`midwatch worth {spec.name}` says {worth.verdict.replace('_', ' ')}: {why}"


def _touched(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
