"""`midwatch promote`: a person lets a class go unasked, or puts an agent one rung up, on evidence or for a while without."""

from __future__ import annotations

import asyncio
import getpass
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from cli import terminal
from cli.home import House, locate
from cli.ledger import with_ledger
from cli.level import lines
from cli.options import Agent
from cli.progress import progress
from midwatch.agent_file import load_agent
from midwatch.characters import visible
from midwatch.errors import LedgerError
from midwatch.ladder_view import LadderView, view_of
from midwatch.ledger import Ledger, Signature
from midwatch.run import LEVELS
from midwatch.spec import AgentSpec
from midwatch.stand_ins import stand_ins

EARNED = "the evidence is enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to rise."""

    rule: str | None
    """A class that is to go unasked; None: the agent's level."""
    to_level: int

    @property
    def words(self) -> str:
        return f"let {self.rule} go unasked" if self.rule else f"put it on level {self.to_level}"


def promote(
    agent: Agent,
    rule: Annotated[str, typer.Argument(help="The class: a rule that asks. Empty: what is proposed.")] = "",
    to: Annotated[int, typer.Option("--to", min=0, max=5, help="The agent's level instead: one rung up.")] = 0,
    because: Annotated[str, typer.Option("--because", help="Why; it stays in the ledger.")] = "",
    override: Annotated[bool, typer.Option("--override", help="Without evidence; needs a reason, and ends.")] = False,
    days: Annotated[float, typer.Option("--days", min=0.01, max=90, help="So long an override holds.")] = 7,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no to what is proposed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Promote: shows the evidence, asks, and signs. Refuses where that is not enough, and says what is missing."""
    _check(rule, to, because, reasoned=override or refuse)
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    view = _view(spec, house)
    step = _step(view, rule, to)
    if refuse:
        typer.echo(_refused(view, step, because))
        return
    console = terminal.console(soft_wrap=True)
    for line in lines(view):
        console.print(Text(visible(line)))
    if not (yes or typer.confirm(f"\nSign it: {step.words}?")):
        typer.echo("Nothing was signed.")
        raise typer.Exit(1)
    until = datetime.now(UTC) + timedelta(days=days) if override else None
    signed = Signature(by=getpass.getuser(), via="cli", because=because or EARNED, until=until)
    typer.echo(asyncio.run(with_ledger(lambda ledger: _promoted(ledger, spec, view, step, signed))))


def _check(rule: str, to: int, because: str, *, reasoned: bool) -> None:
    if rule and to:
        raise typer.BadParameter("a class, or a level: name one of them")
    if reasoned and not because.strip():
        raise typer.BadParameter("it needs a reason: `--because ...`")


def _view(spec: AgentSpec, house: House) -> LadderView:
    async def read(ledger: Ledger) -> LadderView:
        await ledger.migrate()
        now = datetime.now(UTC)
        return await view_of(ledger, spec, await stand_ins(ledger, spec, house.home, now), now)

    view: LadderView = asyncio.run(with_ledger(read))
    return view


def _step(view: LadderView, rule: str, to: int) -> Step:
    """What was named, or else the one thing that is proposed."""
    if rule or to:
        return Step(rule=rule or None, to_level=to or 4)
    if len(view.proposals) != 1:
        named = ", ".join(one.rule or f"--to {one.to_level}" for one in view.proposals) or "nothing"
        raise LedgerError(f"proposed for {view.agent}: {named}; name a class or `--to LEVEL`")
    (one,) = view.proposals
    return Step(rule=one.rule, to_level=one.to_level)


def _refused(view: LadderView, step: Step, because: str) -> str:
    mine = [one for one in view.proposals if (one.rule, one.to_level) == (step.rule, step.to_level)]
    if not mine:
        raise LedgerError(f"nobody has proposed to {step.words}; `midwatch inbox` lists what is proposed")

    async def say_no(ledger: Ledger) -> None:
        await ledger.refuse_proposal(mine[0].proposal_id, by=getpass.getuser(), because=because)

    asyncio.run(with_ledger(say_no))
    return f"Refused, and not proposed again for a while: {step.words}."


async def _promoted(ledger: Ledger, spec: AgentSpec, view: LadderView, step: Step, signed: Signature) -> str:
    mark, ceiling = view.fingerprint, spec.ceiling
    with progress("rows of the ledger held against its journal") as seen:
        if step.rule is not None:
            told: dict[str, Any] = {"fingerprint": mark, "ceiling": ceiling, "share": spec.inherit, "seen": seen}
            await ledger.promote_class(spec.name, step.rule, signed, **told)
        else:
            told = {"fingerprint": mark, "ceiling": ceiling, "missing": view.five, "seen": seen}
            await ledger.promote_level(spec.name, LEVELS[step.to_level - 1], signed, **told)
    stands = await ledger.level_of(spec.name, datetime.now(UTC))
    ends = f" until {signed.until:%Y-%m-%d %H:%M} UTC" if signed.until else ""
    what = f"{step.rule} goes unasked{ends}; " if step.rule else ""
    return f"{what}{spec.name} stands at level {stands}{'' if step.rule else ends}."
