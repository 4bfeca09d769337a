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
from cli.record import Living, Record
from cli.trigger_checks import AGAIN, trigger_result
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
