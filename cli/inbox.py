"""`midwatch inbox` and `show`: what waits for a person, and what has a run done?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.halted import print_halts
from cli.ledger import whole_id, with_ledger
from cli.options import AsJson, RunId
from cli.promotions import proposal_facts, proposal_lines
from cli.show import print_ask, print_run, questions, run_facts
from cli.staged import print_waiting
from midwatch.call_line import short_first
from midwatch.calls import visible
from midwatch.ledger import AskRow, Ledger, Proposal, StagedRow
from midwatch.request import Question, together
from midwatch.run_ids import short

WATCH_SECONDS: Final = 2.0
OF_A_KIND: Final = 5
"""Questions of one request that are listed by themselves."""


def inbox(
    as_json: AsJson = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also every question of a kind that many runs ask.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show what comes and goes; Ctrl-C ends it.")] = False,
) -> None:
    """List what waits for a person, the longest waiting first."""
    if watch:
        with suppress(KeyboardInterrupt):
            asyncio.run(with_ledger(lambda ledger: _watch(ledger, as_json=as_json, everything=everything)))
        return
    waiting, proposed, rehearsed = asyncio.run(with_ledger(_all))
    if as_json:
        typer.echo(json.dumps([*map(_facts, waiting), *map(proposal_facts, proposed)]))
        return
    print_halts()
    console = terminal.console(soft_wrap=True)
    if rehearsed:
        print_waiting(rehearsed, console)
    if waiting or not proposed:
        console.print(_listed(waiting, datetime.now(UTC), everything=everything), soft_wrap=False)
    for one in waiting:
        if one.ask.kind == "settle":
            print_ask(one, console)
    for line in proposal_lines(proposed):
        console.print(Text(line))


async def _all(ledger: Ledger) -> tuple[list[Question], list[Proposal], list[StagedRow]]:
    """What is asked, what is proposed, and what rehearsals have staged."""
    return await _waiting(ledger), await ledger.open_proposals(), await ledger.staged_waiting()


async def _watch(ledger: Ledger, *, as_json: bool, everything: bool) -> None:
    """Until it is interrupted. As JSON, one line for each question, when it comes."""
    known: set[str] = set()
    with Live(console=terminal.console(quiet=as_json), auto_refresh=False) as live:
        while True:
            waiting = await _waiting(ledger)
            for one in waiting if as_json else ():
                if one.ask.ask_id not in known:
                    typer.echo(json.dumps(_facts(one)))
            known = {one.ask.ask_id for one in waiting}
            live.update(_listed(waiting, datetime.now(UTC), everything=everything), refresh=True)
            await asyncio.sleep(WATCH_SECONDS)


def _listed(waiting: Sequence[Question], now: datetime, *, everything: bool) -> RenderableType:
    asked = [one.ask for one in waiting if one.ask.kind != "settle"]
    if not waiting:
        return "Nothing waits for you."
    if not asked:
        return ""
    numbers = {one.ask.ask_id: one.number for one in waiting}
    how = "`midwatch show RUN` shows a request whole; `midwatch approve | deny | edit | answer | takeover RUN` decides it."
    return Group(_table(asked, numbers, now, each=None if everything else OF_A_KIND), "", how)


async def _waiting(ledger: Ledger) -> list[Question]:
    found: list[Question] = []
    for run_id, rows in groupby(await ledger.asks_of_waiting_runs(), key=lambda row: row.run_id):
        asks = list(rows)
        doubted = any(row.kind == "settle" and row.verdict is None for row in asks)  # else no effect is there yet
        effects = await ledger.effects_of(run_id) if doubted else []
        found += [one for one in questions(asks, effects) if one.ask.verdict is None]
    return sorted(found, key=lambda one: (one.ask.created_at, one.ask.ask_id))


def _table(asks: Sequence[AskRow], numbers: Mapping[str, int], now: datetime, *, each: int | None) -> Table:
    """A row for each question, at most `each` of one request."""
    table = terminal.table("run", "N", "agent", "what it asks for", "rule", "asked", "deadline")
    for request in together(asks):
        for row in request[:each]:
            what = f"{row.tool} {visible(short_first(row.args_json))}"
            table.add_row(
                short(row.run_id),
                str(numbers[row.ask_id]),
                row.agent,
                Text(what if len(what) <= 80 else f"{what[:79]}… ({len(what)} characters)"),
                Text(visible(row.rule)),
                f"{_about(now - row.created_at)} ago",
                _until(row.deadline, now),
            )
        if left := len(request[each:] if each else ()):
            table.add_row("", "", request[0].agent, f"and {left} more of this kind (`--all`)", "", "", "")
    return table


def _until(deadline: datetime | None, now: datetime) -> str:
    if deadline is None:
        return "none"
    return f"in {_about(deadline - now)}" if deadline > now else "passed"


def _about(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{max(minutes, 0)} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def show(run: RunId, as_json: AsJson = False) -> None:
    """Show a run: what it asks for, what it did, how it ended."""

    async def read(ledger: Ledger) -> dict[str, Any]:
        run_id = await whole_id(ledger, run)
        return {
            "run": await ledger.run(run_id),
            "steps": await ledger.steps_of(run_id),
            "decisions": await ledger.decisions_of(run_id),
            "effects": await ledger.effects_of(run_id),
            "asks": await ledger.asks_of(run_id),
            "spent": await ledger.spent_by(run_id),
        }

    story = asyncio.run(with_ledger(read))
    if as_json:
        typer.echo(json.dumps(run_facts(story)))
    else:
        print_run(story, terminal.console(soft_wrap=True))


def _facts(one: Question) -> dict[str, object]:
    row = one.ask
    return {
        "ask_id": row.ask_id,
        "run_id": row.run_id,
        "number": one.number,
        "agent": row.agent,
        "kind": row.kind,
        "tool": row.tool,
        "arguments": json.loads(row.args_json),
        "rule": row.rule,
        "reason": row.reason,
        "deadline": row.deadline and row.deadline.isoformat(),
    }
