"""The house: when did these agents last do well, for a ledger that the lookout cannot read itself? JSON on standard output."""

from __future__ import annotations

import asyncio
import json
import sys

from cli.ledger import with_ledger
from midwatch.ledger import Ledger


async def newest(ledger: Ledger, agents: list[str]) -> dict[str, float]:
    """Seconds since the epoch, by agent; one that never did is not among them."""
    await ledger.open_ask_ids()
    found = {agent: await ledger.last_green(agent) for agent in agents}
    return {agent: at.timestamp() for agent, at in found.items() if at is not None}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(with_ledger(lambda ledger: newest(ledger, sys.argv[1:])))))
