"""`midwatch contract AGENT --suggest`: what did its runs do each time? Read from the ledger; no file is changed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.home import House
from cli.ledger import open_ledger
from midwatch.characters import visible
from midwatch.contract.suggest import PastCall, PastRun, Proposal, as_yaml, propose
from midwatch.spec import AgentSpec

if TYPE_CHECKING:
    from midwatch.ledger import Ledger, RunRow, StepRow

RUNS: Final = 50
"""The latest ones."""


async def print_suggestion(spec: AgentSpec, house: House, *, as_json: bool) -> int:
    """Print a contract that would have fitted. 0: there is something to propose, 1: nothing."""
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        rows = await ledger.recent_runs(spec.name, limit=RUNS)
        ended = [row for row in rows if row.outcome in ("verified", "unverified") and not row.shadow]
        proposal = propose(spec.name, [await _past(row, spec, house.project, ledger) for row in ended])
    typer.echo(json.dumps(_facts(proposal)) if as_json else visible(as_yaml(proposal)).rstrip("\n"))
    return 0 if proposal.checks else 1


async def _past(row: RunRow, spec: AgentSpec, project: Path, ledger: Ledger) -> PastRun:
    assert row.outcome is not None
    effects = {effect.call_id for effect in await ledger.effects_of(row.run_id) if effect.state == "consumed"}
    steps = [step for step in await ledger.steps_of(row.run_id) if step.kind == "tool"]
    return PastRun(
        outcome=row.outcome,
        day=row.started_at.astimezone().date().isoformat(),
        input=row.input,
        calls=tuple(_call(step, effects, row, spec, project) for step in steps if step.detail),
    )


def _call(step: StepRow, effects: set[str], row: RunRow, spec: AgentSpec, project: Path) -> PastCall:
    arguments: dict[str, Any] = json.loads(step.detail)
    root = next((tool.root for tool in spec.tools if tool.builtin == step.name), "")
    conversation, _, call_id = step.position.partition("/tool/")
    named = [(Path(root) / value).as_posix() for value in arguments.values() if isinstance(value, str)]
    return PastCall(
        tool=step.name,
        arguments=arguments,
        is_effect=f"{conversation}/{call_id}" in effects,
        wrote=tuple(path for path in named if _was_written(project, path, row.started_at) and step.name != "read_file"),
    )


def _was_written(project: Path, path: str, since: datetime) -> bool:
    """It is a file of the project, not older than the run; a later run may have written it again."""
    if len(path) > 500 or "\n" in path or "\0" in path:
        return False
    file = project / path
    try:
        inside = file.resolve().is_relative_to(project.resolve())
        return inside and file.is_file() and file.stat().st_mtime >= since.timestamp() - 1
    except OSError:
        return False


def _facts(proposal: Proposal) -> dict[str, Any]:
    checks = [{"check": one.check, "why": one.why} for one in proposal.checks]
    return {"evidence": proposal.evidence, "done_when": checks, "notes": list(proposal.notes)}
