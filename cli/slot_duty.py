"""The house: does the keeper see to every slot of every schedule? One round, with the breakers and the halts beside it."""

from __future__ import annotations

from datetime import datetime

from cli.duty import Rounds
from midwatch.halt import Halt, Target
from midwatch.ledger import Ledger
from midwatch.slots import Stopped
from tasks.harness.place import Place
from tasks.permissions.halting import set_halt
from tasks.triggers.keeping import SlotRound
from tasks.triggers.schedules import held_by_breakers


async def keep_slots(rounds: Rounds, now: datetime) -> list[str]:
    """Slots that have come due get their run, or their reason."""
    halts = await rounds.ledger.halts_in_force()
    return await SlotRound(
        client=rounds.client,
        ledger=rounds.ledger,
        agents=rounds.agents,
        now=now,
        held=await held_by_breakers(rounds.ledger),
        stopped=lambda agent: _stopped(agent, halts),
        halt=_Replacing(rounds.here, rounds.ledger, now),
    ).run()


class _Replacing:
    """Ends the run that a later slot takes the place of."""

    def __init__(self, here: Place, ledger: Ledger, now: datetime) -> None:
        self._here, self._ledger, self._now = here, ledger, now

    async def __call__(self, agent: str, run_id: str) -> None:
        because = f"the next slot of {agent} is due, and its file says `overlap: replace`"
        await set_halt(
            self._here.home,
            self._ledger,
            Target("run", run_id),
            by="the schedule",
            via="keeper",
            because=because,
            now=self._now,
        )


def _stopped(agent: str, halts: list[Halt]) -> Stopped | None:
    halt = next((one for one in halts if one.covers(agent)), None)
    return Stopped(why="halt", reason=halt.words()) if halt is not None else None
