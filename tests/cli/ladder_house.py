"""An agent that climbed, fell and climbs again, and what its house then shows: a ledger and two agent files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from midwatch.ledger import Ledger
from tests.midwatch.ledger.climbs import AGENT, RULE, climbed, past
from tests.midwatch.ledger.conftest import START, FakeClock

LATER: Final = START + timedelta(days=30)
"""When the page is looked at."""
SLOW: Final = "ask.mail"
OWL: Final = "name: owl\ndescription: d\ninstructions: i\nceiling: 5\ncontract: {done_when: [{file: {path: a.md}}]}\n"
HERON: Final = "name: heron\ndescription: d\ninstructions: i\nceiling: 3\n"
WHY: Final = "it filed the invoice of one customer with another"


async def climb_and_fall(home: Path) -> None:
    """Earned, reported, fallen; enough again, and proposed. Another class of it mails too little."""
    (home / "agents").mkdir()
    (home / "agents" / "owl.yaml").write_text(OWL)
    (home / "agents" / "heron.yaml").write_text(HERON)
    clock = FakeClock()
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=clock) as ledger:
        await ledger.migrate()
        await climbed(ledger)
        clock.forward(minutes=1)
        await ledger.report_incident("past ask.push-19", severity="major", by="anna", via="cli", because=WHY)
        clock.forward(days=29)
        await past(ledger, 690, days=14, since=START + timedelta(days=2), name="again")
        await past(ledger, 40, rule=SLOW, risk="egress", since=START - timedelta(days=30), name="mail")
        await past(ledger, 1, rule=SLOW, risk="egress", days=1, since=START, verdict="denied", name="no")
        await ledger.grant_level(AGENT, 4, by="anna", because="the office is closed", until=LATER + timedelta(days=2))
        await ledger.propose(AGENT, RULE, 4, "{}")


async def many_moves(home: Path, count: int) -> None:
    """So many grants."""
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=FakeClock()) as ledger:
        for number in range(count):
            await ledger.grant_level(AGENT, 1 + number % 3, by="anna", because=f"reason {number:03}")  # type: ignore[arg-type]  # 1 to 3
