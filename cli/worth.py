"""`midwatch worth`: does an agent save more than it costs, and should it go without a person? Asked before the first grant."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

import typer

from cli import zone
from cli.home import locate
from cli.ledger import with_ledger
from cli.options import Agent, AsJson
from midwatch.agent_file import load_agent
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, WorthRow
from midwatch.spec import AgentSpec
from midwatch.worth.answers import WORDS, Answers, Question
from midwatch.worth.history import LAST, WINDOW, History
from midwatch.worth.profile import Profile
from midwatch.worth.verdict import Verdict, Worth, verdict_of

EXITS: Final[Mapping[Verdict, int]] = {"keep": 0, "lower": 6, "plain_script": 7, "retire": 8}
"""Exit code by verdict; none of them is an outcome's."""

Amount = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that the verdict stands on."""

    spec: AgentSpec
    profile: Profile
    history: History
    answers: Answers
    signed: WorthRow | None
    """Who has said so; None where the answers are assumptions alone."""


def worth(
    agent: Agent,
    minutes: Annotated[Amount, typer.Option(min=0, help=WORDS["minutes"])] = None,
    hour_usd: Annotated[Amount, typer.Option(min=0, help=WORDS["hour_usd"])] = None,
    review_minutes: Annotated[Amount, typer.Option(min=0, help=WORDS["review_minutes"])] = None,
    upkeep_minutes: Annotated[Amount, typer.Option(min=0, help=WORDS["upkeep_minutes"])] = None,
    runs_a_month: Annotated[Amount, typer.Option(min=0, help=WORDS["runs_a_month"])] = None,
    pieces_a_run: Annotated[Amount, typer.Option(min=0, help=WORDS["pieces_a_run"])] = None,
    model_usd: Annotated[Amount, typer.Option(min=0, help=WORDS["model_usd"])] = None,
    incident_share: Annotated[Amount, typer.Option(min=0, max=1, help=WORDS["incident_share"])] = None,
    incident_minutes: Annotated[Amount, typer.Option(min=0, help=WORDS["incident_minutes"])] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the questions again, at the terminal.")] = False,
    days: Annotated[float, typer.Option(min=1, max=3650, help="What was done in so many days.")] = WINDOW.days,
    last: Annotated[int, typer.Option(min=2, max=100, help="Verified runs alike that call for a script.")] = LAST,
    script: Annotated[bool, typer.Option("--script", help="Print what the last runs all did as a script.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether an agent is worth it: keep (exit code 0), lower (6), plain_script (7) or retire (8)."""
    said: dict[Question, Amount] = {
        "minutes": minutes,
        "hour_usd": hour_usd,
        "review_minutes": review_minutes,
        "upkeep_minutes": upkeep_minutes,
        "runs_a_month": runs_a_month,
        "pieces_a_run": pieces_a_run,
        "model_usd": model_usd,
        "incident_share": incident_share,
        "incident_minutes": incident_minutes,
    }
    given = {question: Decimal(str(value)) for question, value in said.items() if value is not None}
    talks = ask or (not given and not script and not as_json and sys.stdin.isatty())
    found = _found(agent, given, timedelta(days=days), last, ask=ask, talks=talks)
    judged = verdict_of(found.answers, found.profile, found.history, last=last)
    if script:
        typer.echo(_script(found.spec, judged), nl=False)
        return
    from cli.worth_shown import as_facts, print_worth

    if as_json:
        typer.echo(as_facts(found, judged))
    else:
        print_worth(found, judged)
    raise typer.Exit(EXITS[judged.verdict])


def _script(spec: AgentSpec, judged: Worth) -> str:
    from midwatch.worth.script import script_of

    if isinstance(judged.sequence, str):
        raise LedgerError(f"no script for {spec.name}: {judged.sequence}")
    return script_of(spec, judged.sequence)


def _found(
    agent: str, given: Mapping[Question, Decimal], window: timedelta, last: int, *, ask: bool, talks: bool
) -> Found:
    """What file, schedule and ledger say, and a person; what a person says now is signed and kept."""
    house, now = locate(os.environ), datetime.now(UTC)
    spec = load_agent(agent, house.project / "agents")
    row, history = asyncio.run(with_ledger(lambda ledger: _read(ledger, spec.name, now, window, last)))
    profile, answers = _known(spec, row, history, now)
    if ask or (talks and row is None):
        from cli.worth_asked import asked

        given = {**asked(answers), **given}
    if given:
        from cli.worth_asked import with_answers

        answers = with_answers(answers, given)
        row = asyncio.run(with_ledger(lambda ledger: _sign(ledger, spec.name, answers, profile)))
    return Found(spec=spec, profile=profile, history=history, answers=answers, signed=row)


def _known(spec: AgentSpec, row: WorthRow | None, history: History, now: datetime) -> tuple[Profile, Answers]:
    """As signed, with what the file says today; the schedule is read where nobody has signed anything yet."""
    from midwatch.worth.reach import profile_of

    if row is not None:
        return profile_of(spec, zone=row.profile.zone, outside=row.profile.outside), row.answers
    from cli.worth_asked import prefilled, slots_of
    from midwatch.worth.history import share_outside

    here = zone.name()
    slots = slots_of(spec.name, locate(os.environ).project / "prefect.yaml", now)
    return profile_of(spec, zone=here, outside=share_outside(slots, here)), prefilled(spec, slots, history)


async def _read(
    ledger: Ledger, agent: str, now: datetime, window: timedelta, last: int
) -> tuple[WorthRow | None, History]:
    await ledger.migrate()
    history = await ledger.worth_history(agent, now, window=window, last=last)
    return await ledger.worth_answers_of(agent), history


async def _sign(ledger: Ledger, agent: str, answers: Answers, profile: Profile) -> WorthRow:
    return await ledger.answer_worth(agent, answers, profile, by=getpass.getuser(), via="cli")
