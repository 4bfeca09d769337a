"""`midwatch staged`: what would a rehearsal have done, and shall it be done?"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.ledger import whole_id, with_ledger
from cli.options import AsJson, Because
from cli.show import print_piece
from midwatch.call_line import short_first
from midwatch.calls import visible
from midwatch.errors import LedgerError, SpecError
from midwatch.ledger import Ledger, StagedRow
from midwatch.request import pieces_of
from midwatch.run_ids import short

Numbered = tuple[int, StagedRow]


def staged(
    run: Annotated[
        str | None,
        typer.Argument(help="The rehearsal, or the first or last characters of its id; without it, all that wait."),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Say yes, and have it done: exactly this, once.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no: it is never done.")] = False,
    only: Annotated[
        list[int] | None, typer.Option("--only", help="With --approve or --refuse: this call; may be said again.")
    ] = None,
    because: Because = "",
    as_json: AsJson = False,
) -> None:
    """Show what a rehearsal has staged, and decide about it. Exit code of --approve: as `midwatch run`."""
    if run is None:
        waiting = asyncio.run(with_ledger(lambda ledger: ledger.staged_waiting()))
        print_waiting(waiting, terminal.console(soft_wrap=True), as_json=as_json)
        return
    rows: list[Numbered] = asyncio.run(with_ledger(lambda ledger: _of(ledger, run)))
    if not (approve or refuse):
        _print(rows, terminal.console(soft_wrap=True), as_json=as_json)
        return
    if approve and refuse:
        raise SpecError("say one of --approve and --refuse", field="--approve")
    chosen = _chosen(rows, only or [])
    if refuse:
        asyncio.run(with_ledger(lambda ledger: _refused(ledger, chosen, because)))
        typer.echo(f"{len(chosen)} of {len(rows)} refused; nothing of them is ever done.")
        return
    from cli.carried import carried_out  # with it comes Prefect, which takes longer than all the rest

    raise typer.Exit(carried_out(locate(os.environ), chosen, because, as_json=as_json))


async def _of(ledger: Ledger, run: str) -> list[Numbered]:
    run_id = await whole_id(ledger, run)
    return list(enumerate(await ledger.staged_of(run_id), start=1))


async def _refused(ledger: Ledger, rows: Sequence[StagedRow], because: str) -> None:
    seen = {row.staged_id: row.digest for row in rows}
    await ledger.refuse_staged(rows[0].run_id, seen, by=getpass.getuser(), via="cli", because=because)


def _chosen(rows: Sequence[Numbered], only: Sequence[int]) -> list[StagedRow]:
    """The calls that a decision is about: those that are named, else all that can still be decided."""
    known = dict(rows)
    if missing := [number for number in only if number not in known]:
        raise LedgerError(f"it has staged no call {missing[0]}; it has {', '.join(map(str, known)) or 'none'}")
    open_now = [row for _, row in rows if row.state in ("staged", "approved") and row.executing_run is None]
    chosen = [known[number] for number in only] or open_now
    if not chosen:
        raise LedgerError("nothing of this run is staged and undecided")
    return chosen


def print_waiting(rows: Sequence[StagedRow], console: Console, *, as_json: bool = False) -> None:
    """A line for each rehearsal of which something waits."""
    by_run = {run_id: list(some) for run_id, some in groupby(rows, key=lambda row: row.run_id)}
    if as_json:
        typer.echo(json.dumps({run_id: len(some) for run_id, some in by_run.items()}))
        return
    if not by_run:
        console.print("No rehearsal waits for a decision; `midwatch run AGENT --shadow` makes one.")
    for run_id, some in by_run.items():
        calls = f"{len(some)} call{'s' if len(some) > 1 else ''}"
        console.print(f"Rehearsed: {calls}, not executed; `midwatch staged {short(run_id)}` shows what they would do")


def _print(rows: Sequence[Numbered], console: Console, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(number, row) for number, row in rows]))
        return
    if not rows:
        console.print("It has staged nothing: only a rehearsal does, of what is not a mere look.")
        return
    table = terminal.table("N", "tool", "with", "then", "rule", "risk", "state")
    for number, row in rows:
        said = visible(short_first(row.args_json))
        what = Text(said if len(said) <= 80 else f"{said[:79]}…")
        table.add_row(str(number), row.tool, what, row.verdict, Text(visible(row.rule)), row.risk, row.state)
    console.print(table, soft_wrap=False)
    for number, row in rows:
        _print_one(number, row, console)
    console.print(f"\nTo have it done: midwatch staged {short(rows[0][1].run_id)} --approve --because ...  (--only N)")


def _print_one(number: int, row: StagedRow, console: Console) -> None:
    """Whole: what is unseen is not approved."""
    item = f" · {visible(row.item)}" if row.item else ""
    console.print(Text(f"\n{number} · {row.tool}{item} · {row.state}", style="bold"))
    for piece in pieces_of(row.as_asked("", row.run_id, at=row.at, deadline=None)):
        print_piece(piece, console)
    if row.by:
        console.print(f"  {row.state}: {visible(row.by)} through {row.via}, {visible(row.because or '')}", markup=False)
    if row.executing_run:
        console.print(f"  in run {row.executing_run}: midwatch show {short(row.executing_run)}", markup=False)
    if row.why:
        console.print(f"  {visible(row.why)}", markup=False)


def _facts(number: int, row: StagedRow) -> dict[str, Any]:
    return {
        "number": number,
        "run_id": row.run_id,
        "call_id": row.call_id,
        "item": row.item,
        "tool": row.tool,
        "arguments": json.loads(row.args_json),
        "digest": row.digest,
        "verdict": row.verdict,
        "rule": row.rule,
        "reason": row.reason,
        "risk": row.risk,
        "state": row.state,
        "why": row.why,
        "by": row.by,
        "because": row.because,
        "decided_at": row.decided_at and row.decided_at.isoformat(),
        "executing_run": row.executing_run,
    }
