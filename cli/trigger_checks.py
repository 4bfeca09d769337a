"""`midwatch check`: what starts one agent, and would it? Its deployment as Prefect has it, and what is heard from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import psutil
from prefect.client.schemas.responses import DeploymentResponse

from cli import record
from cli.deployments import in_prefect_yaml
from cli.home import House
from cli.hook_address import AGAIN, hook_url
from cli.secrets_at_hand import Secrets
from midwatch.errors import HouseError, SpecError
from midwatch.layers import LayerResult
from midwatch.spec import AgentSpec
from midwatch.typed_input import input_fault

_DEFAULT: Final = (
    "give each field of `input` a `default`, or the deployment in prefect.yaml `parameters: {input: ...}`; "
    "then `midwatch up`"
)


async def trigger_result(
    spec: AgentSpec, there: Sequence[DeploymentResponse], house: House, environment: Mapping[str, str]
) -> LayerResult:
    """What starts the agent; a deployment that only a person starts is in order too."""
    mine = next((each for each in there if each.parameters.get("agent") == spec.name), None)
    if mine is None:
        return _fault(f"Prefect has no deployment named {spec.name!r}", _to_deploy(spec, house))
    if mine.paused:
        return _fault("its deployment is paused", "resume it in Prefect's UI")
    if unfit := _unfit(spec, mine):
        return _fault(f"each slot of its schedule would fail: {unfit}", _DEFAULT)
    schedules = [said(schedule.schedule) for schedule in mine.schedules if schedule.active]
    if schedules and not _waits_in_turn(spec, mine):
        hint = "add `concurrency_limit: {limit: 1, collision_strategy: ENQUEUE}` in prefect.yaml, then `midwatch up`"
        return _fault("nothing holds a scheduled run back while another is at work: its slot would be skipped", hint)
    if deaf := await unheard(spec, house, environment):
        return _fault("; ".join(deaf), AGAIN)
    starts = [*(schedules or ["no active schedule: a person or an event starts it"]), *_outside(spec, house)]
    return LayerResult(layer="trigger", ok=True, detail="; ".join(starts))


def _fault(detail: str, hint: str) -> LayerResult:
    return LayerResult(layer="trigger", ok=False, detail=detail, hint=hint)


def _to_deploy(spec: AgentSpec, house: House) -> str:
    with suppress(SpecError):
        for one in in_prefect_yaml(house.project):
            if one.get("name") == spec.name and (one.get("parameters") or {}).get("agent") == spec.name:
                return "prefect.yaml has it: `midwatch up` deploys it"
    return f"add a deployment with `parameters: {{agent: {spec.name}}}` to prefect.yaml, then `midwatch up`"


def _unfit(spec: AgentSpec, mine: DeploymentResponse) -> str:
    """Why a run that a schedule starts cannot take its input; "" where each can."""
    for schedule in mine.schedules:
        if schedule.active:
            given = {**mine.parameters, **schedule.parameters}.get("input") or {}
            if fault := input_fault(spec.input, given):
                return f"{fault[0]}: {fault[1]}"
    return ""


def _outside(spec: AgentSpec, house: House) -> Iterator[str]:
    """What starts it from outside, each as its sender sees it."""
    for hook in spec.triggers.webhooks:
        yield f"webhook {hook_url(house, spec.name, hook.name)}"
    for trigger in spec.triggers.files:
        yield f"files {trigger.folder}/{trigger.glob}"
    for chain in spec.triggers.after:
        yield f"after {chain.agent} ({', '.join(chain.outcomes)})"


def _waits_in_turn(spec: AgentSpec, mine: DeploymentResponse) -> bool:
    """Whether slots that are to queue can; Prefect's limit is what makes a run wait without a process."""
    limit = mine.global_concurrency_limit
    return spec.triggers.schedule.overlap != "queue" or (limit is not None and limit.limit == 1)


async def unheard(spec: AgentSpec, house: House, environment: Mapping[str, str]) -> list[str]:
    """Why what comes from outside for this agent would not be taken."""
    triggers = spec.triggers
    if not (triggers.webhooks or triggers.files or triggers.after):
        return []
    state = record.read(house.record)
    faults = []
    if state is not None and state.alive() and "receiver" not in state.keeps:
        faults.append("the house has no receiver: it had no agent with such a trigger when it started")
    secrets = Secrets(environ=_of_receiver(state) or environment)
    for hook in triggers.webhooks:
        try:
            await secrets.secret_of(hook.secret)
        except HouseError as error:
            faults.append(f"webhook {hook.name!r}: {error}")
    return faults


def _of_receiver(state: record.Record | None) -> Mapping[str, str]:
    """The environment in which secrets are looked for; empty where no receiver runs."""
    living = state.children.get("receiver") if state else None
    process = living.process() if living else None
    try:
        return process.environ() if process else {}
    except psutil.Error:
        return {}


def said(schedule: Any) -> str:
    """A schedule in one line."""
    for name in ("cron", "interval", "rrule"):
        if (value := getattr(schedule, name, None)) is not None:
            zone = getattr(schedule, "timezone", None)
            return f"{name} {value}" + (f" ({zone})" if zone else "")
    return str(schedule)
