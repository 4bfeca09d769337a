"""The ladder: what stands in for a person at night, as this house last saw it?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from midwatch.ledger import Ledger
from midwatch.rung_five import PING_TAKEN, StandIns


async def stand_ins(ledger: Ledger, agent: str, home: Path) -> StandIns:
    """Of one agent."""
    return StandIns(
        layers=await ledger.layers_of(agent),
        halt_check=await ledger.latest_halt_check(),
        ping_taken=_touched(home / PING_TAKEN),
    )


def _touched(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
