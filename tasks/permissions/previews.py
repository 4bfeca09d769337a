"""Permissions: what would a call change? As its tool shows it, when a person is asked and again behind their yes."""

from __future__ import annotations

import asyncio
from typing import Final

from midwatch.ask_context import Preview
from midwatch.calls import Call, plain
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts

SECONDS: Final = 20.0
LONGEST: Final = 200_000
"""Characters of a preview; beyond, the arguments are shown as they are."""


async def preview_of(call: Call, facts: ToolFacts, run: RunFacts) -> Preview | None:
    """What the tool shows of `call`; None where it shows nothing, or cannot: then all arguments are shown as they are.

    A tool that could show it once and cannot now is not what was shown, so nothing is lost here that a yes stood on.
    """
    if facts.preview is None:
        return None
    try:
        async with asyncio.timeout(SECONDS):
            shown = await facts.preview(run, plain(call.args))
    except Exception:
        return None
    return shown if shown is not None and len(shown.text) <= LONGEST else None
