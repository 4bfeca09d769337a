"""Harness: what has each agent earned by now? The system proposes, a person promotes; what is not due any more is withdrawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State, StateType

from blocks.ledger import open_ledger
from midwatch.agents import Agents
from midwatch.characters import visible
from midwatch.ladder_view import ENOUGH, LadderView, Rung, due, view_of
from midwatch.ledger import Ledger
from midwatch.ledger.evidence import as_told
from midwatch.rung_five import StandIns
from midwatch.sparkline import sparkline
from midwatch.spec import AgentSpec
from midwatch.stand_ins import stand_ins
from tasks.harness.place import place
from tasks.harness.worth_review import review_worth

WITHDRAWN = "the evidence does not speak for it any more"


async def review_all() -> State[Any]:
    """Every agent that has a file. Failed, after all of them, where a file cannot be read or evidence is in doubt."""
    here, now = place(os.environ), datetime.now(UTC)
    specs, wrong = Agents(folder=here.agents).every()
    lines: list[str] = []
    doubted = False
    async with await open_ledger(here.home) as ledger:
        await ledger.migrate()
        for spec in specs.values():
            found = await review(ledger, spec, await stand_ins(ledger, spec, here.home, now), now)
            lines += found.lines
            doubted |= bool(found.doubt)
            await acreate_markdown_artifact(
                key=f"{spec.name}-ladder", markdown=as_markdown(found.view), description=_stands(found.view)
            )
            lines += await review_worth(ledger, spec, now)
    lines += [f"not judged: {error}" for error in wrong]
    kind = StateType.FAILED if wrong or doubted else StateType.COMPLETED
    return State(type=kind, message="; ".join(lines) or "nothing to propose")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One agent."""

    view: LadderView
    lines: tuple[str, ...]
    """What was proposed and withdrawn."""
    doubt: str
    """What the journal does not bear out of evidence that was to be proposed on; "" where all of it holds."""


async def review(ledger: Ledger, spec: AgentSpec, seen: StandIns, now: datetime) -> Reviewed:
    """Propose what is due, and withdraw what is not any more.

    Nothing is proposed on evidence that the journal does not bear out, and what was proposed before is withdrawn.
    """
    view = await view_of(ledger, spec, seen, now)
    wanted = due(view)
    doubt = await ledger.evidence_doubt(spec.name) if wanted or view.proposals else ""
    lines = [f"nothing proposed for {spec.name}: {doubt}"] if doubt else []
    wanted = () if doubt else wanted
    for one in wanted:
        if await ledger.propose(spec.name, one.rule, one.to_level, as_told(one.record)) is not None:
            lines.append(f"proposed for {spec.name}: {one.rule or f'level {one.to_level}'}")
    still = {(one.rule, one.to_level) for one in wanted}
    for open_one in view.proposals:
        if (open_one.rule, open_one.to_level) not in still:
            await ledger.withdraw_proposal(open_one.proposal_id, doubt or WITHDRAWN)
            lines.append(f"withdrawn for {spec.name}: {open_one.rule or f'level {open_one.to_level}'}")
    return Reviewed(view=view, lines=tuple(lines), doubt=doubt)


def as_markdown(view: LadderView) -> str:
    """For Prefect's page. Rules and reasons stand in fences, as text that is drawn as it is."""
    return f"# {view.agent}\n\n{_stands(view)}\n\n```text\n{_fenced(view)}\n```\n"


def _fenced(view: LadderView) -> str:
    rungs = [line for rung in (*view.classes, view.runs) for line in _rung(rung)]
    lacking = [f"level 5 lacks: {one}" for one in view.five]
    return visible("\n".join([*rungs, *lacking])).replace("```", "ˋˋˋ")


def _rung(rung: Rung) -> Iterator[str]:
    stands = {"allow": "goes unasked", "ask": "asks"}.get(rung.stands, "")
    yield f"{rung.name}  {stands}".rstrip()
    yield f"  {rung.words}"
    if drawn := sparkline(rung.points, ENOUGH):
        yield f"  {drawn} {rung.share:.0%}"
    if rung.move is not None and rung.move.basis == "fall":
        yield f"  fell {rung.move.at:%Y-%m-%d}: {rung.move.because}"


def _stands(view: LadderView) -> str:
    doubt = ", AND ITS TABLES ARE NOT WHAT THE JOURNAL HOLDS" if view.doubts else ""
    return f"Level {view.standing.level} of at most {view.ceiling}{doubt}"
