"""Permissions: how does a person's answer reach the run, whatever the door? Into the ledger first, then the run goes on.

The first answer to an ask counts. A run is resumed when all its asks are decided; who finds it decided and still suspended
(`midwatch` after a decision, the keeper at any time) resumes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Scheduled

from midwatch.ask_context import AskContext
from midwatch.calls import Call, parse_call
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger, Settlement
from midwatch.policy.shapes import misfit
from midwatch.request import Question, numbered
from midwatch.run_ids import short
from tasks.permissions.form import Answer, values_for
from tasks.permissions.yes import edited_digest

FORM_WITHIN: Final = timedelta(seconds=60)
"""From the moment that Prefect shows a run as suspended until its process has stored its form, or has died before."""

Door = Literal["cli", "prefect-ui", "keeper", "slack", "page"]


async def questions_of(ledger: Ledger, run_id: str) -> list[Question]:
    """Every question of a run."""
    return numbered(await ledger.asks_of(run_id))


async def decide(ledger: Ledger, row: AskRow, answer: Answer, *, by: str, via: Door) -> AskDecision:
    """Write one answer down; past the deadline it is written down as silence.

    Raises:
        CallError: an edit is not one well-formed call.
        LedgerError: the answer does not fit the ask.
    """
    edited = None if answer.edited_args_json is None else _edited_call(row, answer.edited_args_json)
    try:
        return await ledger.decide_ask(
            row.ask_id,
            answer.verdict,
            by=by,
            via=via,
            reason=answer.reason,
            digest_seen=row.digest,
            edited_args_json=answer.edited_args_json,
            edited_digest=None if edited is None else edited_digest(row.digest, edited),
            answer=answer.answer,
        )
    except LedgerError:
        if row.deadline is None or datetime.now(UTC) < row.deadline:
            raise
        return await expire(ledger, row)


def _edited_call(row: AskRow, args_json: str) -> Call:
    """The call as a person changed it, which must be one that its tool takes."""
    edited = parse_call(row.tool, args_json)
    if set(edited.args) != set(json.loads(row.args_json)):
        raise CallError("an edit changes values; it neither adds nor removes an argument.")
    parameters = AskContext.model_validate_json(row.context_json).parameters
    known = parameters.get("properties", {}).keys()
    if fault := misfit(parameters, {name: value for name, value in edited.args.items() if name in known}):
        raise CallError(f"{row.tool} does not take this: {fault}.")
    return edited


async def take_over(ledger: Ledger, run_id: str, *, by: str, via: Door, reason: str) -> list[AskDecision]:
    """End a run that waits: a person goes on with its work, and whatever it still asks for is not done.

    Raises:
        LedgerError: nothing of it waits for a decision.
    """
    waiting = [row for row in await ledger.asks_of(run_id) if row.verdict is None and row.kind != "settle"]
    if not waiting:
        raise LedgerError(f"nothing of run {short(run_id)} waits; only a run that waits can be taken over")
    return [
        await decide(ledger, row, Answer(ask_id=row.ask_id, verdict="taken_over", reason=reason), by=by, via=via)
        for row in waiting
    ]


async def expire(ledger: Ledger, row: AskRow) -> AskDecision:
    """Write silence down; refused by the ledger before the deadline."""
    return await ledger.decide_ask(row.ask_id, "expired", by="nobody", via="keeper", reason="nobody answered in time")


async def settle(ledger: Ledger, row: AskRow, verdict: Settlement, *, by: str, via: Door, reason: str) -> AskDecision:
    """Write down what a person says became of an effect whose end nobody saw.

    Raises:
        LedgerError: the question is about something else, or no reason is given.
    """
    said = {"result": "A person said that it was done; its result is not known.", "kind": "tool_return"}
    return await ledger.settle_effect(row.ask_id, verdict, by=by, via=via, reason=reason, result_json=json.dumps(said))


async def resume_if_decided(client: PrefectClient, ledger: Ledger, run_id: str) -> bool:
    """Send a suspended run on its way when nothing of it waits any more; True when it goes on now.

    A run waits for no answer about what has become of an effect: that question outlives it. One that has not stored its form
    yet is left to the keeper; one that died before it could is sent on without one.

    Raises:
        LedgerError: Prefect would not have it; says why.
    """
    flow_run = await client.read_flow_run(run_id)  # type: ignore[arg-type]  # a str is sent as it is
    if flow_run.state is None or not flow_run.state.is_paused():
        return False
    asks = await ledger.asks_of(run_id)
    awaited = [row.verdict for row in asks if row.kind != "settle"]
    if not awaited or None in awaited:
        return False
    fields = await _fields_of_form(client, flow_run)
    if fields is None:
        return await _sent_on_without_form(client, flow_run, flow_run.state.timestamp)
    values = {name: value for name, value in form_values(asks).items() if name in fields}
    result = await client.resume_flow_run(flow_run.id, run_input=values)
    if result.status == SetStateStatus.ACCEPT or not await _is_paused(client, flow_run):
        return True  # not paused any more: somebody else (the keeper, another person) was quicker
    raise LedgerError(f"Prefect did not resume run {run_id}: {getattr(result.details, 'reason', result.status)}")


async def _sent_on_without_form(client: PrefectClient, flow_run: FlowRun, suspended_at: datetime) -> bool:
    """What was answered stands in the ledger, which the run reads; Prefect alone would not resume it without a form."""
    if not await _is_paused(client, flow_run):
        return True
    if datetime.now(UTC) - suspended_at.astimezone(UTC) < FORM_WITHIN:
        return False
    message = "Its process ended before it could store its form; all that it asked is answered."
    await client.set_flow_run_state(flow_run.id, Scheduled(message=message), force=True)
    return True


async def _is_paused(client: PrefectClient, flow_run: FlowRun) -> bool:
    now = await client.read_flow_run(flow_run.id)
    return now.state is not None and now.state.is_paused()


async def _fields_of_form(client: PrefectClient, flow_run: FlowRun) -> set[str] | None:
    """What the form of this round takes; Prefect refuses everything else. None: it is not stored yet, or not any more.

    Prefect shows a run as suspended first, and stores its form then; on a busy machine that is seconds later.
    """
    keys = flow_run.state.state_details.run_input_keyset if flow_run.state else None
    if not keys:
        return set()
    try:
        schema = json.loads(await client.read_flow_run_input(flow_run.id, keys["schema"]))
    except PrefectHTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None
    return set(schema["properties"])


def form_values(asks: Sequence[AskRow]) -> dict[str, Any]:
    """The form that says what the ledger already knows; the run itself reads the ledger."""
    return values_for([_as_answer(row) for row in asks if row.kind != "settle"], numbered(asks))


def _as_answer(row: AskRow) -> Answer:
    if row.verdict == "taken_over":
        return Answer(ask_id=row.ask_id, verdict="taken_over")
    if row.kind == "answer":
        return Answer(ask_id=row.ask_id, verdict="answered", answer=row.answer or "(nobody answered)")
    granted = row.verdict in ("approved", "edited")
    return Answer(ask_id=row.ask_id, verdict="approved" if granted else "denied")
