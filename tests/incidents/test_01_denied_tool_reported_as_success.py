"""Row 1. A needed tool was denied, or could not be asked about; the run ended with exit 0 and "success", eight times.

Here: `blocked`, a non-zero exit code, and one notice that names the denied call.
"""

from __future__ import annotations

import json

import pytest

from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.incidents.typed import Reader, midwatch

REPORTER = """
tools:
  - write_file: {{root: work}}
rules: {rules}
escalation: {escalation}
ceiling: 4
breaker: {{same_cause: 100, any_cause: 100}}
contract:
  done_when:
    - file: {{path: work/report-of-the-night.txt, newer_than_start: true}}
"""
WRITES = call("write_file", path="report-of-the-night.txt", content="all is well")
SUCCESS = "Success! The report is written and everything is fine."


@pytest.mark.parametrize(
    ("rules", "escalation", "nights"),
    [
        pytest.param("{deny: [write_file]}", "{}", 2, id="denied-by-a-rule"),
        pytest.param("{ask: [write_file]}", "{to: []}", 1, id="nobody-there-to-be-asked"),
    ],
)
async def test_it_is_blocked_each_time_and_told_once(night: Night, rules: str, escalation: str, nights: int) -> None:
    agent = night.agent("scripted", REPORTER.format(rules=rules, escalation=escalation), WRITES, SUCCESS)
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    reader = Reader(f"reader of {rules}", agent, night.ledger)
    await reader.round()
    for _ in range(nights):
        code, printed = await midwatch("run", agent, "--json")
        ended = json.loads(printed.splitlines()[-1])
        assert (code, ended["outcome"]) == (4, "blocked"), printed
        assert "write_file" in ended["reason"]
        await reader.round()
    assert not (night.project / "work" / "report-of-the-night.txt").exists()
    (notice,) = reader.sent
    assert f"{agent} ended blocked" in notice
    assert "write_file (denied by " in notice
