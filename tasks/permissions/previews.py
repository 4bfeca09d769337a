"""Permissions: what would a call change? As its tool shows it, when a person is asked and again behind their yes."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final

from midwatch.ask_context import LONGEST, Preview
from midwatch.calls import Call, plain
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts

SECONDS: Final = 20.0


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
    return shown if shown is None or len(shown.text) <= LONGEST else _without_text(shown)


def _without_text(shown: Preview) -> Preview:
    """What is too long to be shown still binds: by its hash, and by what stands there. The arguments are shown whole."""
    size, seal = f"{len(shown.text):,} characters", sha256(shown.text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    text = f"It is too long to be shown here ({size}, SHA-256 {seal}…)."
    return shown.model_copy(update={"text": text, "form": "lines", "instead_of": ()})
