"""Monitoring: which contract would have fitted what the agent did so far? A proposal that a person writes down, or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from midwatch.contract.figures import host_of
from midwatch.outcome import Outcome

FEW: Final = 3
"""Fewer runs than this say little, and the proposal says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """One call of a tool that was made."""

    tool: str
    arguments: Mapping[str, Any]
    is_effect: bool
    wrote: tuple[str, ...] = ()
    """Files that it names and that it has written, relative to the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run that has ended, `verified` or `unverified`."""

    outcome: Outcome
    day: str
    """What `{date}` was."""
    input: Mapping[str, Any]
    calls: tuple[PastCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One check, with what speaks for it."""

    check: dict[str, Any]
    """As it is written in an agent's file."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the past says."""

    checks: tuple[Proposed, ...]
    notes: tuple[str, ...]
    """What was done again and again, and that no check can be made of by itself."""
    evidence: str


def propose(agent: str, runs: Sequence[PastRun]) -> Proposal:
    """Files that every run wrote, and effects of which every run had the same number."""
    checks = [*_files(runs), *_effects(runs)] if runs else []
    return Proposal(checks=tuple(checks), notes=tuple(_notes(runs)), evidence=_evidence(agent, runs))


def as_yaml(proposal: Proposal) -> str:
    """For an agent's file, the evidence as comments; it loads as it stands."""
    lines = [f"# {proposal.evidence}", "contract:", "  done_when:" if proposal.checks else "  done_when: []"]
    for one in proposal.checks:
        ((kind, options),) = one.check.items()
        lines += [f"    # {_comment(one.why)}", f"    - {kind}: {json.dumps(options, ensure_ascii=False)}"]
    return "\n".join([*lines, *(f"    # {_comment(note)}" for note in proposal.notes)]) + "\n"


def _comment(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _files(runs: Sequence[PastRun]) -> Iterator[Proposed]:
    for path, seen in _written(runs):
        if seen == len(runs):
            check = {"file": {"path": path, "newer_than_start": True}}
            yield Proposed(check=check, why=f"written in {seen} of {len(runs)} runs")


def _written(runs: Sequence[PastRun]) -> list[tuple[str, int]]:
    """By file, as any run would name it: how many runs have written it."""
    return _in_runs({_general(path, run) for call in run.calls for path in call.wrote} - {""} for run in runs)


def _in_runs(each: Iterable[set[str]]) -> list[tuple[str, int]]:
    return sorted(Counter(chain.from_iterable(each)).items())


def _general(path: str, run: PastRun) -> str:
    """The path for any run; "" where it cannot be said for another."""
    if "{" in path or "}" in path:
        return ""
    path = path.replace(run.day, "{date}")
    for name, value in run.input.items():
        if isinstance(value, str) and len(value) >= 3:
            path = path.replace(value, f"{{input.{name}}}")
    return path


Sort = tuple[str, str, str]
"""Tool, HTTP method, host; the last two are empty for what is no HTTP request."""


def _effects(runs: Sequence[PastRun]) -> Iterator[Proposed]:
    counts = [Counter(sort for call in run.calls if call.is_effect for sort in _sorts(call)) for run in runs]
    for sort in sorted({sort for counted in counts for sort in counted}):
        numbers = {counted[sort] for counted in counts}
        if len(numbers) == 1:
            (times,) = numbers
            check = {"effects": {**_wanted(sort), "equals": times}}
            yield Proposed(check=check, why=f"{times} in each of {len(runs)} runs")


def _sorts(call: PastCall) -> Iterable[Sort]:
    url, method = call.arguments.get("url"), call.arguments.get("method")
    if isinstance(url, str) and isinstance(method, str) and (host := host_of(url)):
        return [(call.tool, method, host)]
    return [(call.tool, "", "")]


def _wanted(sort: Sort) -> dict[str, Any]:
    tool, method, host = sort
    return {"tool": tool, "host": host, "arguments": {"method": method}} if host else {"tool": tool}


def _notes(runs: Sequence[PastRun]) -> Iterator[str]:
    """Commands that every run ran; and files and effects that only some had."""
    ran = [{str(call.arguments["command"]) for call in run.calls if "command" in call.arguments} for run in runs]
    for command, seen in _in_runs(ran):
        if seen == len(runs):
            yield f"`{command}` ran in {seen} of {len(runs)} runs: let a `command` check read back what it changed"
    for path, seen in _written(runs):
        if seen < len(runs):
            yield f"not proposed: {path} was written in {seen} of {len(runs)} runs"


def _evidence(agent: str, runs: Sequence[PastRun]) -> str:
    if not runs:
        return (
            f"No run of {agent} has ended as verified or unverified yet: there is nothing to propose a contract from."
        )
    verified = sum(run.outcome == "verified" for run in runs)
    past = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    said = f"From {past} of {agent} ({verified} verified, {len(runs) - verified} unverified)."
    little = " They are few: look twice." if len(runs) < FEW else ""
    return f"{said}{little} A proposal; nothing was changed."
