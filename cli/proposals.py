"""`midwatch rules proposals`: which rules were proposed, by whose yes? Kept in the home, which no agent can touch.

None of them holds until a person writes it into the agent's file: `accept` does that, and nothing else does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from cli import terminal
from cli.home import House, locate
from cli.ledger import open_ledger
from cli.options import AsJson
from midwatch.agent_edit import rule_text, with_allow_rule
from midwatch.agent_file import agent_path
from midwatch.calls import canonical_json, visible
from midwatch.errors import HouseError, LedgerError, SpecError
from midwatch.run_ids import short
from midwatch.spec import Rule
from midwatch.whole_file import write_whole

if TYPE_CHECKING:
    from midwatch.policy.narrow import Proposal

ID_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One proposal on disk."""

    id: str
    """The beginning of SHA-256 over agent and rule: the same rule is proposed once."""
    agent: str
    rule: Rule
    also: list[str]
    """What else it would allow, in words."""
    asked: str
    """The run and the question whose yes it comes from."""
    by: str
    at: str


def save(house: House, agent: str, proposal: Proposal, *, asked: str, by: str) -> Saved:
    """Write one down; one that is there already stays as it is."""
    key = hashlib.sha256(canonical_json([agent, proposal.rule]).encode()).hexdigest()[:ID_LENGTH]
    facts: dict[str, Any] = {"agent": agent, "rule": proposal.rule, "also": list(proposal.also)}
    facts |= {"asked": asked, "by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    path = _folder(house) / f"{agent}-{key}.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, json.dumps(facts, indent=2))
    return _read(path)


def saved(house: House) -> list[Saved]:
    """All of them, the oldest first. Raises SpecError where a file is no proposal."""
    return sorted((_read(path) for path in _folder(house).glob("*.json")), key=lambda one: (one.at, one.id))


def one_of(house: House, start: str) -> Saved:
    """The one whose id begins so. Raises HouseError where there is none, or several."""
    found = [one for one in saved(house) if one.id.startswith(start)]
    if len(found) != 1:
        raise HouseError(f"no single proposal starts with {start!r}; `midwatch rules proposals` lists them")
    return found[0]


def forget(house: House, one: Saved) -> None:
    """Forget it."""
    (_folder(house) / f"{one.agent}-{one.id}.json").unlink(missing_ok=True)


def _folder(house: House) -> Path:
    return house.home / "proposals"


def _read(path: Path) -> Saved:
    try:
        return Saved(id=path.stem.rpartition("-")[2], **json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise SpecError("not a proposal; remove the file", path=str(path)) from error


def proposals(as_json: AsJson = False) -> None:
    """List the rules that `midwatch approve --always` proposed. None of them holds until a person accepts it."""
    waiting = saved(locate(os.environ))
    if as_json:
        typer.echo(json.dumps([{name: getattr(one, name) for name in Saved.__slots__} for one in waiting]))
        return
    console = terminal.console(soft_wrap=True)
    for one in waiting:
        console.print(f"[bold]{one.id}[/] · {one.agent} · {one.asked}, {one.by}, {one.at[:16]} UTC")
        console.print(visible(rule_text(one.rule, 4)).rstrip("\n"), markup=False)
        console.print(f"  It also allows: {visible('; '.join(one.also))}.\n", markup=False)
    said = "`midwatch rules accept ID` writes one into the agent's file, `midwatch rules drop ID` forgets it."
    console.print(said if waiting else "Nothing is proposed. `midwatch approve RUN N --always` proposes a rule.")


Id = Annotated[str, typer.Argument(help="The proposal, or as many of its first characters as single it out.")]


def accept(proposal: Id) -> None:
    """Write a proposed rule into its agent's file, which keeps every comment; runs that wait hold it up."""
    house = locate(os.environ)
    one = one_of(house, proposal)
    asyncio.run(_no_run_waits(house, one.agent))
    path = agent_path(one.agent, house.project / "agents")
    text = with_allow_rule(path.read_text(encoding="utf-8"), one.rule, path=str(path))
    write_whole(path, text, mode=path.stat().st_mode & 0o777)
    forget(house, one)
    typer.echo(f"{path} allows it from the next run on. `midwatch rules test {one.agent}` tries its examples.")


async def _no_run_waits(house: House, agent: str) -> None:
    async with await open_ledger(house.home) as ledger:
        waiting = {short(row.run_id) for row in await ledger.open_asks(agent) if row.kind != "settle"}
    if waiting:
        said = f"run {', '.join(sorted(waiting))} of {agent} waits for an answer, and would not go on with another file"
        raise LedgerError(f"{said}: answer it first (`midwatch inbox`)")


def drop(proposal: Id) -> None:
    """Forget a proposed rule."""
    house = locate(os.environ)
    forget(house, one_of(house, proposal))


def print_proposal(proposal: Proposal, console: Console) -> None:
    """The rule as it would be written, and what else it allows."""
    console.print(visible(rule_text(proposal.rule, 4)).rstrip("\n"), markup=False)
    console.print(f"  It also allows: {visible('; '.join(proposal.also))}.", markup=False)
    for grant in proposal.grants:
        console.print(f"    for example {visible(_said(grant))}", markup=False)


def _said(example: object) -> str:
    return f"`{example}`" if isinstance(example, str) else json.dumps(example)


def facts_of(proposal: Proposal) -> dict[str, Any]:
    """For machines."""
    return {"rule": proposal.rule, "also": list(proposal.also), "for_example": list(proposal.grants)}
