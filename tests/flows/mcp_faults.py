"""Runs whose MCP server is killed or hangs at a chosen place of a call."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

from tests.flows import faulty_mcp
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import Calls, Hold, Turn, call

IN_READS: Final = "mcp-in-reads"
IN_AN_EFFECT: Final = "mcp-in-an-effect"
HANG_SECONDS: Final = 5.0


def world(night: Night, agent: str) -> Path:
    """Where the agent's server leaves its traces."""
    return night.project / "work" / agent


def body(night: Night, agent: str) -> str:
    return f"""
tools:
  - mcp:
      name: faulty
      command: {[sys.executable, faulty_mcp.__file__, str(world(night, agent))]}
      tools: {{look: read, append: write}}
      timeout_seconds: {HANG_SECONDS}
rules:
  allow: [mcp__faulty__look, mcp__faulty__append]
ceiling: 4
contract:
  done_when:
    - file: {{path: work/{agent}/lines}}
"""


def look(at: str) -> Calls:
    return call("mcp__faulty__look", at=at)


def append(line: str, at: str = "nowhere") -> Calls:
    return call("mcp__faulty__append", line=line, at=at)


def write_agents(night: Night) -> None:
    reads: list[Turn] = [append("one"), append("two"), look("before"), look("before"), look("nowhere"), "done"]
    night.agent(IN_READS, body(night, IN_READS), *reads)
    night.agent(IN_AN_EFFECT, body(night, IN_AN_EFFECT), append("one", "after"), "done")
    night.script.holds[IN_READS] = Hold(turn=1)


async def kill_in_reads(night: Night) -> None:
    """Between two calls, so after the first and before the second; then in the first of two reads that hang."""
    hold, here = night.script.holds[IN_READS], world(night, IN_READS)
    await there(hold.reached.is_set)
    kill_server(here)
    hold.go.set()
    await there((here / "at-before").exists)
    kill_server(here)


async def kill_in_an_effect(night: Night) -> None:
    """When it has happened, and before the server can say so."""
    await there((world(night, IN_AN_EFFECT) / "at-after").exists)
    kill_server(world(night, IN_AN_EFFECT))


def kill_server(here: Path) -> None:
    os.kill(int((here / "pids").read_text().split()[-1]), signal.SIGKILL)
