"""Chaos: what can the agent do? One tool for each promise that a tool can make, and the contract's one check."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.chaos_run.world import living
from midwatch.contract import Finding
from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts

SHAKY: Final = "shaky"
"""What begins so throws the first time."""
WANTED: Final = "wanted.json"
"""What the contract wants to find in the world: a list of [tool, arguments], in the project's folder."""


class Jammed(Exception):
    """A tool that does not do it this time."""


async def _at(where: str) -> None:
    """A boundary. The calls of one turn take turns here."""
    await asyncio.sleep(0)
    living().fuse.reached(where)


def _jams_once(name: str, args: Mapping[str, Any]) -> None:
    world = living().world
    if str(next(iter(args.values()))).startswith(SHAKY) and not world.saw(name, args, "threw"):
        world.mark(name, args, "threw")
        raise Jammed("the door is jammed")


async def probe_entry(_: RunFacts, arguments: Mapping[str, Any]) -> ProbeAnswer:
    """Half an entry tells nothing: whoever wrote it may be about to write the other half."""
    world = living().world
    if world.saw("entry", arguments, "did"):
        return "happened"
    return "cannot_tell" if world.saw("entry", arguments, "began") else "did_not_happen"


async def probe_order(_: RunFacts, arguments: Mapping[str, Any]) -> ProbeAnswer:
    """An order is there or it is not."""
    return "happened" if living().world.saw("order", arguments, "did") else "did_not_happen"


@tool(risk="read")
async def look(shelf: str) -> str:
    """Look at a shelf."""
    args = {"shelf": shelf}
    await _at("look: before")
    _jams_once("look", args)
    living().world.mark("look", args, "did")
    await _at("look: after")
    return f"{shelf} is full"


@tool(risk="write", idempotent=True)
async def label(name: str, idempotency_key: str) -> str:
    """Put a label on. The world knows a request that it has served by its key; it throws, if at all, when it has."""
    world, args = living().world, {"name": name}
    await _at("label: before")
    world.mark("label", args, "began", idempotency_key)
    await _at("label: between")
    if not world.saw("label", args, "did", key=idempotency_key):
        world.mark("label", args, "did", idempotency_key)
    await _at("label: after")
    _jams_once("label", args)
    return f"{name} is labelled"


@tool(risk="write", probe=probe_entry)
async def entry(line: str) -> str:
    """Write a line, in two halves. It can be read back; it throws, if at all, before it has written anything."""
    world, args = living().world, {"line": line}
    await _at("entry: before")
    _jams_once("entry", args)
    world.mark("entry", args, "began")
    await _at("entry: between")
    world.mark("entry", args, "did")
    await _at("entry: after")
    return f"{line} is entered"


@tool(risk="egress", sinks=())
async def post(line: str) -> str:
    """Send a line off. Nobody can tell afterwards whether it went."""
    world, args = living().world, {"line": line}
    await _at("post: before")
    _jams_once("post", args)
    world.mark("post", args, "did")
    await _at("post: after")
    return f"{line} is posted"


@tool(risk="money", probe=probe_order)
async def order(item: str, amount: int) -> str:
    """Order something. A person is asked before."""
    args = {"item": item, "amount": amount}
    await _at("order: before")
    living().world.mark("order", args, "did")
    await _at("order: after")
    return f"{amount} of {item} are ordered"


@tool(risk="destroy")
async def burn(papers: str) -> str:
    """Burn papers. A rule denies it."""
    living().world.mark("burn", {"papers": papers}, "did")
    return f"{papers} are burnt"


async def all_there(facts: RunFacts) -> list[Finding]:
    """The contract: everything that is wanted is in the world."""
    living().fuse.reached("contract: before")
    wanted = json.loads((facts.project / WANTED).read_text())
    missing = [f"{name} {args}" for name, args in wanted if not living().world.saw(name, args, "did")]
    living().fuse.reached("contract: after")
    return [
        Finding(check="all there", held=not missing, detail=f"missing: {missing}" if missing else "nothing missing")
    ]
