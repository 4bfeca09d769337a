"""Harness: how does a halt reach a run at work, even in the middle of a call that hangs? It is watched, and cut off.

Beside the work one task looks at the latch on disk five times a second, which works whatever else is down, and another at
the one in the ledger once a second, which reaches the workers of other machines. Neither waits for the other: to read the
ledger may take as long as somebody else writes. Before each step and each effect both are read anyway (`record.py`,
`Ledger.reserve`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from midwatch.errors import Halted, Interrupted, LedgerError
from midwatch.halt import Halt
from midwatch.ledger import AskRow, Ledger
from midwatch.run import RunFacts
from tasks.harness.last_resort import ended_if_deaf
from tasks.permissions.latch import Latch

DISK_SECONDS: Final = 0.2
LEDGER_SECONDS: Final = 1.0


@dataclass(kw_only=True)
class Halting:
    """Both latches, as one run sees them."""

    facts: RunFacts
    ledger: Ledger
    disk_seconds: float = DISK_SECONDS
    ledger_seconds: float = LEDGER_SECONDS

    async def now(self) -> Halt | None:
        """The halt that covers the run. Raises LedgerError where only the ledger could tell, and cannot."""
        agent, run_id = self.facts.agent, self.facts.run_id
        return Latch(self.facts.home).on(agent, run_id) or await self.ledger.halt_of(agent, run_id)

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """Around the work between two pauses.

        Raises:
            Halted: a latch is set, before the work or while it was under way.
        """
        if (halt := await self.now()) is not None:
            raise Halted(halt.words())
        said: list[str] = []
        timer = asyncio.timeout(None)
        try:
            async with timer, self._watched(timer, said):
                with ended_if_deaf(self.facts):
                    yield
        except Interrupted:
            raise
        except Exception as error:
            if said and timer.expired():
                raise Halted(said[0]) from error
            raise

    @asynccontextmanager
    async def _watched(self, timer: asyncio.Timeout, said: list[str]) -> AsyncIterator[None]:
        looks = ((self._on_disk, self.disk_seconds), (self._in_ledger, self.ledger_seconds))
        watching = [asyncio.create_task(self._watch(look, seconds, timer, said)) for look, seconds in looks]
        try:
            yield
        finally:
            for one in watching:
                one.cancel()
            await asyncio.wait(watching)

    async def _watch(
        self, look: Callable[[], Awaitable[Halt | None]], seconds: float, timer: asyncio.Timeout, said: list[str]
    ) -> None:
        """Ends the time of the work as soon as this latch is set, or cannot be watched any more."""
        try:
            while (halt := await look()) is None:  # noqa: ASYNC110  # nobody tells of a file, or of a row
                await asyncio.sleep(seconds)
            said.append(halt.words())
        except Exception as error:
            said.append(
                f"the halt latch cannot be watched any more ({type(error).__name__}: {error}), which stops the run"
            )
        timer.reschedule(asyncio.get_running_loop().time())

    async def _on_disk(self) -> Halt | None:
        return Latch(self.facts.home).on(self.facts.agent, self.facts.run_id)

    async def _in_ledger(self) -> Halt | None:
        """A ledger that is away lets no effect begin, and says nothing here."""
        with suppress(LedgerError):
            return await self.ledger.halt_of(self.facts.agent, self.facts.run_id)
        return None


async def let_go_of_ended(home: Path, ledger: Ledger) -> list[str]:
    """Take away the latches on disk of single runs that have ended, however; the ledger has lifted its own already.

    They would stop nothing, and everybody who looks would be told of them.
    """
    ended: list[str] = []
    for halt in Latch(home).standing():
        if halt.scope == "run" and (row := await ledger.run(halt.name)) is not None and row.outcome is not None:
            with suppress(OSError):
                ended += [halt.name] if Latch(home).lift(halt.target) else []
    return ended


def not_done(halt: Halt, asks: list[AskRow]) -> str:
    """Why a run ends that met the latch before its first step, and what was decided in vain."""
    granted = [row for row in asks if row.verdict in ("approved", "edited") and row.spent_at is None]
    if not granted:
        return halt.words()
    calls = ", ".join(f"{row.tool} {row.args_json} ({row.by} said yes)" for row in granted[:3])
    more = f" and {len(granted) - 3} more" if len(granted) > 3 else ""
    return f"{halt.words()}. Approved and not done: {calls}{more}; ask for it anew in a run after the halt"
