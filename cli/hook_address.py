"""The receiver: where do webhooks come in, and if nowhere, what is to be done about it?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cli.children import from_outside
from cli.home import ADDRESS, House
from cli.ports import port_in
from midwatch.errors import HouseError

PORT: Final = "hooks.port"
"""File in the home that keeps it for every later start: proxies name it."""
AGAIN: Final = "the house reads what it needs for this when it starts: `midwatch down`, then `midwatch up`"


def hook_url(house: House, agent: str = "AGENT", name: str = "NAME") -> str:
    """A webhook's address on this machine; without the port where no receiver has ever listened.

    Raises:
        HouseError: the file of the port holds none.
    """
    port = port_in(house.home / PORT)
    return f"{f'http://{ADDRESS}:{port}' if port else ''}/hooks/{agent}/{name}"


def hooks_said(house: House, keeps: Collection[str]) -> str:
    """One line about it, of a house that keeps these processes; empty where no agent has a trigger from outside."""
    if "receiver" not in keeps:
        return f"an agent has a trigger from outside now; {AGAIN}" if from_outside(house) else ""
    try:
        return hook_url(house)
    except HouseError as error:
        return str(error)
