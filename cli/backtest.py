"""`midwatch backtest`: what would other rules, or another level, have made of what was decided? Nothing is run or opened."""

from __future__ import annotations

import getpass
import json
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from cli import terminal
from cli.home import House, locate
from cli.options import AsJson
from cli.progress import progress
from cli.suggest import SomeAgent, with_prefect
from midwatch.calls import visible
from midwatch.run import LEVELS, Level
from midwatch.run_ids import short

if TYPE_CHECKING:
    from midwatch.backtest import Report, Trial
    from midwatch.ledger import Ledger

EXIT_REFUSED: Final = 4
SHOWN: Final = 3
"""Examples of a change; `--json` has more."""

New = Annotated[Path | None, typer.Option("--rules", help="A whole agent file, or its rules. Without: as they stand.")]
Model = Annotated[
    str | None, typer.Option("--model", help="Only runs that this model has answered, as recorded: none is asked.")
]
Since = Annotated[datetime | None, typer.Option(help="From this moment on (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Before this moment (UTC).")]


def backtest(
    agent: SomeAgent = None,
    rules: New = None,
    level: Annotated[int | None, typer.Option(min=1, max=5, help="At this level, not at each run's own.")] = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    override: Annotated[bool, typer.Option("--override", help="Take a refused change upon yourself.")] = False,
    because: Annotated[str, typer.Option(help="With --override: why; it stays in the ledger.")] = "",
    as_json: AsJson = False,
) -> None:
    """Hold what was decided against new rules or another level. Exit code 4: a past denial would have been allowed."""
    if rules is not None and agent is None:
        raise typer.BadParameter("rules are those of one agent: name it before them", param_hint="--rules")
    if model is not None and agent is None:
        raise typer.BadParameter("a model has answered runs of one agent: name it before", param_hint="--model")
    if override and not because.strip():
        raise typer.BadParameter(
            "an override stays in the ledger with its reason: add --because", param_hint="--override"
        )
    bounds = since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC)
    found = with_prefect(
        _reports(agent, rules, LEVELS[level - 1] if level else None, model, bounds, because if override else "")
    )
    refused = [said for one in found if (said := _refusal(one))]
    if as_json:
        typer.echo(json.dumps([one.facts() for one in found]))
    else:
        for one in found:
            _print(one, terminal.console(soft_wrap=True))
    for said in refused:
        typer.secho(
            f"{'overridden' if override else 'refused'}: {visible(said)}", fg="yellow" if override else "red", err=True
        )
    if refused and not override:
        typer.echo('`--override --because "..."` takes it upon you, and stays in the ledger.', err=True)
        raise typer.Exit(EXIT_REFUSED)


async def _reports(
    agent: str | None,
    new: Path | None,
    level: Level | None,
    model: str | None,
    bounds: tuple[datetime | None, datetime | None],
    because: str,
) -> list[Report]:
    from blocks.ledger import open_ledger
    from midwatch.agent_file import names
    from midwatch.backtest import backtest as replayed

    house, found = locate(os.environ), list["Report"]()
    since, until = bounds
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(await open_ledger(house.home))
        await ledger.migrate()
        known = set(names(house.project / "agents"))
        for name in [agent] if agent else [one for one in await ledger.agents_decided() if one in known]:
            trial = await _trial(name, new, level, house, ledger, stack)
            with progress(name, await ledger.count_decisions(name, since, until, model=model)) as seen:
                found.append(await replayed(ledger, trial, since=since, until=until, model=model, seen=seen))
            if because and _refusal(found[-1]):
                await _record(ledger, found[-1], because)
    return found


async def _trial(
    agent: str, new: Path | None, level: Level | None, house: House, ledger: Ledger, stack: AsyncExitStack
) -> Trial:
    """With the agent's real tools; no MCP server is started."""
    from cli.new_rules import new_agent
    from cli.rulebook import open_rulebook, written_agent
    from midwatch.backtest import Trial
    from midwatch.policy.resolve import as_spelled
    from midwatch.policy.servers import MCP_PREFIX
    from tasks.permissions.declared import declared
    from tasks.permissions.level import held_to_level, held_to_reach

    written = written_agent(agent, house)
    written = new_agent(new, written) if new else written
    book = await open_rulebook(written, house, stack, also=await ledger.tools_decided(agent))
    with as_spelled():
        policy = book.policy
    served = {name: book.around(name).server for name in book.tools if name.startswith(MCP_PREFIX)}
    reachable = bool(book.spec.escalation.to)
    return Trial(
        spec=book.spec,
        policy=policy,
        facts={name: declared(tool) for name, tool in book.tools.items()},
        servers={name: server for name, server in served.items() if server},
        hold=lambda decision, at, risk: held_to_reach(held_to_level(decision, at, risk), reachable=reachable),
        level=level,
    )


async def _record(ledger: Ledger, found: Report, because: str) -> None:
    from midwatch.backtest.change import REFUSED

    counts: list[tuple[str, int]] = [
        *((change, found.changes[change].count) for change in REFUSED),
        ("cannot_tell", found.open_denials),
    ]
    allows = {change: count for change, count in counts if count}
    await ledger.record_override(
        found.agent, rules=found.rules, level=found.level, allows=allows, by=getpass.getuser(), because=because
    )


def _refusal(found: Report) -> str:
    from midwatch.backtest import refusal

    return refusal(found)


def _print(found: Report, console: Console) -> None:
    from midwatch.backtest.change import WORDS

    unknown = sum(found.cannot_tell.values())
    console.print(f"[bold]{found.agent}[/]: {found.calls:,} calls, {found.changes['unchanged'].count:,} unchanged")
    drawn = terminal.table("calls", "of", "share", "95 %", "", right=("calls", "of", "share", "95 %"))
    for change, words in WORDS.items():
        share = found.changes[change]
        if change != "unchanged" and share.count:
            part, between = share.count / share.of, f"{share.lower:.1%} to {share.upper:.1%}"
            drawn.add_row(f"{share.count:,}", f"{share.of:,}", f"{part:.1%}", between, words)
    if drawn.row_count:
        console.print(drawn)
    _print_examples(found, console)
    for why, count in found.cannot_tell.items():
        console.print(f"  cannot tell of {count:,}: {DOUBTS[why]}", markup=False)
    if not unknown and not drawn.row_count:
        console.print("  Nothing would have been another.")
    for what, count in found.taken.items():
        console.print(f"  {count:,}: {what}", markup=False)


DOUBTS: Final = {
    "held back": "something else than rules and level held them back, such as a limit",
    "disk": "what stood on the disk then denied them, and no disk is looked at now",
    "hints": "a rule asks what the tool's server says of it, and the ledger does not have that",
    "lookup": "where they go may have stood in what a trusted tool had found",
    "unreadable": "what stands in the ledger is not one well-formed call",
}


def _print_examples(found: Report, console: Console) -> None:
    from midwatch.backtest.change import WORDS

    for change, words in WORDS.items():
        examples = found.changes[change].examples
        if examples:
            console.print(f"\n[bold]{words}[/]")
        for one in examples[:SHOWN]:
            called = visible(f"{one.tool} {one.args_json}")
            called = called if len(called) <= 160 else f"{called[:160]}… ({len(called)} characters)"
            console.print(f"  {short(one.run_id)} {one.at:%Y-%m-%d %H:%M} {called}", markup=False)
            console.print(
                f"    then {one.was} ({visible(one.by)}); now {visible(one.now)}: {visible(one.reason)}", markup=False
            )
    if any(found.changes[change].examples for change in WORDS):
        console.print("")
