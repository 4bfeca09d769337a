"""A planted proposal in Prefect's own form: answered like the others, and whoever answered finds it said beside the run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from midwatch.ledger import Ask
from tests.flows.conftest import Night
from tests.flows.scripted_model import Calls

AGENT = """
tools: [{write_file: {root: work}}]
rules:
  ask: [write_file]
  deny: [{write_file: "secret/**", why: that folder is nobody's, match: [{path: secret/x.txt, content: leaked}]}]
planted: {}
ceiling: 4
escalation: {deadline_minutes: 600}
"""
AT_ONCE = 25
"""Requests of one round: so many are never without a test where the share leaves room."""


async def asked_before(night: Night, agent: str, count: int) -> None:
    """The agent has a past."""
    now, run_id = datetime.now(UTC), f"past-{agent}"
    told: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await night.ledger.start_run(run_id, agent=agent, fingerprint="f", started_at=now, **told)
    rest: dict[str, Any] = {
        "kind": "approve",
        "rule": "r",
        "reason": "",
        "words": "",
        "created_at": now,
        "deadline": now,
    }
    for number in range(count):
        named: dict[str, Any] = {"ask_id": f"{run_id}-{number}", "call_id": f"main/{number}", "digest": f"d{number}"}
        await night.ledger.open_ask(Ask(run_id=run_id, tool="write_file", args_json="{}", **named, **rest))


async def test_whoever_answers_in_prefects_form_is_told_beside_the_run(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    writes = Calls([("write_file", {"path": f"{n}.txt", "content": "x"}) for n in range(AT_ONCE)])
    agent = night.agent("tested", AGENT, writes, "written")
    await asked_before(night, agent, 60)
    run_id = await night.start(agent)
    rows = await night.waiting(run_id)
    (test,) = [row for row in rows if row.planted]
    assert len(rows) == AT_ONCE + 1
    async with get_client() as client:
        await client.resume_flow_run(run_id, run_input={f"decision_{n}": "approve" for n in range(1, len(rows) + 1)})
        ended = await night.ended(run_id)
        found = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        told = {one.key: str(one.data) for one in await client.read_artifacts(artifact_filter=found)}
    assert "That was a test: that folder is nobody's. You said yes" in told["tested-test"]
    effects = await night.ledger.effects_of(str(run_id))
    assert (len(effects), test.ask_id in {effect.ask_id for effect in effects}) == (AT_ONCE, False)
    assert not (night.project / "work" / "secret").exists()
    assert "secret" not in ended.reason
