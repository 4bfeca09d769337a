"""The ledger: is this tool of an MCP server still what it was when it was first used, or when a person last looked?

A server that an agent has used is pinned as a whole: a tool that it grows later is as suspect as one that it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import select, update

from midwatch.errors import LedgerError
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import pins as table
from midwatch.ledger.transaction import Read, Write, reads, writes

FIRST_USE: Final = "first use"
"""Who pinned what was there when a server was used for the first time."""

PinState = Literal["pinned", "changed", "new"]
Served = tuple[str, str]
"""Server and tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One tool of one server, as one agent knows it. Definitions are `served_tool.definition_of` it."""

    agent: str
    server: str
    tool: str
    pinned: str | None
    """The definition that stands; None: nobody has looked at this tool yet."""
    pinned_at: datetime | None
    by: str | None
    seen: str
    """The definition that the server gave last."""
    seen_at: datetime
    """When it gave it for the first time."""

    @property
    def state(self) -> PinState:
        if self.pinned is None:
            return "new"
        return "pinned" if self.pinned == self.seen else "changed"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the server gave last: what a person accepts."""
        return sha256(self.seen)


@writes()
def see_tools(tx: Write, agent: str, definitions: Mapping[Served, str], *, first_use: bool) -> list[Pin]:
    """Note what servers give as their tools; every pin of the agent after that.

    `first_use`: pin what a server gives that the agent has never met. Only for all the tools of a server together.
    """
    known = {(pin.server, pin.tool): pin for pin in _pins(tx, agent)}
    met = {server for server, _ in known}
    for (server, tool), definition in definitions.items():
        pin = known.get((server, tool))
        if pin is None:
            _enter(tx, agent, server, tool, definition, first=first_use and server not in met)
        elif pin.seen != definition:
            _set(tx, pin, seen=definition, seen_at=tx.at)
            tx.journal(
                "tool_changed", None, agent=agent, server=server, tool=tool, definition_sha256=sha256(definition)
            )
    return _pins(tx, agent)


def _enter(tx: Write, agent: str, server: str, tool: str, definition: str, *, first: bool) -> None:
    pinned = {"pinned": definition, "pinned_at": tx.at, "by": FIRST_USE} if first else {}
    key = {"agent": agent, "server": server, "tool": tool}
    tx.insert(table, **key, seen=definition, seen_at=tx.at, **pinned)
    tx.journal("tool_pinned" if first else "tool_grown", None, **key, definition_sha256=sha256(definition))


@writes()
def accept_tools(tx: Write, agent: str, server: str, shown: Mapping[str, str], *, by: str) -> list[Pin]:
    """Pin tools anew, as a person was shown them: by tool, the `Pin.digest` that was shown.

    Raises:
        LedgerError: one of them is not there, or has changed again since it was shown; nothing is accepted then.
    """
    if not by.strip():
        raise LedgerError(f"who accepts the tools of {server!r}? No name is given")
    known = {pin.tool: pin for pin in _pins(tx, agent) if pin.server == server}
    for tool, digest in shown.items():
        if tool not in known or known[tool].digest != digest:
            raise LedgerError(
                f"{tool!r} of {server!r} is not what was shown: look at it again (`midwatch pins {agent}`)"
            )
        _set(tx, known[tool], pinned=known[tool].seen, pinned_at=tx.at, by=by)
        tx.journal("tool_accepted", None, agent=agent, server=server, tool=tool, definition_sha256=digest, by=by)
    return [pin for pin in _pins(tx, agent) if pin.server == server]


def _set(tx: Write, pin: Pin, **values: object) -> None:
    same = (table.c.agent == pin.agent, table.c.server == pin.server, table.c.tool == pin.tool)
    tx.changed(update(table).where(*same).values(**values))


@reads
def pins(tx: Read, agent: str | None = None) -> list[Pin]:
    """Every pin by agent, server and tool; of one agent or of all."""
    return _pins(tx, agent)


@reads
def pinned_tools(tx: Read, agent: str) -> dict[Served, str]:
    """The definitions that stand, of all servers that the agent has ever had."""
    return {(pin.server, pin.tool): pin.pinned for pin in _pins(tx, agent) if pin.pinned is not None}


def _pins(tx: Read, agent: str | None) -> list[Pin]:
    query = select(table).order_by(table.c.agent, table.c.server, table.c.tool)
    return [Pin(**row) for row in tx.all(query if agent is None else query.where(table.c.agent == agent))]
