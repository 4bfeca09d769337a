"""`midwatch mandate`: what may an agent do without asking, how often and until when? Signed by a person, for a while."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.ledger import with_ledger
from cli.options import Agent, AsJson, Because
from cli.suggest import with_prefect
from midwatch.calls import canonical_json, visible
from midwatch.errors import LedgerError, SpecError
from midwatch.ledger import Ledger, MandateUse
from midwatch.mandate import LENGTH, MOST_USES, USES, Mandate, Terms
from midwatch.risk import RISKS
from midwatch.until import moment_of
from midwatch.yaml_lines import read_yaml

if TYPE_CHECKING:
    from cli.rulebook import Rulebook
    from midwatch.policy.offers import Offer
    from midwatch.spec import Rule

mandate = typer.Typer(
    name="mandate", help="What an agent may do without asking: so often, so much, until then.", no_args_is_help=True
)
Uses = Annotated[int, typer.Option("--uses", min=1, max=MOST_USES, help="So many calls, in all runs together.")]
Until = Annotated[str, typer.Option("--until", help="`friday`, `2026-11-27`, `48h`; at most 90 days.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@mandate.command()
def grant(
    agent: Agent,
    rule: Annotated[
        str,
        typer.Argument(
            help="An allow rule as in the agent's file (`shell: git push origin main`), the id of one of its ask rules, "
            "or `class: egress` for every tool of a risk class."
        ),
    ],
    because: Because,
    uses: Uses = USES,
    summed: Annotated[str, typer.Option("--sum", help="An argument whose values are added up, with --most.")] = "",
    most: Annotated[str, typer.Option("--most", help="So much of it in all.")] = "",
    until: Until = f"{LENGTH.days}d",
    yes: Yes = False,
) -> None:
    """Let an agent do something without asking. Shows exactly what, and asks before it is signed; a deny stays a deny."""
    ends = ending(until)
    bounds = {"uses": uses, "until": ends, "summed": summed, "most": _amount(most)}
    offer = with_prefect(_offer(agent, read_rule(rule), bounds))
    console = terminal.console(soft_wrap=True)
    print_offer(offer, console)
    if not (yes or typer.confirm("\nSign it?")):
        console.print("Nothing was signed.")
        raise typer.Exit(1)

    async def sign(ledger: Ledger) -> Mandate:
        await ledger.migrate()
        return await ledger.grant_mandate(offer.terms, by=getpass.getuser(), via="cli", because=because)

    console.print(signed(asyncio.run(with_ledger(sign))), markup=False)


def ending(until: str) -> datetime:
    """The moment in UTC; a day is one of this machine's zone. Raises LedgerError."""
    try:
        return moment_of(until, datetime.now().astimezone())
    except ValueError as error:
        raise LedgerError(f"`--until`: {error}") from error


def read_rule(text: str) -> Any:
    """What was written, as an agent's file would hold it. Raises SpecError."""
    said = read_yaml(text, path="RULE").data
    if isinstance(said, str) or (isinstance(said, dict) and said):
        return said
    raise SpecError("is no rule: write `TOOL`, `TOOL: PATTERN` or `{TOOL: {argument: value}}`", path="RULE")


def print_offer(offer: Offer, console: Console) -> None:
    """All of what is to be signed."""
    for line in offer.words:
        console.print(line, markup=False)
    console.print("What a rule denies stays denied, and the use after the last is asked about again.")


def signed(it: Mandate) -> str:
    """One line for who has signed it."""
    return f"Mandate {it.mandate_id} stands, signed by {it.by}. `midwatch mandate revoke {it.mandate_id}` ends it."


def _amount(said: str) -> Decimal | None:
    try:
        return Decimal(said) if said else None
    except InvalidOperation:
        raise LedgerError(f"`--most {said}` is no number") from None


async def _offer(agent: str, said: Any, bounds: dict[str, Any]) -> Offer:
    from cli.rulebook import open_rulebook
    from midwatch.policy.offers import Offer, offer_of
    from tasks.permissions.seals import seals

    house = locate(os.environ)
    wide = isinstance(said, dict) and set(said) == {"class"}
    served = wide or "mcp__" in canonical_json(said)
    async with AsyncExitStack() as stack:
        book = await open_rulebook(agent, house, stack, start_servers=served)
        rules = _of_class(book, said["class"]) if wide else (_of_ask_rule(book, said),)
        known = seals(book.policy, book.tools)
        named = _tools(book, rules)
        tools = {tool: known[tool] for tool in named if tool in known}
        offer = offer_of(Terms(agent=agent, rules=rules, tools=tools, **bounds), book.policy)
    if isinstance(offer, Offer):
        return offer
    raise SpecError(offer.why, path="RULE")


def _of_class(book: Rulebook, risk: str) -> tuple[Rule, ...]:
    if risk not in RISKS:
        raise SpecError(f"{risk!r} is no risk class; there are {', '.join(RISKS)}", path="RULE")
    found = tuple(sorted(name for name in book.tools if book.risk(name) == risk))
    if not found:
        raise SpecError(f"{book.spec.name} has no tool of the class {risk}", path="RULE")
    return found


def _of_ask_rule(book: Rulebook, said: Any) -> Rule:
    """The words of the ask rule with that id, as an allow rule; else what was written."""
    written = book.written(said) if isinstance(said, str) and said.startswith("ask.") else None
    if written is None:
        rule: Rule = said
        return rule
    from midwatch.policy.mandates import words_of
    from midwatch.policy.rules import SIBLINGS

    if isinstance(written.rule, str):
        return written.rule
    (tool,) = set(written.rule) - SIBLINGS
    return {tool: words_of(written.rule)}


def _tools(book: Rulebook, rules: Sequence[Rule]) -> set[str]:
    from midwatch.policy.mandates import compiled

    try:
        return {tool for rule in compiled(book.policy, rules) for tool in rule.tools}
    except ValueError as error:
        raise SpecError(str(error), path="RULE") from error


@mandate.command(name="list")
def listed(
    agent: Annotated[str, typer.Argument(help="One agent; else all.")] = "",
    ended: Annotated[bool, typer.Option("--all", help="Those that are over, used up or revoked as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the mandates: what they let through, how much is left, until when, and who signed them."""
    now = datetime.now(UTC)

    async def read(ledger: Ledger) -> list[MandateUse]:
        await ledger.migrate()
        return await ledger.mandates_of(agent or None)

    found = asyncio.run(with_ledger(read))
    shown = [one for one in found if ended or state_of(one, now) == "stands"]
    if as_json:
        typer.echo(json.dumps([_facts(one, now) for one in shown]))
        return
    console = terminal.console(soft_wrap=True)
    if shown:
        console.print(_table(shown, now), soft_wrap=False)
    else:
        console.print("No mandate stands. `midwatch mandate grant AGENT RULE --because ...` signs one.")


def state_of(one: MandateUse, now: datetime) -> str:
    """In a few words."""
    it = one.mandate
    if it.revoked_at is not None:
        return f"revoked by {it.revoked_by}: {it.revoked_because}"
    if now >= it.until:
        return "over"
    full = it.most is not None and one.drawn >= it.most
    return "used up" if one.used >= it.uses or full else "stands"


def _table(found: Sequence[MandateUse], now: datetime) -> Table:
    table = terminal.table("", "agent", "lets through", "left", "until (UTC)", "signed by", "state")
    for one in found:
        it = one.mandate
        rules = "\n".join(_rule(rule) for rule in it.rules) or "(cannot be read)"
        ends = f"{it.until:%a %Y-%m-%d %H:%M}"
        who = Text(visible(f"{it.by}: {it.because}"))
        state = Text(visible(state_of(one, now)))
        table.add_row(str(it.mandate_id), it.agent, Text(visible(rules)), _left(one), ends, who, state)
    return table


def _rule(rule: Rule) -> str:
    from midwatch.agent_edit import rule_text

    return rule_text(json.loads(canonical_json(rule))).removeprefix("- ").rstrip("\n")


def _left(one: MandateUse) -> str:
    it = one.mandate
    uses = f"{max(0, it.uses - one.used)} of {it.uses}"
    return uses if it.most is None else f"{uses}; {max(Decimal(0), it.most - one.drawn)} of {it.most} {it.summed}"


def _facts(one: MandateUse, now: datetime) -> dict[str, Any]:
    it = one.mandate
    return {
        "mandate_id": it.mandate_id,
        "agent": it.agent,
        "rules": json.loads(canonical_json(it.rules)),
        "uses": it.uses,
        "used": one.used,
        "sum": it.summed or None,
        "most": None if it.most is None else str(it.most),
        "drawn": str(one.drawn),
        "until": it.until.isoformat(),
        "by": it.by,
        "via": it.via,
        "because": it.because,
        "ask_id": it.ask_id,
        "created_at": it.created_at.isoformat(),
        "state": state_of(one, now),
    }


@mandate.command()
def revoke(
    number: Annotated[int, typer.Argument(help="Which mandate, as `mandate list` numbers them.", metavar="ID")],
    because: Because,
) -> None:
    """End a mandate now: from the next call on, in runs that are under way too."""
    who = getpass.getuser()
    it = asyncio.run(with_ledger(lambda ledger: ledger.revoke_mandate(number, by=who, because=because)))
    typer.echo(f"Mandate {it.mandate_id} of {it.agent} grants nothing any more.")
