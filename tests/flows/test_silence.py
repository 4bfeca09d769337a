"""Prefect's own automation notices that an agent is silent, and the keeper that it is back."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.client.orchestration import get_client

from cli import expectations
from tasks.monitoring.silence import key_of
from tests.flows.conftest import Night, eventually

SILENT = """
tools: [{write_file: {root: work}}]
rules: {allow: [write_file]}
expect_within_hours: HOURS
contract:
  done_when:
    - file: {path: work/silent.txt}
"""
AUTOMATION = f"{expectations.PREFIX}silent"


async def test_a_silent_agent_raises_one_alarm_by_prefects_automation_which_ends_when_it_is_back(night: Night) -> None:
    said: list[str] = []
    agent = night.agent("silent", SILENT.replace("HOURS", "0.003"), "done")
    (night.project / "work").mkdir(exist_ok=True)
    (night.project / "work" / "silent.txt").touch()
    began = datetime.now(UTC)
    try:
        assert await expectations.ensure(night.house, said.append) == said
        assert await expectations.ensure(night.house, said.append) == []

        async def raised() -> bool:
            return key_of(agent) in {row.key for row in await night.ledger.open_alarms()}

        await eventually(raised)
        assert (datetime.now(UTC) - began).total_seconds() < 60
        night.agent("silent", SILENT.replace("HOURS", "2"), "done")
        assert await expectations.ensure(night.house, said.append) == [
            "a verified run of silent is expected every 2 h now"
        ]
        assert (await night.ended(await night.start(agent))).outcome == "verified"

        async def over() -> bool:
            return not await raised()

        await eventually(over)
    finally:
        (night.project / "agents" / "silent.yaml").unlink()
        await expectations.ensure(night.house, said.append)
    async with get_client() as client:
        assert AUTOMATION not in {one.name for one in await client.read_automations()}
