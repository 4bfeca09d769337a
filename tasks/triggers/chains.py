"""Trigger: which agent is to run because another one's run has ended? Derived from the ledger, so nothing is missed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midwatch.agents import Agents
from midwatch.arrival_checks import loops
from midwatch.arrival_input import fields_of_one
from midwatch.arrival_spec import After, key_of
from midwatch.errors import LedgerError, MidwatchError
from midwatch.ledger import Ledger, RunRow
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from midwatch.templates import fill
from tasks.triggers.entering import arrival_of, entered

STRETCH = 1000
"""Rows of the journal after which the mark is moved though nothing was found."""


@dataclass(slots=True, kw_only=True)
class Chains:
    agents: Agents
    ledger: Ledger
    project: Path
    _marks: dict[tuple[str, str], int] = field(default_factory=dict)
    _standing: set[tuple[str, str]] | None = None
    _told: set[str] = field(default_factory=set)

    async def look(self) -> list[str]:
        """Enter what has ended since the last look; a line for each, and one for each chain that is not followed."""
        every, wrong = self.agents.every()
        looped = loops({name: frozenset(each.agent for each in spec.triggers.after) for name, spec in every.items()})
        standing = {
            (name, key_of(one)) for name, spec in every.items() if name not in looped for one in spec.triggers.after
        }
        if not wrong and standing != self._standing:
            await self.ledger.keep_chain_marks(standing)
            self._standing, self._marks = standing, {key: self._marks[key] for key in standing & self._marks.keys()}
        lines: list[str] = []
        for name, spec in every.items():
            for after in spec.triggers.after:
                if name in looped:
                    lines += self._once(f"{name} is started by no other agent: {looped[name]} would never end")
                else:
                    lines += await self._by_itself(spec, after)
        return lines

    async def _by_itself(self, spec: AgentSpec, after: After) -> list[str]:
        """A chain that cannot be followed keeps no other one waiting; it is tried again at the next look."""
        try:
            return await self._followed(spec, after)
        except LedgerError:
            raise
        except Exception as error:
            why = str(error) if isinstance(error, MidwatchError) else repr(error)
            return self._once(f"{spec.name} cannot be started after {after.agent}: {why}")

    async def _followed(self, spec: AgentSpec, after: After) -> list[str]:
        key = (spec.name, key_of(after))
        if key not in self._marks:
            self._marks[key] = await self.ledger.chain_mark(*key)
        endings = await self.ledger.endings_after(self._marks[key], after.agent)
        wanted = [row for row in endings.rows if row.outcome in after.outcomes]
        source = self.agents.find(after.agent) if wanted and _wants_files(spec, after) else None
        lines = [await self._entered(spec, after, row, source) for row in wanted]
        if wanted or endings.until - self._marks[key] >= STRETCH:
            await self.ledger.move_chain_mark(*key, endings.until)
            self._marks[key] = endings.until
        return lines

    async def _entered(self, spec: AgentSpec, after: After, row: RunRow, source: AgentSpec | None) -> str:
        document = ending(row, written(source, row, self.project))
        arrival = arrival_of(spec, after, row.run_id, document, parent_run=row.run_id)
        entry, _ = await entered(self.ledger, spec, arrival)
        because = f" ({entry.why})" if entry.why else ""
        return f"{entry.state}: {spec.name} after run {row.run_id} of {row.agent}, which is {row.outcome}{because}"

    def _once(self, line: str) -> list[str]:
        if line in self._told:
            return []
        self._told.add(line)
        return [line]


def _wants_files(spec: AgentSpec, after: After) -> bool:
    """Else it is followed while the file of the agent before it is wrong, too: that may be what it is there for."""
    return "files" in (after.input.values() or fields_of_one(spec.input, spec.triggers.storm))


def ending(row: RunRow, files: list[str]) -> Mapping[str, Any]:
    """What a run's end hands on."""
    return {
        "run_id": row.run_id,
        "agent": row.agent,
        "outcome": row.outcome,
        "reason": row.reason,
        "input": dict(row.input),
        "files": files,
    }


def written(source: AgentSpec | None, row: RunRow, project: Path) -> list[str]:
    """The files that the agent's contract names and that are there, relative to the project."""
    if source is None:
        return []
    facts = RunFacts(run_id=row.run_id, agent=row.agent, started_at=row.started_at, project=project, input=row.input)
    paths = [path for check in source.contract.done_when if check.file for path in _filled(check.file.path, facts)]
    return [path for path in paths if _is_there(project, path)]


def _is_there(project: Path, path: str) -> bool:
    """In the project: its name may have come from outside, as a field of the run's input."""
    try:
        return Path(os.path.realpath(project / path, strict=True)).is_relative_to(project.resolve())
    except (OSError, ValueError):  # ValueError: no path at all
        return False


def _filled(path: str, facts: RunFacts) -> list[str]:
    """Nothing where its file has changed since, or names a function that fails: anything may be in it."""
    try:
        return [fill(path, facts)]
    except Exception:
        return []
