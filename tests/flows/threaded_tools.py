"""A plain function that goes on and on, where nothing can cancel it."""

from __future__ import annotations

import time

from midwatch.risk import tool
from tests.flows.places import world


@tool(risk="write")
def tell_everybody(agent: str) -> str:
    """One after the other."""
    world(agent).mkdir(parents=True, exist_ok=True)
    for number in range(600):
        with (world(agent) / "lines").open("a") as file:
            file.write(f"{number}\n")
        time.sleep(0.1)
    return "told"
