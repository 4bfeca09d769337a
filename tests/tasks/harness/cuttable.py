"""Tools that say what they really did, and of which any may be the last thing that a process does."""

from __future__ import annotations

from typing import Any, Final

from midwatch.risk import tool
from tests.tasks.harness.lives import Cut

WORLD: list[str] = []
"""What the tools really did."""
CUT: set[str] = set()
"""Where the process is lost, once."""


def reach(place: str) -> None:
    """Raises Cut at a place that is in `CUT`."""
    if place in CUT:
        CUT.remove(place)
        raise Cut(place)


@tool(risk="read")
async def look(what: str) -> str:
    """Look."""
    WORLD.append(f"look {what}")
    reach(f"in look {what}")
    return f"{what} is there"


@tool(risk="write", idempotent=True)
async def put(what: str) -> str:
    """Put."""
    reach(f"before put {what}")
    WORLD.append(f"put {what}")
    reach(f"after put {what}")
    return "put"


LOOK: Final[dict[str, Any]] = {"python": f"{__name__}:look"}
PUT: Final[dict[str, Any]] = {"python": f"{__name__}:put"}
"""As an agent's file names them."""
