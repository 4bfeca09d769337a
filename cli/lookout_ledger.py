"""The house: when did these agents last do well, for a ledger that the lookout cannot read itself? JSON on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from blocks.ledger import open_ledger
from cli.home import locate


async def _newest(agents: list[str]) -> dict[str, float]:
    async with await open_ledger(locate(os.environ).home) as ledger:
        await ledger.open_ask_ids()
        found = {agent: await ledger.last_green(agent) for agent in agents}
    return {agent: at.timestamp() for agent, at in found.items() if at is not None}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_newest(sys.argv[1:]))))
