"""Harness: what has each agent earned by now? The system proposes, a person promotes; what is not due any more is withdrawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
    """Every agent that has a file. Failed where one of the files cannot be read, after all others."""
    here, now = place(os.environ), datetime.now(UTC)
    specs, wrong = Agents(folder=here.agents).every()
    lines: list[str] = []
    async with await open_ledger(here.home) as ledger:
        await ledger.migrate()
        for spec in specs.values():
            view, said = await review(ledger, spec, await stand_ins(ledger, spec, here.home, now), now)
            lines += said
            await acreate_markdown_artifact(
                key=f"{spec.name}-ladder", markdown=as_markdown(view), description=_stands(view)
            )
            lines += await review_worth(ledger, spec, now)
    lines += [f"not judged: {error}" for error in wrong]
    kind = StateType.FAILED if wrong else StateType.COMPLETED
    return State(type=kind, message="; ".join(lines) or "nothing to propose")


async def review(ledger: Ledger, spec: AgentSpec, seen: StandIns, now: datetime) -> tuple[LadderView, list[str]]:
    """One agent; what was proposed and withdrawn, a line each."""
    view = await view_of(ledger, spec, seen, now)
    wanted, lines = due(view), []
    for one in wanted:
        if await ledger.propose(spec.name, one.rule, one.to_level, as_told(one.record)) is not None:
            lines.append(f"proposed for {spec.name}: {one.rule or f'level {one.to_level}'}")
    still = {(one.rule, one.to_level) for one in wanted}
    for open_one in view.proposals:
        if (open_one.rule, open_one.to_level) not in still:
            await ledger.withdraw_proposal(open_one.proposal_id, WITHDRAWN)
            lines.append(f"withdrawn for {spec.name}: {open_one.rule or f'level {open_one.to_level}'}")
    return view, lines


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
