"""Permissions: has a person allowed ahead of time what would be asked now? Read from the ledger anew for each such call.

Nothing that the conversation holds counts, only what stands in the ledger. A use is drawn in the transaction in which the
call begins, so that the last one is given once, whoever races for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from midwatch.calls import Call
from midwatch.characters import visible
from midwatch.decision import Decision
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.mandate import Mandate
from midwatch.policy import Policy, PolicyContext
from midwatch.policy.mandates import Around, standing
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts
from midwatch.window import Draw
from tasks.permissions.labels import RunLabels


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A question as the mandates leave it."""

    decision: Decision
    draws: tuple[Draw, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mandates:
    """Of one run's agent."""

    facts: RunFacts
    ledger: Ledger
    policy: Policy

    async def answer(
        self,
        asked: Decision,
        call: Call,
        facts: ToolFacts,
        definition: str,
        context: PolicyContext,
        labels: RunLabels,
        call_id: str,
    ) -> Answered:
        """`asked`, or an allow by the first signed mandate that lets the call through; else also why one does not.

        Args:
            definition: hash of the tool's definition.
            call_id: as the ledger knows the call; what it has drawn in an earlier life of the run is its own.
        """
        now = datetime.now(UTC)
        around = Around(
            call=call,
            facts=facts,
            definition=definition,
            context=context,
            labels=labels.known(),
            origins=labels.origins,
            looked_up=labels.looked_up,
        )
        notes: list[str] = []
        for mandate in await self.ledger.mandates_in_force(self.facts.agent, now):
            try:
                answer = await self._by(mandate, asked, around, now, call_id)
            except LedgerError:
                raise
            except Exception as error:
                said = f"mandate {mandate.mandate_id} cannot be read, so it grants nothing"
                answer = f"{said} ({type(error).__name__}: {error})"
            if isinstance(answer, Answered):
                return answer
            notes.append(answer)
        return Answered(decision=_told(asked, notes))

    async def _by(
        self, mandate: Mandate, asked: Decision, around: Around, now: datetime, call_id: str
    ) -> Answered | str:
        """By this mandate; or why not, "" where it does not speak of the call."""
        if over := mandate.over(self.facts.agent, now):
            return over
        it = standing(mandate, self.policy)
        if not it.speaks_of(around.call.tool):
            return ""
        cover = it.covers(around)
        if not cover.held:
            return cover.why_not
        run_id = self.facts.run_id
        spent = await self.ledger.spent_in(self.facts.agent, it.windows, now, run_id=run_id, call_id=call_id)
        room = it.leaves_room(around, spent)
        if not room.held:
            return room.why_not
        return Answered(decision=it.lifted(asked, spent), draws=it.draws(around.call))


def _told(asked: Decision, notes: Sequence[str]) -> Decision:
    said = "; ".join(dict.fromkeys(note for note in notes if note))
    return replace(asked, reason=f"{asked.reason}; {visible(said)}") if said else asked
