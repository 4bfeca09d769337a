"""`midwatch rules suggest`: which rules would have saved a person most of what the ledger says was asked?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from rich.console import Console

from cli import terminal
from cli.check import enter
from cli.home import furnish, locate
from cli.options import AsJson
from cli.proposals import facts_of, print_proposal
from midwatch.calls import parse_call
from midwatch.ledger import AskRow

if TYPE_CHECKING:
    from midwatch.policy.suggest import Answered, Asked, Remainder, Suggestions

T = TypeVar("T")
SomeAgent = Annotated[str | None, typer.Argument(help="One agent; without it all that have a file.")]


def suggest(
    agent: SomeAgent = None,
    days: Annotated[float, typer.Option(min=0.01, help="What was asked in so many days.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Propose the narrowest rules that would have saved most of what you were asked. Nothing is changed."""
    found = with_prefect(_suggestions(agent, datetime.now(UTC) - timedelta(days=days)))
    if as_json:
        typer.echo(json.dumps({name: _suggestion_facts(one) for name, one in found.items()}))
        return
    console = terminal.console(soft_wrap=True)
    for name, suggestions in found.items():
        _print_suggestions(name, suggestions, days, console)


async def _suggestions(agent: str | None, since: datetime) -> dict[str, Suggestions]:
    from blocks.ledger import open_ledger
    from cli.rulebook import open_rulebook
    from midwatch.agent_file import names
    from midwatch.policy.suggest import suggest as suggested

    house = locate(os.environ)
    found: dict[str, Suggestions] = {}
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        for name in [agent] if agent else names(house.project / "agents"):
            rows = await ledger.approvals_asked(name, since)
            async with AsyncExitStack() as stack:
                book = await open_rulebook(name, house, stack, also={row.tool for row in rows})
                lately = [_asked(row) for row in rows if row.created_at >= since]
                refused = [_asked(row).call for row in rows if row.created_at < since]
                found[name] = suggested(lately, book.trial, book.around, refused=refused)
    return found


def _asked(row: AskRow) -> Asked:
    from midwatch.policy.suggest import Asked

    return Asked(call=parse_call(row.tool, row.args_json), rule=row.rule, answer=_answered(row))


def _answered(row: AskRow) -> Answered:
    match row.verdict:
        case "approved":
            return "approved"
        case "denied" | "edited":
            return "refused"
        case _:
            return "unanswered"


_REST: Final[dict[Remainder, str]] = {
    "allowed": "are allowed by the rules as they are: the run's level asked",
    "asked by a rule": "were asked by an ask rule, or for what the run had read",
    "denied": "are denied by the rules as they are",
    "no rule": "no rule may allow",
}


def _print_suggestions(agent: str, found: Suggestions, days: float, console: Console) -> None:
    saved = sum(one.saves for one in found.suggestions)
    console.print(f"[bold]{agent}[/]: {found.asks} asks in {days:g} days; these rules would have saved {saved} of them")
    for one in found.suggestions:
        answers = ", ".join(f"{count} {answer}" for answer, count in one.answers.items() if count)
        console.print(f"\n  saves {one.saves} of {found.asks} ({answers})")
        print_proposal(one.proposal, console)
    for why, count in found.rest.items():
        console.print(f"  {count} {_REST[why]}")


def _suggestion_facts(found: Suggestions) -> dict[str, Any]:
    listed = [{**facts_of(o.proposal), "saves": o.saves, "answers": dict(o.answers)} for o in found.suggestions]
    return {"asks": found.asks, "suggestions": listed, "rest": dict(found.rest)}


def with_prefect(work: Coroutine[Any, Any, T]) -> T:
    """What needs the agent's real tools, whose modules import Prefect."""
    house = locate(os.environ)
    furnish(house)
    enter(house)
    return asyncio.run(work)
