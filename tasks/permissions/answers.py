"""Permissions: how does a person's answer reach the run, whatever the door? Into the ledger first, then the run goes on.

The first answer to an ask counts. A run is resumed when all its asks are decided; who finds it decided and still suspended
(`midwatch` after a decision, the keeper at any time) resumes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus

from midwatch.calls import parse_call
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger, Settlement
from tasks.permissions.form import Answer, NumberedAsk, values_for
from tasks.permissions.yes import edited_digest

Door = Literal["cli", "prefect-ui", "keeper", "slack"]


async def numbered_asks(ledger: Ledger, run_id: str) -> list[NumberedAsk]:
    """Every ask of a run, numbered from 1 in the order in which they were opened."""
    return [NumberedAsk(number=number, ask=row) for number, row in enumerate(await ledger.asks_of(run_id), start=1)]


async def decide(ledger: Ledger, row: AskRow, answer: Answer, *, by: str, via: Door) -> AskDecision:
    """Write one answer down; past the deadline it is written down as silence.

    Raises:
        CallError: an edit is not one well-formed call.
        LedgerError: the answer does not fit the ask.
    """
    edited = None if answer.edited_args_json is None else parse_call(row.tool, answer.edited_args_json)
    if edited is not None and set(edited.args) != set(json.loads(row.args_json)):
        raise CallError("an edit changes values; it neither adds nor removes an argument.")
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

    A run waits for no answer about what has become of an effect: that question outlives it.

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
    values = {name: value for name, value in form_values(asks).items() if name in fields}
    result = await client.resume_flow_run(flow_run.id, run_input=values)
    if result.status == SetStateStatus.ACCEPT or not await _is_paused(client, flow_run):
        return True  # not paused any more: somebody else (the keeper, another person) was quicker
    raise LedgerError(f"Prefect did not resume run {run_id}: {getattr(result.details, 'reason', result.status)}")


async def _is_paused(client: PrefectClient, flow_run: FlowRun) -> bool:
    now = await client.read_flow_run(flow_run.id)
    return now.state is not None and now.state.is_paused()


async def _fields_of_form(client: PrefectClient, flow_run: FlowRun) -> set[str]:
    """What the form of this round takes; Prefect refuses everything else."""
    keys = flow_run.state.state_details.run_input_keyset if flow_run.state else None
    if not keys:
        return set()
    schema = json.loads(await client.read_flow_run_input(flow_run.id, keys["schema"]))
    return set(schema["properties"])


def form_values(asks: Sequence[AskRow]) -> dict[str, Any]:
    """The form that says what the ledger already knows; the run itself reads the ledger."""
    numbered = [NumberedAsk(number=number, ask=row) for number, row in enumerate(asks, start=1)]
    return values_for([_as_answer(row) for row in asks if row.kind != "settle"], numbered)


def _as_answer(row: AskRow) -> Answer:
    if row.kind == "answer":
        return Answer(ask_id=row.ask_id, verdict="answered", answer=row.answer or "(nobody answered)")
    granted = row.verdict in ("approved", "edited")
    return Answer(ask_id=row.ask_id, verdict="approved" if granted else "denied")
