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
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_runs import asuspend_flow_run
from prefect.logging import get_run_logger
from pydantic_ai import DeferredToolResults, ToolApproved, ToolDenied
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ToolCallPart

from midwatch.ask_context import AskContext
from midwatch.calls import canonical_json, digest, parse_call
from midwatch.errors import CallError, CannotSuspend
from midwatch.judgment import Refusal
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.request import Question
from midwatch.spec import AgentSpec
from tasks.harness import planted
from tasks.harness.conversation import Conversation
from tasks.permissions.answers import decide, questions_of, take_over
from tasks.permissions.form import answers_of, is_taken_over, resume_form
from tasks.permissions.markdown import request_markdown


def ask_id(conversation: Conversation, call: ToolCallPart) -> str:
    """The same whenever the run is replayed."""
    return f"{conversation.facts.run_id}:{conversation.name}:{call.tool_call_id}"


async def open_asks(ledger: Ledger, spec: AgentSpec, waiting: Sequence[Conversation]) -> list[AskRow]:
    """Enter every call that waits into the ledger; what stands there already is returned as it stands.

    Where the agent's file plants proposals, those of the run that matter to it come last.
    """
    now = datetime.now(UTC)
    deadline = now + timedelta(minutes=spec.escalation.deadline_minutes)
    asked = [
        _ask(spec, conversation, call, kind, now, deadline)
        for conversation in waiting
        if conversation.waiting is not None
        for kind, calls in (("approve", conversation.waiting.approvals), ("answer", conversation.waiting.calls))
        for call in calls
    ]
    if spec.planted is None:
        return await ledger.open_round(asked)
    test = await planted.beside(ledger, spec, asked, waiting)
    rows = await ledger.open_round(asked, test, spec.planted.share)
    return [*rows, *await planted.of_run(ledger, asked[0].run_id)]


def _ask(
    spec: AgentSpec,
    conversation: Conversation,
    call: ToolCallPart,
    kind: Any,
    created_at: datetime,
    deadline: datetime,
) -> Ask:
    assert conversation.waiting is not None
    request = conversation.waiting.metadata.get(call.tool_call_id, {})
    question = parse_call(call.tool_name, call.args or {})
    context = AskContext.model_validate_json(request.get("context_json", "{}"))
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
        context_json=around(spec, context).model_dump_json(),
    )


def around(spec: AgentSpec, context: AskContext | None = None) -> AskContext:
    """`context` with what the agent's file says to people."""
    return (context or AskContext()).model_copy(update={"purpose": spec.description, "then": spec.escalation.then})


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
        everything = await questions_of(ledger, run_id)
        numbered = [one for one in everything if one.ask.ask_id in ids]
        rows = [await ledger.ask(one.ask.ask_id) for one in numbered]
        pending = [
            Question(number=one.number, ask=row, note=notes.get(row.ask_id, ""))
            for one, row in zip(numbered, rows, strict=True)
            if row.verdict is None
        ]
        if not pending:
            return await _without_tests(spec, rows)
        so_far = sum(one.ask.kind != "settle" for one in everything)
        values = await _form_filled_in(ledger, run_id, pending, key=f"asks-{so_far}-{attempt}")
        notes = await _apply(ledger, values, pending)
    raise AssertionError("unreachable")


async def _without_tests(spec: AgentSpec, rows: Sequence[AskRow]) -> list[AskRow]:
    """What the run goes on with; whoever answered a test hears of it now."""
    try:
        await planted.tell(spec, rows)
    except Exception:
        get_run_logger().exception("A request was a test; whoever answered it could not be told here.")
    return [row for row in rows if not row.planted or row.verdict == "taken_over"]


async def _form_filled_in(ledger: Ledger, run_id: str, pending: Sequence[Question], *, key: str) -> dict[str, Any]:
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
    text = request_markdown(pending, (await ledger.spent_by(run_id)).said())
    try:
        form = await asuspend_flow_run(wait_for_input=resume_form(pending, text), key=key, timeout=None)
    except RuntimeError as error:  # so Prefect says that the state is not what it was: whoever changed it sends it on
        if FlowRunContext.get() is None:
            raise
        raise CannotSuspend(str(error)) from error
    return form.model_dump(exclude_unset=True)


async def _apply(ledger: Ledger, values: dict[str, Any], pending: Sequence[Question]) -> dict[str, str]:
    """Write the answers of a form down; returns, by ask, why one could not be taken."""
    if is_taken_over(values, pending):
        await _end_here(ledger, pending[0].ask.run_id, str(values.get("reason") or ""))
        return {}
    notes: dict[str, str] = {}
    for one in pending:
        row = await ledger.ask(one.ask.ask_id)
        try:
            for answer in answers_of(values, [one]):
                await decide(ledger, row, answer, by="prefect-ui", via="prefect-ui")
        except CallError as error:
            notes[row.ask_id] = str(error)
    return notes


async def _end_here(ledger: Ledger, run_id: str, reason: str) -> None:
    """A person takes the run over, unless others have decided all that waited in the meantime."""
    if any(row.verdict is None and row.kind != "settle" for row in await ledger.asks_of(run_id)):
        await take_over(ledger, run_id, by="prefect-ui", via="prefect-ui", reason=reason)


def taken_over(row: AskRow) -> str:
    """Why the run ends, where a person goes on with its work."""
    why = f": {row.decided_because}" if row.decided_because else ""
    return f"{row.by} took it over{why}"


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
        if row.kind != "park" and row.verdict in ("denied", "expired") and not row.planted
    ]
    return (*by_rule.values(), *asked)


def _refusal(row: AskRow) -> Refusal:
    return Refusal(
        call=f"{row.tool} {row.args_json}",
        by="silence" if row.verdict == "expired" else "person",
        why=row.decided_because or "no reason given",
    )
