"""Harness: a monitor asks for a person; does the run go on? Called from the flow's own body only, as all that suspends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from midwatch.calls import canonical_json, digest, parse_call
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.monitors import Stopped
from midwatch.request import GO_ON, goes_on
from midwatch.spec import AgentSpec
from tasks.harness.judgment import answered, around, taken_over
from tasks.harness.watch import Escalated, request_id
from tasks.step.log import RunLog

TOOL: Final = "monitor"
"""What stands in the place of a tool's name."""
END: Final = "end the run"


async def brought_before_a_person(ledger: Ledger, spec: AgentSpec, log: RunLog, escalated: Escalated) -> None:
    """Come back where the run may go on. The same question whoever asks it again, and its first answer counts.

    Raises:
        Stopped: it may not: a person says so, or nobody says anything.
    """
    asked = await ledger.open_ask(_question(spec, log.run_id, escalated))
    (row,) = await answered(ledger, spec, log.run_id, [asked])
    if row.verdict != "answered" or not goes_on(row.answer or ""):
        raise Stopped(f"it {escalated.asked}; {_why(row)}")
    at = request_id(escalated.conversation, escalated.turn)
    words = f"A person was asked about it, and says: {row.answer}"

    async def allowed() -> dict[str, Any]:
        return {"at": at, "turn": escalated.turn, "words": words}

    await log.step("monitoring", f"monitoring · goes on: {escalated.monitor}", escalated.answered_at, allowed)


def _why(row: AskRow) -> str:
    match row.verdict:
        case "taken_over":
            return taken_over(row)
        case "answered":
            return f"{row.by} ended it: {row.answer}"
        case "expired":
            return "nobody said that it may go on"
        case _:
            return f"{row.by} ended it" + (f": {row.decided_because}" if row.decided_because else "")


def _question(spec: AgentSpec, run_id: str, escalated: Escalated) -> Ask:
    arguments = canonical_json({"question": _words(spec, escalated), "options": [GO_ON, END]})
    now = datetime.now(UTC)
    return Ask(
        ask_id=f"{run_id}:monitor:{escalated.scope}:{escalated.monitor}",
        run_id=run_id,
        call_id=f"{escalated.conversation}/monitor/{escalated.monitor}",
        tool=TOOL,
        args_json=arguments,
        digest=digest(parse_call(TOOL, arguments)),
        kind="answer",
        rule=f"monitors.{escalated.monitor}",
        reason=f"it {escalated.asked}",
        words="",
        created_at=now,
        deadline=now + timedelta(minutes=spec.escalation.deadline_minutes),
        context_json=around(spec).model_copy(update={"then": "end"}).model_dump_json(),
    )


def _words(spec: AgentSpec, escalated: Escalated) -> str:
    until = f"for {escalated.more_steps} more steps" if escalated.more_steps else "within its budget"
    return f"{spec.name} {escalated.asked}. It was told so, and went on. May it go on {until}, or does it end here?"
