"""The doors: what can a yes bring besides? A proposed rule, or a mandate for the next calls like this one.

Both are worked out in a process of its own (`python -m cli.widening ASK USES UNTIL` prints JSON): an agent's own tools, which
have to be imported to know its rules, have no business in a process that hears a browser or holds Slack's tokens, and may
have changed since it began.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from cli.home import locate
from midwatch.errors import HouseError, LedgerError, MidwatchError
from midwatch.ledger import AskRow
from midwatch.mandate import Terms
from midwatch.policy.offers import Bounds, Offer

SECONDS: Final = 120.0


async def proposed(rows: Sequence[AskRow]) -> list[str]:
    """The narrow rule for each of these calls, written down; in force is nothing. Why not, where there is none."""
    try:
        return [str(text) for text in await _printed("cli.always", *(row.ask_id for row in rows))]
    except (HouseError, ValueError) as error:
        return [f"No rule is proposed: {error}"]


async def offered(row: AskRow, bounds: Bounds) -> Offer:
    """The mandate for calls like the one of `row`.

    Raises:
        LedgerError: none can be made of it; says why.
        HouseError: it could not be worked out.
    """
    facts = await _printed("cli.widening", row.ask_id, str(bounds.uses), bounds.until.isoformat())
    if "fault" in facts:
        raise LedgerError(facts["fault"])
    said = {**facts["terms"], "rules": tuple(facts["terms"]["rules"]), "until": bounds.until, "uses": bounds.uses}
    return Offer(terms=Terms(**said), words=tuple(facts["words"]))


async def _printed(module: str, *argv: str) -> Any:
    """What a process of its own prints; what it complains about stands in this one's log."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *argv), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), timeout=SECONDS)
    except TimeoutError:
        raise HouseError(f"it could not be worked out within {SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise HouseError("it could not be worked out; the log of this door (`.midwatch/logs`) says why")
    return json.loads(said)


async def _worked_out(ask_id: str, uses: int, until: datetime) -> dict[str, Any]:
    from blocks.ledger import open_ledger
    from cli.offered import offered as offer_of

    house = locate(os.environ)
    try:
        async with await open_ledger(house.home) as ledger:
            row = await ledger.ask(ask_id)
        offer = await offer_of(house, row, uses=uses, until=until)
    except MidwatchError as error:
        return {"fault": str(error)}
    terms = {name: fact for name, fact in asdict(offer.terms).items() if name not in ("uses", "until")}
    return {"terms": terms, "words": list(offer.words)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_worked_out(sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])))))
