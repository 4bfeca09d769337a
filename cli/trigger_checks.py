"""`midwatch check`: what starts one agent, and would it? Its deployment as Prefect has it, and what is heard from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psutil
from prefect.client.schemas.responses import DeploymentResponse

from cli import record
from cli.home import House
from cli.secrets_at_hand import Secrets
from midwatch.errors import HouseError
from midwatch.layers import LayerResult
from midwatch.spec import AgentSpec

AGAIN: Final = "the house reads what it needs for this when it starts: `midwatch down`, then `midwatch up`"


async def trigger_result(
    spec: AgentSpec, there: Sequence[DeploymentResponse], house: House, environment: Mapping[str, str]
) -> LayerResult:
    """What starts the agent; a deployment that only a person starts is in order too."""
    mine = next((each for each in there if each.parameters.get("agent") == spec.name), None)
    if mine is None:
        hint = f"add a deployment with `parameters: {{agent: {spec.name}}}` to prefect.yaml, then `midwatch up`"
        return _fault(f"Prefect has no deployment named {spec.name!r}", hint)
    if mine.paused:
        return _fault("its deployment is paused", "resume it in Prefect's UI")
    schedules = [said(schedule.schedule) for schedule in mine.schedules if schedule.active]
    if schedules and not _waits_in_turn(spec, mine):
        hint = "add `concurrency_limit: {limit: 1, collision_strategy: ENQUEUE}` in prefect.yaml, then `midwatch up`"
        return _fault("nothing holds a scheduled run back while another is at work: its slot would be skipped", hint)
    if deaf := await unheard(spec, house, environment):
        return _fault("; ".join(deaf), AGAIN)
    detail = "; ".join(schedules) if schedules else "no active schedule: a person or an event starts it"
    return LayerResult(layer="trigger", ok=True, detail=detail)


def _fault(detail: str, hint: str) -> LayerResult:
    return LayerResult(layer="trigger", ok=False, detail=detail, hint=hint)


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
