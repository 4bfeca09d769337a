"""Row 9. The loop hit its maximum of iterations and the workflow was marked successful.

Here: `blocked` (budget), never green, not even where the contract happens to hold.
"""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.incidents.typed import midwatch

LOOPER = """
tools:
  - read_file: {{root: work}}
rules: {{allow: [read_file]}}
limits: {{steps: 4}}
ceiling: 4
breaker: {{same_cause: 100, any_cause: 100}}
contract:
  done_when:
    - file: {{path: agents/scripted.yaml, exists: {exists}}}
"""
LOOKS_ON_AND_ON = [call("read_file", path=f"page-{number}.txt") for number in range(50)]


@pytest.mark.parametrize(
    "exists", [pytest.param("true", id="contract-holds"), pytest.param("false", id="contract-broken")]
)
async def test_it_is_blocked_by_its_budget_and_says_so(night: Night, exists: str) -> None:
    agent = night.agent("scripted", LOOPER.format(exists=exists), *LOOKS_ON_AND_ON)
    asked = night.script.count(agent)
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    code, printed = await midwatch("run", agent, "--json")
    ended = json.loads(printed.splitlines()[-1])
    assert (code, ended["outcome"]) == (4, "blocked"), printed
    assert "4 of 4 steps used in this run" in ended["reason"]
    assert night.script.count(agent) - asked == 4
