"""Durable steps, `midwatch`: the flow that every deployment runs, with its ledger, gate, policy and monitoring.

Only what the agent file's model string stands for is replaced: a scripted model in the process, behind the same retries.
What the house has imported before a run starts (`cli/warm.py`) is imported before the clock starts.
"""

from __future__ import annotations

import gc
import importlib
import os
from pathlib import Path
from typing import Final, Literal

from pydantic_ai.models import Model

import tasks.model.providers
from benchmarks.durable.prefect_server import lived, reached, settled
from benchmarks.durable.scripted import scripted_model
from benchmarks.durable.work import INSTRUCTIONS, PROMPT, Work
from blocks.ledger import open_ledger
from cli.warm import IMPORTED
from flows.agent_run import agent_run

for _module in IMPORTED:
    importlib.import_module(_module)
gc.collect()
gc.freeze()

AGENT: Final = "night"
Tool = Literal["note_number", "write_number"]
_FILE: Final = """
name: {agent}
description: Notes every number.
model: scripted:numbers
instructions: {instructions}
prompt: {prompt}
tools:
  - python: benchmarks.durable.tools:{tool}
rules:
  allow: [{tool}]
ceiling: 4
limits: {{steps: {steps}, tokens: 1000000000, usd: 1000, minutes: 600}}
contract:
  done_when:
    - python: benchmarks.durable.tools:nothing_more
"""


async def run(work: Work, tool: Tool = "note_number") -> None:
    """One life, at level 4, so that nothing waits for a person."""
    _offer(scripted_model(work, tool))
    if work.life != "resumed":
        await _move_in(work, tool)
    await reached()
    state = await lived(agent_run, {"agent": AGENT}, work)
    work.answered(work.last_words() if state.name == "verified" else f"{state.name}: {state.message}")
    await settled(work)


def _offer(model: Model) -> None:
    """From here on, a model string of an agent's file means `model` in this process."""
    vars(tasks.model.providers)["infer_model"] = lambda _: model


async def _move_in(work: Work, tool: Tool) -> None:
    """The agent's file and its level, as they stand before any run."""
    agents = Path(os.environ["MIDWATCH_PROJECT"]) / "agents"
    agents.mkdir(exist_ok=True)
    text = _FILE.format(
        agent=AGENT, instructions=repr(INSTRUCTIONS), prompt=repr(PROMPT), tool=tool, steps=work.steps + 10
    )
    (agents / f"{AGENT}.yaml").write_text(text)
    async with await open_ledger(work.store) as ledger:
        await ledger.migrate()
        await ledger.grant_level(AGENT, 4, by="benchmark", because="the scripted work waits for nobody")
