"""Monitoring: does the contract hold? Every check of an agent's file, answered by looking at the world."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, assert_never

from midwatch.contract import Check, Contract, Finding, Part
from midwatch.contract.check import NEEDS_A_BEFORE
from midwatch.run import RunFacts
from tasks.monitoring.checks import change, command, effects, file, files, http, one_place, python, sql, unchanged
from tasks.monitoring.evidence import CannotLook, Evidence, blind

TOTAL_SECONDS: Final = 300.0
"""For all checks together. A check that is not through by then did not hold."""

BEFORE: Final = "contract/before"
"""Position in the run of what was written down when it began."""

NOTHING: Final = Evidence()


async def check_contract(
    contract: Contract,
    facts: RunFacts,
    *,
    which: Part,
    evidence: Evidence = NOTHING,
    at_most_seconds: float = TOTAL_SECONDS,
) -> list[Finding]:
    """What each check of one part saw, in the order of the file. Never raises for a check.

    Files, addresses and databases are looked at together; commands and functions, which may get in each other's way,
    one after the other.
    """
    checks = contract.part(which)
    deadline = asyncio.get_running_loop().time() + at_most_seconds
    found: dict[int, list[Finding]] = {}

    async def take(positions: Sequence[int]) -> None:
        for position in positions:
            found[position] = await _by(deadline, checks[position], facts, f"{which}/{position}", evidence)

    in_turn = [position for position, check in enumerate(checks) if check.command or check.python]
    at_once = [[position] for position in range(len(checks)) if position not in in_turn]
    await asyncio.gather(take(in_turn), *(take(positions) for positions in at_once))
    return [finding for position in range(len(checks)) for finding in found[position]]


def needs_a_before(contract: Contract) -> bool:
    """Whether anything has to be written down when a run begins."""
    return any(check.kind in NEEDS_A_BEFORE for check in (*contract.done_when, *contract.invariants))


async def before(contract: Contract, facts: RunFacts, *, at_most_seconds: float = TOTAL_SECONDS) -> dict[str, Any]:
    """How things are now, for `Evidence.before`. What could not look says why; it will not hold afterwards."""
    parts: tuple[Part, ...] = ("done_when", "invariants")
    places = {f"{part}/{at}": check for part in parts for at, check in enumerate(contract.part(part))}
    needed = {place: check for place, check in places.items() if check.kind in NEEDS_A_BEFORE}
    deadline = asyncio.get_running_loop().time() + at_most_seconds
    seen = await asyncio.gather(*(_seen(check, facts, deadline) for check in needed.values()))
    return dict(zip(needed, seen, strict=True))


def title(check: Check) -> str:
    """What the report calls a check."""
    if check.name:
        return check.name
    match check.kind:
        case "file":
            return f"file {check.file.path}" if check.file else ""
        case "files":
            return f"files {check.files.glob}" if check.files else ""
        case "command":
            return f"command {' '.join(check.command.argv)}"[:80] if check.command else ""
        case "http":
            return f"GET {check.http.url}"[:80] if check.http else ""
        case "sql":
            return f"sql {check.sql.query}"[:80] if check.sql else ""
        case "python":
            return f"python {check.python}"
        case "unchanged":
            return f"unchanged in {check.unchanged.within}" if check.unchanged else ""
        case "one_place":
            return f"{check.one_place.inputs} in one place" if check.one_place else ""
        case "change":
            return f"change of {_number_of(check)}"[:80]
        case "effects":
            return f"effects of {check.effects.tool}" if check.effects else ""
        case kind:
            assert_never(kind)


def _number_of(check: Check) -> str:
    change = check.change
    return "" if change is None else change.file or (change.sql.query if change.sql else "")


async def _by(deadline: float, check: Check, facts: RunFacts, place: str, evidence: Evidence) -> list[Finding]:
    """Fail closed: a check that throws or is late did not hold."""
    timer = asyncio.timeout_at(deadline)
    try:
        async with timer:
            return await _look(check, title(check), facts, place, evidence)
    except CannotLook as error:
        return [blind(title(check), error)]
    except Exception as error:
        late = isinstance(error, TimeoutError) and timer.expired()
        said = "the time for the whole contract was used up" if late else f"{type(error).__name__}: {error}"
        return [blind(title(check), said)]


async def _look(check: Check, name: str, facts: RunFacts, place: str, evidence: Evidence) -> list[Finding]:
    if check.file:
        return [await file.look(check.file, name, facts)]
    if check.files:
        return [await files.look(check.files, name, facts, must_be_there=place.startswith("noop_when/"))]
    if check.command:
        return [await command.look(check.command, name, facts)]
    if check.http:
        return [await http.look(check.http, name, facts)]
    if check.sql:
        return [await sql.look(check.sql, name, facts)]
    if check.unchanged:
        return [await unchanged.look(check.unchanged, name, facts, evidence.was(place))]
    if check.one_place:
        return [await one_place.look(check.one_place, name, facts, evidence.was(place))]
    if check.change:
        return [await change.look(check.change, name, facts, evidence.was(place))]
    if check.effects:
        return [await effects.look(check.effects, name, facts, evidence, place)]
    return await python.look(check.python or "", name, facts)


async def _seen(check: Check, facts: RunFacts, deadline: float) -> dict[str, Any]:
    """`seen`: what a check will compare with; `fault`: why it could not look."""
    try:
        async with asyncio.timeout_at(deadline):
            return {"seen": await _snapshot(check, facts)}
    except Exception as error:
        return {"fault": str(error) or type(error).__name__}


async def _snapshot(check: Check, facts: RunFacts) -> Any:
    if check.unchanged:
        return await unchanged.before(check.unchanged, facts)
    if check.one_place:
        return await one_place.before(check.one_place, facts)
    if check.change:
        return await change.before(check.change, facts)
    raise CannotLook(f"nothing is written down for a check of the kind {check.kind}")
