"""`midwatch check`, the trigger layer: what starts the agent, and what would keep that from being heard."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.responses import DeploymentResponse

from cli import record
from cli.home import House
from cli.hook_address import AGAIN, PORT, hooks_said
from cli.record import Living, Record
from cli.trigger_checks import trigger_result
from midwatch.agent_file import parse_agent
from midwatch.layers import LayerResult
from midwatch.spec import AgentSpec

DAILY = {"cron": "0 3 * * *", "timezone": "UTC"}
ONE = {"id": str(uuid4()), "name": "tidy", "limit": 1, "active": True, "active_slots": 0, "slot_decay_per_second": 0}
HOOKED = """
triggers:
  webhooks:
    - {name: issues, scheme: github, secret: {env: HOOK_SECRET}, input: {title: body.title}}
input: {title: {type: string}}
"""


def agent(body: str = "") -> AgentSpec:
    head = "name: tidy\ndescription: Tidies up.\ninstructions: Be tidy.\n"
    return parse_agent(head + body, path="tidy.yaml", stem="tidy")


def deployment(*schedules: dict[str, Any], limit: int | None = 1, **given: Any) -> DeploymentResponse:
    facts = {"id": str(uuid4()), "name": "tidy", "flow_id": str(uuid4()), "parameters": {"agent": "tidy"}}
    made = [{"id": str(uuid4()), "deployment_id": str(uuid4()), "active": True, **one} for one in schedules]
    limits = {"global_concurrency_limit": {**ONE, "limit": limit}} if limit else {}
    return DeploymentResponse.model_validate({**facts, "schedules": made, **limits, **given})


async def result(house: House, there: DeploymentResponse, body: str = "", **environ: str) -> LayerResult:
    return await trigger_result(agent(body), [there], house, environ)


async def test_an_active_schedule_is_told(house: House) -> None:
    there = deployment({"schedule": DAILY}, {"schedule": {"interval": 3600}, "active": False})
    found = await result(house, there)
    assert (found.ok, found.detail) == (True, "cron 0 3 * * * (UTC)")


@pytest.mark.parametrize(
    ("there", "ok", "said"),
    [
        (deployment(parameters={"agent": "other"}), False, "no deployment"),
        (deployment(paused=True), False, "paused"),
        (deployment(), True, "a person or an event starts it"),
    ],
)
async def test_what_starts_an_agent_is_its_own_deployment(
    house: House, there: DeploymentResponse, ok: bool, said: str
) -> None:
    found = await result(house, there)
    assert found.ok == ok
    assert said in found.detail


@pytest.mark.parametrize(
    ("limit", "active", "overlap", "ok"),
    [
        (1, True, "queue", True),
        (None, True, "queue", False),
        (2, True, "queue", False),
        (None, False, "queue", True),
        (None, True, "skip", True),
        (None, True, "replace", True),
    ],
)
async def test_slots_that_are_to_queue_need_a_limit_of_one_run(
    house: House, limit: int | None, active: bool, overlap: str, ok: bool
) -> None:
    there = deployment({"schedule": DAILY, "active": active}, limit=limit)
    found = await result(house, there, f"triggers: {{schedule: {{overlap: {overlap}}}}}")
    assert found.ok is ok
    assert ok or "concurrency_limit: {limit: 1" in found.hint


async def test_a_webhook_whose_secret_is_not_there_is_not_in_order(house: House) -> None:
    found = await result(house, deployment(), HOOKED)
    assert (found.ok, found.hint) == (False, AGAIN)
    assert "webhook 'issues': its secret is not there: set HOOK_SECRET" in found.detail
    assert (await result(house, deployment(), HOOKED, HOOK_SECRET="x")).ok


async def test_a_secret_is_looked_for_where_the_receiver_looks(house: House) -> None:
    """Not in the shell in which somebody checks."""
    argv = [sys.executable, "-c", "input()"]
    for environ, ok in (({"HOOK_SECRET": "x"}, True), ({}, False)):
        process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, env={**os.environ, **environ})
        living = record.living(process.pid)
        assert living is not None
        keeps(house, receiver=living)
        found = await result(house, deployment(), HOOKED, **({} if ok else {"HOOK_SECRET": "x"}))
        assert found.ok is ok
        process.kill()
        await process.wait()


async def test_a_house_that_had_no_such_trigger_when_it_started_has_nobody_to_hear_of_one(house: House) -> None:
    keeps(house)
    found = await result(house, deployment(), HOOKED, HOOK_SECRET="x")
    assert (found.ok, found.hint) == (False, AGAIN)
    assert "the house has no receiver" in found.detail
    assert (await result(house, deployment(), "", HOOK_SECRET="x")).ok


def keeps(house: House, **children: Living) -> None:
    me = record.this_process()
    state = Record(supervisor=me, phase="up", port=house.port or 0, keeps=("keeper", *children), children=children)
    record.write(house.record, state)


NEEDY = "input: {title: {type: string}}\n"
WITH_TITLE = {"agent": "tidy", "input": {"title": "the week"}}


@pytest.mark.parametrize(
    ("there", "body", "ok"),
    [
        (deployment({"schedule": DAILY}), NEEDY, False),
        (deployment({"schedule": DAILY}), "input: {title: {type: string, default: none}}\n", True),
        (deployment({"schedule": DAILY}, parameters=WITH_TITLE), NEEDY, True),
        (deployment({"schedule": DAILY, "parameters": {"input": {"title": "now"}}}), NEEDY, True),
        (deployment({"schedule": DAILY, "parameters": {"input": {"title": 3}}}, parameters=WITH_TITLE), NEEDY, False),
        (deployment({"schedule": DAILY}, parameters=WITH_TITLE), "", False),
        (deployment({"schedule": DAILY, "active": False}), NEEDY, True),
        (deployment(), NEEDY, True),
    ],
)
async def test_a_schedule_gives_each_run_an_input_that_it_can_take(
    house: House, there: DeploymentResponse, body: str, ok: bool
) -> None:
    found = await result(house, there, body)
    assert found.ok is ok
    assert ok or "each slot of its schedule would fail: input" in found.detail
    assert ok or "`default`" in found.hint


async def test_a_deployment_that_prefect_yaml_has_is_only_to_be_deployed(house: House) -> None:
    path = house.project / "prefect.yaml"
    for agents, hint in (("other", "add a deployment"), ("tidy", "prefect.yaml has it: `midwatch up` deploys it")):
        path.write_text(f"deployments: [{{name: tidy, parameters: {{agent: {agents}}}}}]")
        assert (await trigger_result(agent(), [], house, {})).hint.startswith(hint)


OUTSIDE = """
  files: [{name: bills, folder: inbox/bills, glob: "*.pdf", input: {title: name}}]
  after: [{agent: owl, input: {title: reason}}]
"""


async def test_what_starts_it_from_outside_is_told_with_its_address(house: House) -> None:
    (house.home / PORT).write_text("4407\n")
    body = HOOKED.replace("\ninput:", f"{OUTSIDE.rstrip()}\ninput:")
    found = await result(house, deployment(), body, HOOK_SECRET="x")
    assert found.detail.split("; ")[1:] == [
        "webhook http://127.0.0.1:4407/hooks/tidy/issues",
        "files inbox/bills/*.pdf",
        "after owl (verified)",
    ]


def test_a_house_says_where_webhooks_come_in_or_what_is_to_be_done(house: House) -> None:
    agents = house.project / "agents"
    agents.mkdir()
    assert hooks_said(house, ["keeper"]) == ""
    (agents / "tidy.yaml").write_text(f"name: tidy{HOOKED}")
    assert hooks_said(house, ["keeper"]).endswith("`midwatch down`, then `midwatch up`")
    (house.home / PORT).write_text("4407\n")
    assert hooks_said(house, ["receiver"]) == "http://127.0.0.1:4407/hooks/AGENT/NAME"
    (house.home / PORT).write_text("x")
    assert "does not hold a port" in hooks_said(house, ["receiver"])
