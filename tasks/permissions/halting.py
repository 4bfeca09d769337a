"""Permissions: how is somebody halted, and let go again, whatever the door? Both latches, the disk's and the ledger's.

The disk first when they are set, and last when they are lifted; one of them that cannot be set does not keep the other from
it, and nothing is lifted while one of them cannot be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from midwatch.errors import LedgerError
from midwatch.halt import Halt, Target
from midwatch.ledger import Ledger
from tasks.permissions.latch import Latch

LIFTED: Final = "the reason is over"
LEDGER_SECONDS: Final = 10.0
"""Until a ledger that does not answer is left alone; the latch on disk stands by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltSet:
    """What came of a halt: at least one of the two latches is set."""

    halt: Halt
    """What stands now; one that was set before stands as it was."""
    faults: tuple[str, ...] = ()
    """Why one of the two could not be set."""


WithLedger = Callable[[Callable[[Ledger], Awaitable[HaltSet]]], Awaitable[HaltSet]]
"""Opens the ledger, does that with it and closes it."""


async def set_halt(
    home: Path, ledger: Ledger | None, target: Target, *, by: str, via: str, because: str, now: datetime
) -> HaltSet:
    """Halt a target. Good as often as one likes.

    Args:
        ledger: None where it cannot even be opened.

    Raises:
        LedgerError: neither latch could be set, or who or why is missing.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"who halts {target.words()}, and why? One of them is empty")
    wanted = Halt(scope=target.scope, name=target.name, by=by, via=via, because=because, at=now)
    standing: list[Halt] = []
    faults: list[str] = []
    try:
        standing.append(Latch(home).set(wanted))
    except OSError as error:
        faults.append(f"the latch on disk could not be set: {error}")
    try:
        if ledger is None:
            raise LedgerError("it cannot be opened")
        standing.append(await ledger.halt(target, by=by, via=via, because=because))
    except LedgerError as error:
        faults.append(f"the latch in the ledger could not be set: {error}")
    if not standing:
        raise LedgerError(f"{target.words()} is NOT halted: {'; '.join(faults)}")
    return HaltSet(halt=standing[0], faults=tuple(faults))


async def halt_at_once(home: Path, wanted: Halt, with_ledger: WithLedger) -> HaltSet:
    """The latch on disk before the ledger is even opened, and whatever is wrong with that; it may hang for so long.

    Raises:
        LedgerError: neither latch could be set.
    """
    with suppress(OSError):
        Latch(home).set(wanted)
    said = {"by": wanted.by, "via": wanted.via, "because": wanted.because}

    async def both(ledger: Ledger) -> HaltSet:
        await ledger.migrate()
        return await set_halt(home, ledger, wanted.target, **said, now=wanted.at)

    try:
        async with asyncio.timeout(LEDGER_SECONDS):
            return await with_ledger(both)
    except Exception as error:  # whatever is wrong with the ledger, the latch on disk is to stand
        done = await set_halt(home, None, wanted.target, **said, now=wanted.at)
        why = "it does not answer" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return HaltSet(halt=done.halt, faults=(f"the latch in the ledger could not be set: {why}",))


async def lift(home: Path, ledger: Ledger, target: Target, *, by: str, via: str, because: str = LIFTED) -> Halt | None:
    """Let a target go again; None where neither latch of it was set.

    Raises:
        LedgerError: one of the two could not be lifted, so that it is still halted.
    """
    on_disk = Latch(home).at(target)
    in_ledger = await ledger.lift_halt(target, by=by, via=via, because=because)
    try:
        Latch(home).lift(target)
    except OSError as error:
        raise LedgerError(
            f"{target.words()} is still halted: its latch on disk cannot be taken away: {error}"
        ) from error
    return in_ledger or on_disk


async def in_force(home: Path, ledger: Ledger) -> list[Halt]:
    """Whatever is halted by either latch, the oldest first."""
    return together(Latch(home).standing(), await ledger.halts_in_force())


def together(on_disk: list[Halt], in_ledger: list[Halt]) -> list[Halt]:
    """One for each target."""
    one_each = {halt.target: halt for halt in [*in_ledger, *on_disk]}
    return sorted(one_each.values(), key=lambda halt: (halt.at, halt.scope, halt.name))
