"""`midwatch incident`: something that a past run did was wrong. It counts whenever it is found; a major one demotes at once."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

import typer

from cli.ledger import whole_id, with_ledger
from cli.options import Because, RunId
from midwatch.errors import LedgerError
from midwatch.ledger import IncidentRow, Ledger
from midwatch.run_ids import short


def incident(
    run: RunId,
    because: Because,
    call: Annotated[str, typer.Option("--call", help="One call of it, as `midwatch show RUN` names it.")] = "",
    major: Annotated[bool, typer.Option("--major", help="Harm, or it had to be put back.")] = False,
    minor: Annotated[bool, typer.Option("--minor", help="Not as it should be, and no harm.")] = False,
) -> None:
    """Charge a run, or one call of it. A major incident demotes at once, also runs that are under way."""
    if major == minor:
        raise typer.BadParameter("how bad was it? `--major` or `--minor`")

    async def report(ledger: Ledger) -> IncidentRow:
        await ledger.migrate()
        run_id = await whole_id(ledger, run)
        return await ledger.report_incident(
            run_id,
            severity="major" if major else "minor",
            by=getpass.getuser(),
            via="cli",
            because=because,
            call_id=await _call_id(ledger, run_id, call) if call else None,
        )

    row: IncidentRow = asyncio.run(with_ledger(report))
    what = f"class {row.rule}" if row.rule else "all that acted in it"
    typer.echo(f"Written down, {row.severity}, against {what}. `midwatch level {row.agent}` shows what it changed.")


async def _call_id(ledger: Ledger, run_id: str, call: str) -> str:
    """The one effect whose call ends so, or that has this number of those that the run did."""
    effects = await ledger.effects_of(run_id)
    found = [row.call_id for row in effects if row.call_id == call or row.call_id.endswith(f"/{call}")]
    if call.isdecimal() and 0 < int(call) <= len(effects):
        found = found or [effects[int(call) - 1].call_id]
    if len(found) != 1:
        known = ", ".join(f"{number} {row.call_id} ({row.tool})" for number, row in enumerate(effects, start=1))
        raise LedgerError(f"no single call {call!r} in run {short(run_id)}; what it did: {known or 'nothing'}")
    return found[0]
