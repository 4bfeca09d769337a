"""Harness: what does the flow do that is started when an agent was silent? It looks itself, and writes the alarm."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from prefect.logging import get_run_logger

from blocks.ledger import open_ledger
from tasks.harness.place import place
from tasks.monitoring.silence import raise_silence


async def noticed(agent: str) -> str:
    """The body of `flows/silence.py`; returns what was done."""
    here = place(os.environ)
    async with await open_ledger(here.home) as ledger:
        line = await raise_silence(ledger, here.agents, agent, datetime.now(UTC))
    get_run_logger().warning(line)
    return line
