"""Suspended runs: the agent, its one tool, and its contract. The world is one file; each run is to leave one line in it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

from pydantic_ai import RunContext

from midwatch.contract import Finding
from midwatch.risk import tool
from midwatch.run import RunFacts

AGENT: Final = "asker"
PROMPT: Final = "Enter number {input.number}."
BODY: Final = f"""
input: {{number: {{type: integer}}}}
tools: [{{python: benchmarks.suspended.world:enter}}]
rules: {{ask: [enter]}}
prompt: {PROMPT}
contract: {{done_when: [{{python: benchmarks.suspended.world:entered}}]}}
escalation: {{deadline_minutes: 2880}}
"""
"""It asks for its one call, and waits two days."""


def lines(project: Path) -> Path:
    """The world."""
    return project / "lines"


def line(number: object) -> str:
    """What the run of this number enters."""
    return f"number {number}"


def times(project: Path) -> Counter[str]:
    """How often each line was entered."""
    file = lines(project)
    return Counter(file.read_text().splitlines() if file.exists() else [])


@tool(risk="write")
async def enter(ctx: RunContext[RunFacts], line: str) -> str:
    """Enter a line; not idempotent, and nobody can ask afterwards."""
    file = os.open(lines(ctx.deps.project), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
    return "entered"


async def entered(facts: RunFacts) -> list[Finding]:
    """The contract: this run's line is there, once."""
    mine = line(facts.input["number"])
    seen = times(facts.project)[mine]
    return [Finding(check="entered once", held=seen == 1, detail=f"{mine!r} was entered {seen} times")]
