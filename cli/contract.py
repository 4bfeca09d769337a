"""`midwatch contract AGENT`: does its contract hold, here and now? Or, with --suggest: what could it be?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer
from rich.console import Console

from cli import terminal
from cli.home import House, locate
from cli.ledger import open_ledger, whole_id
from cli.options import Agent, AsJson
from midwatch.agent_file import load_agent
from midwatch.calls import visible
from midwatch.contract import Finding, Part
from midwatch.errors import LedgerError
from midwatch.run import RunFacts
from midwatch.run_ids import short
from midwatch.spec import AgentSpec

if TYPE_CHECKING:
    from midwatch.ledger import Ledger, RunRow
    from tasks.monitoring.evidence import Evidence

EXIT_NO_CONTRACT: Final = 3

HEADINGS: Final[dict[Part, str]] = {
    "done_when": "done when",
    "noop_when": "nothing to do when",
    "invariants": "all the time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a contract found."""

    facts: RunFacts
    of_run: bool
    found: dict[Part, list[Finding]]

    @property
    def holds(self) -> bool:
        """`noop_when` says whether there is anything to do, not whether it was done."""
        return all(finding.held for part in ("done_when", "invariants") for finding in self.found[part])


def contract(
    agent: Agent,
    run: Annotated[str, typer.Option(help="Check it for this run: its start, its input, its effects.")] = "",
    suggest: Annotated[bool, typer.Option("--suggest", help="Propose a contract from what its runs did.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check an agent's contract now, without a model. Exit code: 0 it holds, 1 it does not, 3 there is none.

    Without --run as if a run began now: nothing is newer than its start, and nothing has changed since.
    """
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    if suggest:
        from cli.contract_suggest import print_suggestion

        raise typer.Exit(asyncio.run(print_suggestion(spec, house, as_json=as_json)))
    looked = asyncio.run(_looked(spec, house, run))
    if as_json:
        typer.echo(json.dumps(_facts(looked, spec)))
    else:
        _print(looked, spec, terminal.console(soft_wrap=True))
    raise typer.Exit(exit_code(looked, spec))


def exit_code(looked: Looked, spec: AgentSpec) -> int:
    """What a script learns."""
    if not spec.contract.done_when:
        return EXIT_NO_CONTRACT
    return 0 if looked.holds else 1


async def _looked(spec: AgentSpec, house: House, run: str) -> Looked:
    from tasks.monitoring.contract import check_contract

    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        row = await one_run(ledger, spec.name, run) if run else None
        facts = facts_of(spec, house, row)
        evidence = await _evidence(spec, facts, ledger if row else None)
        found = {
            part: await check_contract(spec.contract, facts, which=part, evidence=evidence) for part in get_args(Part)
        }
    return Looked(facts=facts, of_run=bool(run), found=found)


def facts_of(spec: AgentSpec, house: House, row: RunRow | None) -> RunFacts:
    """Of a run as the ledger has it; without one, of a run that begins now."""
    if row is None:
        defaults = {name: field["default"] for name, field in spec.input.items() if "default" in field}
        facts = RunFacts(run_id="contract", agent=spec.name, started_at=datetime.now(UTC), input=defaults)
    else:
        facts = RunFacts(run_id=row.run_id, agent=row.agent, started_at=row.started_at, input=row.input)
    return replace(facts, project=house.project, home=house.home)


async def one_run(ledger: Ledger, agent: str, part: str) -> RunRow:
    """The agent's run whose id begins or ends so. Raises LedgerError where there is none, or several."""
    row = await ledger.run(await whole_id(ledger, part))
    if row is None or row.agent != agent:
        raise LedgerError(f"run {part!r} is not one of {agent}'s; `midwatch runs {agent}` lists them")
    return row


async def _evidence(spec: AgentSpec, facts: RunFacts, ledger: Ledger | None) -> Evidence:
    """Of a run what it wrote down and did; of none what there is now, so that nothing has changed."""
    from tasks.monitoring.contract import BEFORE, before
    from tasks.monitoring.evidence import Evidence

    if ledger is None:
        return Evidence(before=await before(spec.contract, facts))
    steps = {step.position: step for step in await ledger.stored_steps(facts.run_id)}
    was = json.loads(steps[BEFORE].result_json) if BEFORE in steps else {}
    return Evidence(before=was, effects=partial(ledger.effects_of, facts.run_id))


def _print(looked: Looked, spec: AgentSpec, console: Console) -> None:
    when = f"{looked.facts.started_at:%Y-%m-%d %H:%M:%S} UTC"
    said = (
        f"for run {short(looked.facts.run_id)}, which began {when}"
        if looked.of_run
        else f"as of a run that began {when}"
    )
    console.print(f"[bold]{spec.name}[/], {said}")
    for part, findings in looked.found.items():
        if findings:
            console.print(f"\n{HEADINGS[part]}")
        for finding in findings:
            _print_finding(finding, console)
    if not spec.contract.done_when:
        console.print(
            "\nThere is no `contract.done_when`, so no run ends better than `unverified`. "
            f"`midwatch contract {spec.name} --suggest` proposes one."
        )


def _print_finding(finding: Finding, console: Console) -> None:
    mark, colour = ("holds", "green") if finding.held else ("does not hold", "red")
    mark, colour = (mark, colour) if finding.looked else ("could not be seen", "yellow")
    console.print(f"  [{colour}]{mark}[/] · ", end="")
    console.print(f"{visible(finding.check)}: {visible(finding.detail)}", markup=False)


def _facts(looked: Looked, spec: AgentSpec) -> dict[str, Any]:
    return {
        "agent": spec.name,
        "run_id": looked.facts.run_id if looked.of_run else None,
        "started_at": looked.facts.started_at.isoformat(),
        "holds": looked.holds if spec.contract.done_when else None,
        **{part: _listed(findings) for part, findings in looked.found.items()},
    }


def _listed(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [finding.model_dump(mode="json") for finding in findings]
