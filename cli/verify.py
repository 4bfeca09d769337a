"""`midwatch verify`: is the ledger what its journal says? Its chain, every row of evidence, every level."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from cli import terminal
from cli.ledger import with_ledger
from cli.options import AsJson
from cli.progress import progress
from midwatch.calls import visible
from midwatch.ledger import Ledger, Verified

EXIT_TAMPERED: Final = 4
SHOWN: Final = 50
"""Findings on a terminal; `--json` has a thousand."""

Head = Annotated[str, typer.Option(help="A head that was printed before: the journal must still hold it.")]


def verify(head: Head = "", as_json: AsJson = False) -> None:
    """Hold the whole ledger against its journal. Exit code 4: something is not what the journal says, and is named."""
    found, kept = asyncio.run(with_ledger(lambda ledger: _verified(ledger, head)))
    if as_json:
        typer.echo(json.dumps({**_facts(found), "head_held": kept}))
    else:
        _print(found, head, kept=kept)
    raise typer.Exit(0 if found.ok and kept is not False else EXIT_TAMPERED)


async def _verified(ledger: Ledger, head: str) -> tuple[Verified, bool | None]:
    with progress("rows of the ledger") as seen:
        found = await ledger.verify(seen)
    return found, await ledger.holds(head) if head else None


def _print(found: Verified, head: str, *, kept: bool | None) -> None:
    console = terminal.console(soft_wrap=True)
    if found.chain.ok:
        console.print(f"The journal is whole: {found.entries:,} entries, head {found.chain.head}")
    else:
        console.print(
            f"The journal is broken at entry {found.chain.first_bad}: it, or the one before, is not as it was written"
        )
    if kept is False:
        console.print(
            f"It does not hold {visible(head)}: rows were cut off, or all of it was written anew", markup=False
        )
    held = ", ".join(f"{rows:,} {table}" for table, rows in found.rows.items())
    console.print(f"Held against it: {held}")
    for one in found.findings[:SHOWN]:
        console.print(f"  {visible(str(one))}", style="red", markup=False)
    if found.found > SHOWN:
        console.print(f"  and {found.found - SHOWN:,} more (`--json`)", markup=False)
    for column, rows in found.untold.items():
        console.print(f"  {rows:,} older entries say nothing of {column}: not compared", markup=False)
    if not found.found:
        console.print("Every row is what the journal says of it, and every level follows from what was granted.")


def _facts(found: Verified) -> dict[str, Any]:
    findings = [{**asdict(one), "key": dict(one.key), "said": str(one)} for one in found.findings]
    return {**asdict(found), "ok": found.ok, "findings": findings}
