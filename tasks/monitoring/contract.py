"""Monitoring: does the contract hold? Every check of an agent's file, answered by looking at the world."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Literal, assert_never

from midwatch.contract import Check, Contract, Finding
from midwatch.run import RunFacts
from tasks.monitoring.checks import command, file, http, python, sql

Which = Literal["done", "noop"]

TOTAL_SECONDS: Final = 300.0
"""For all checks together. A check that is not through by then did not hold."""


async def check_contract(
    contract: Contract, facts: RunFacts, *, which: Which, at_most_seconds: float = TOTAL_SECONDS
) -> list[Finding]:
    """What each check of `done_when` or `noop_when` saw, in the order of the file. Never raises for a check.

    Files, addresses and databases are looked at together; commands and functions, which may get in each other's way,
    one after the other.
    """
    checks = contract.done_when if which == "done" else contract.noop_when
    deadline = asyncio.get_running_loop().time() + at_most_seconds
    found: dict[int, list[Finding]] = {}

    async def take(positions: Sequence[int]) -> None:
        for position in positions:
            found[position] = await _by(deadline, checks[position], facts)

    in_turn = [position for position, check in enumerate(checks) if check.command or check.python]
    at_once = [[position] for position in range(len(checks)) if position not in in_turn]
    await asyncio.gather(take(in_turn), *(take(positions) for positions in at_once))
    return [finding for position in range(len(checks)) for finding in found[position]]


def title(check: Check) -> str:
    """What the report calls a check."""
    if check.name:
        return check.name
    match check.kinds()[0]:
        case "file":
            return f"file {check.file.path}" if check.file else ""
        case "command":
            return f"command {' '.join(check.command.argv)}"[:80] if check.command else ""
        case "http":
            return f"GET {check.http.url}"[:80] if check.http else ""
        case "sql":
            return f"sql {check.sql.query}"[:80] if check.sql else ""
        case "python":
            return f"python {check.python}"
        case kind:
            assert_never(kind)


async def _by(deadline: float, check: Check, facts: RunFacts) -> list[Finding]:
    """Fail closed: a check that throws or is late did not hold."""
    name = title(check)
    timer = asyncio.timeout_at(deadline)
    try:
        async with timer:
            return await _look(check, name, facts)
    except Exception as error:
        late = isinstance(error, TimeoutError) and timer.expired()
        said = "the time for the whole contract was used up" if late else f"{type(error).__name__}: {error}"
        return [Finding(check=name, held=False, looked=False, detail=said[:500])]


async def _look(check: Check, name: str, facts: RunFacts) -> list[Finding]:
    if check.file:
        return [await file.look(check.file, name, facts)]
    if check.command:
        return [await command.look(check.command, name, facts)]
    if check.http:
        return [await http.look(check.http, name, facts)]
    if check.sql:
        return [await sql.look(check.sql, name, facts)]
    return await python.look(check.python or "", name, facts)
