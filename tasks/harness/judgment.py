"""Harness: what waits for a person, and how does the run go on with the answers? Called from the flow's own body only.

`suspend_flow_run` fails in a task, in a subflow and inside an agent's tool call (PREFECT.md), so what waits is collected
first, for all conversations of the run, and asked for once.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_runs import asuspend_flow_run
from pydantic_ai import DeferredToolResults, ToolApproved, ToolDenied
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ToolCallPart

from midwatch.calls import canonical_json, digest, parse_call
from midwatch.errors import CallError
from midwatch.judgment import Refusal
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.spec import AgentSpec
from tasks.harness.conversation import Conversation
from tasks.permissions.answers import decide, numbered_asks
from tasks.permissions.form import NumberedAsk, answers_of, request_markdown, resume_form


def ask_id(conversation: Conversation, call: ToolCallPart) -> str:
    """The same whenever the run is replayed."""
    return f"{conversation.facts.run_id}:{conversation.name}:{call.tool_call_id}"


async def open_asks(ledger: Ledger, spec: AgentSpec, waiting: Sequence[Conversation]) -> list[AskRow]:
    """Enter every call that waits into the ledger; what stands there already is returned as it stands."""
    now = datetime.now(UTC)
    deadline = now + timedelta(minutes=spec.escalation.deadline_minutes)
    return [
        await ledger.open_ask(_ask(conversation, call, kind, now, deadline))
        for conversation in waiting
        if conversation.waiting is not None
        for kind, calls in (("approve", conversation.waiting.approvals), ("answer", conversation.waiting.calls))
        for call in calls
    ]


def _ask(conversation: Conversation, call: ToolCallPart, kind: Any, created_at: datetime, deadline: datetime) -> Ask:
    assert conversation.waiting is not None
    request = conversation.waiting.metadata.get(call.tool_call_id, {})
    question = parse_call(call.tool_name, call.args or {})
    return Ask(
        ask_id=ask_id(conversation, call),
        run_id=conversation.facts.run_id,
        call_id=f"{conversation.name}/{call.tool_call_id}",
        tool=call.tool_name,
        args_json=request.get("args_json") or canonical_json(question.args),
        digest=request.get("digest") or digest(question),
        kind=kind,
        rule=request.get("rule", ""),
        reason=request.get("reason", ""),
        words=conversation.words_before(call.tool_call_id),
        created_at=created_at,
        deadline=deadline,
    )


def all_decided(conversation: Conversation, rows: Sequence[AskRow]) -> bool:
    """Whether nothing keeps this conversation from going on."""
    assert conversation.waiting is not None
    decided = {row.ask_id for row in rows if row.verdict is not None}
    calls = [*conversation.waiting.approvals, *conversation.waiting.calls]
    return all(ask_id(conversation, call) in decided for call in calls)


async def answered(ledger: Ledger, spec: AgentSpec, run_id: str, asks: Sequence[AskRow]) -> list[AskRow]:
    """`asks`, all decided. Suspends the run while one of them is not; comes back in the process that goes on.

    A round of questions is known by how many the run has asked so far, which no crash changes.
    """
    notes: dict[str, str] = {}
    ids = {row.ask_id for row in asks}
    for attempt in itertools.count(1):
        everything = await numbered_asks(ledger, run_id)
        numbered = [one for one in everything if one.ask.ask_id in ids]
        rows = [await ledger.ask(one.ask.ask_id) for one in numbered]
        pending = [
            NumberedAsk(number=one.number, ask=row, note=notes.get(row.ask_id, ""))
            for one, row in zip(numbered, rows, strict=True)
            if row.verdict is None
        ]
        if not pending:
            return rows
        so_far = sum(one.ask.kind != "settle" for one in everything)
        values = await _form_filled_in(spec, run_id, pending, key=f"asks-{so_far}-{attempt}")
        notes = await _apply(ledger, values, pending)
    raise AssertionError("unreachable")


async def _form_filled_in(spec: AgentSpec, run_id: str, pending: Sequence[NumberedAsk], *, key: str) -> dict[str, Any]:
    """What was filled in for this round; the stored answer first, because a second suspend under one key fails."""
    async with get_client() as client:
        try:
            stored = await client.read_flow_run_input(run_id, f"suspended-{key}-response")  # type: ignore[arg-type]
        except PrefectHTTPStatusError as error:
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            stored = None
    if stored is not None:
        values: dict[str, Any] = json.loads(stored)
        return values
    text = request_markdown(spec.name, spec.description, pending, then=spec.escalation.then)
    form = await asuspend_flow_run(wait_for_input=resume_form(pending, text), key=key, timeout=None)
    return form.model_dump()


async def _apply(ledger: Ledger, values: dict[str, Any], pending: Sequence[NumberedAsk]) -> dict[str, str]:
    """Write the answers of a form down; returns, by ask, why one could not be taken."""
    notes: dict[str, str] = {}
    for one in pending:
        row = await ledger.ask(one.ask.ask_id)
        try:
            for answer in answers_of(values, [one]):
                await decide(ledger, row, answer, by="prefect-ui", via="prefect-ui")
        except CallError as error:
            notes[row.ask_id] = str(error)
    return notes


def results_of(conversation: Conversation, rows: Sequence[AskRow]) -> DeferredToolResults:
    """The decided asks of one conversation, as pydantic-ai goes on with them."""
    assert conversation.waiting is not None
    by_id = {row.ask_id: row for row in rows}
    results = DeferredToolResults()
    for call in conversation.waiting.approvals:
        row = by_id[ask_id(conversation, call)]
        results.approvals[call.tool_call_id] = _verdict(row)
        results.metadata[call.tool_call_id] = _approval(row)
    for call in conversation.waiting.calls:
        row = by_id[ask_id(conversation, call)]
        results.calls[call.tool_call_id] = (
            row.answer if row.verdict == "answered" else ToolFailed("Nobody answered. Do without, or finish.")
        )
    return results


def _verdict(row: AskRow) -> ToolApproved | ToolDenied:
    match row.verdict:
        case "approved" | "edited":
            return ToolApproved()
        case "expired":
            return ToolDenied("Nobody answered in time, so it was not done. Do not ask for it again.")
        case _:
            why = f": {row.decided_because}" if row.decided_because else ""
            return ToolDenied(f"A person refused this{why}. It was not done. Do not ask for it again.")


def _approval(row: AskRow) -> dict[str, Any]:
    """What the gate needs to let exactly this call through."""
    if row.verdict == "edited":
        return {
            "ask_id": row.ask_id,
            "args_json": row.edited_args_json,
            "edit_of": row.digest,
            "original_args_json": row.args_json,
        }
    return {"ask_id": row.ask_id, "args_json": row.args_json}


async def refusals(ledger: Ledger, run_id: str) -> tuple[Refusal, ...]:
    """Every call that the run asked for and did not get, in any of its lives: by rule, by a person or by silence."""
    by_rule = {
        (row.tool, row.args_json): Refusal(
            call=f"{row.tool} {row.args_json}", by="rule", why=f"{row.rule}: {row.reason}"
        )
        for row in await ledger.decisions_of(run_id)
        if row.verdict == "deny"
    }
    asked = [
        _refusal(row)
        for row in await ledger.asks_of(run_id)
        if row.kind != "park" and row.verdict in ("denied", "expired")
    ]
    return (*by_rule.values(), *asked)


def _refusal(row: AskRow) -> Refusal:
    return Refusal(
        call=f"{row.tool} {row.args_json}",
        by="silence" if row.verdict == "expired" else "person",
        why=row.decided_because or "no reason given",
    )
