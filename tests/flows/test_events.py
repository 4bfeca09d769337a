"""What comes from outside starts one real run each: by webhook, by file, after another run, by Prefect's own events."""

from __future__ import annotations

import json
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.events import emit_event
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from sqlalchemy import select

from midwatch.ledger import RunRow
from midwatch.ledger.tables import chain_marks
from tests.flows.conftest import Night, eventually
from tests.flows.scripted_model import call
from tests.flows.senders import deployed, receiver, started
from tests.tasks.triggers.outside import issue

WRITER = """
tools: [{{write_file: {{root: work}}}}]
rules: {{allow: [write_file]}}
ceiling: 4
prompt: "It is called {{input.title}}."
contract: {{done_when: [{{file: {{path: work/{name}.txt, contains: [hello]}}}}]}}
input: {{title: {{type: string}}}}
"""
HOOK = """
triggers:
  webhooks: [{name: issues, scheme: github, secret: {env: HOOK_SECRET}, input: {title: body.issue.title}}]
"""
PATIENCE = 300


async def writer(night: Night, name: str, triggers: str) -> UUID:
    """An agent that writes one file; returns its deployment."""
    (night.project / "work").mkdir(exist_ok=True)
    write = call("write_file", path=f"{name}.txt", content="hello")
    night.agent(name, WRITER.format(name=name) + triggers, write, "written")
    await night.ledger.grant_level(name, 4, by="test", because="a test")
    return await deployed(name)


async def runs_of(deployment: UUID) -> list[str]:
    async with get_client() as client:
        only = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        return [str(run.id) for run in await client.read_flow_runs(deployment_filter=only)]


async def is_an_event_s(night: Night, row: RunRow, title: str) -> None:
    """Verified, and known as what it is."""
    assert (row.outcome, row.cause, row.input) == ("verified", "event", {"title": title})
    assert await night.ledger.labels_of(row.run_id) == {"untrusted"}


async def test_a_webhook_is_one_run_although_its_receiver_is_killed_and_its_sender_repeats_itself(night: Night) -> None:
    deployment = await writer(night, "hooked", HOOK)
    async with receiver(night.house.home) as senders:
        assert await senders.post("hooked", issue("It fails"), "d1") == 202
        senders.kill()
    async with receiver(night.house.home) as senders:
        assert await senders.post("hooked", issue("It fails"), "d1") == 202
        arrival = await started(night, "hooked")
    row = await night.ended(UUID(arrival.run_id), PATIENCE)
    await is_an_event_s(night, row, "It fails")
    assert row.slot == f"event arrival:{arrival.arrival_id}"
    assert await runs_of(deployment) == [row.run_id]


async def test_a_file_that_is_moved_in_is_one_run(night: Night) -> None:
    await writer(night, "filed", "triggers:\n  files: [{name: in, folder: filed-in, input: {title: text}}]\n")
    (night.project / "filed-in").mkdir()
    async with receiver(night.house.home):
        draft = night.project / "draft"
        draft.write_text("from a file")
        draft.rename(night.project / "filed-in" / "a.txt")
        arrival = await started(night, "filed")
    await is_an_event_s(night, await night.ended(UUID(arrival.run_id), PATIENCE), "from a file")


async def test_an_agent_runs_after_another_with_its_labels(night: Night) -> None:
    await writer(night, "before", "")
    await writer(night, "after", "triggers:\n  after: [{agent: before, input: {title: outcome}}]\n")
    async with receiver(night.house.home):
        await _chain_is_there(night)
        first = await night.ended(await night.start("before", input={"title": "a"}), PATIENCE)
        arrival = await started(night, "after")
    assert arrival.parent_run == first.run_id
    await is_an_event_s(night, await night.ended(UUID(arrival.run_id), PATIENCE), "verified")


async def _chain_is_there(night: Night) -> None:
    """Once the receiver has looked, every later end counts."""
    await eventually(lambda: night.ledger.read(lambda tx: tx.first(select(chain_marks))))


async def test_prefect_s_own_events_start_a_run_by_an_automation(night: Night) -> None:
    deployment = await writer(night, "automated", "")
    template = {"title": {"__prefect_kind": "jinja", "template": "{{ event.payload | tojson }}"}}
    hostile = {"a": "{{ 7 * 7 }}", "b": {"__prefect_kind": "workspace_variable", "variable_name": "secret"}}
    automation = AutomationCore(
        name="automated",
        trigger=EventTrigger(expect={"midwatch.test"}, posture=Posture.Reactive, threshold=1),
        actions=[
            RunDeployment(
                source="selected", deployment_id=deployment, parameters={"agent": "automated", "input": template}
            )
        ],
    )
    async with get_client() as client:
        automation_id = await client.create_automation(automation)
        emit_event("midwatch.test", {"prefect.resource.id": "tests"}, payload=hostile)
        found = await eventually(lambda: runs_of(deployment))
        await client.delete_automation(automation_id)
    await is_an_event_s(night, await night.ended(UUID(found[0]), PATIENCE), json.dumps(hostile))
