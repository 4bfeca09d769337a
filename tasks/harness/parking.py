"""Harness: what becomes of a run whose model cannot be reached? It is parked: no process, nothing lost, and it goes on.

A provider that is away comes back by itself: the keeper sends the run on after a while, longer each time. A key that was
refused needs a person. Either way one question stands in the inbox, with a deadline; who knows better answers it earlier.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from midwatch.calls import digest, parse_call
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.spec import AgentSpec
from tasks.harness.judgment import answered, around, taken_over
from tasks.model.retry import advice, error_kind

LONGEST: Final = timedelta(hours=1)
"""Between two tries."""
TOOL: Final = "model"
"""What stands in the place of a tool's name."""


async def parked(ledger: Ledger, run_id: str) -> list[AskRow]:
    """Every time that this run was parked, the first one first."""
    return [row for row in await ledger.asks_of(run_id) if row.kind == "park"]


async def may_go_on(ledger: Ledger, spec: AgentSpec, run_id: str) -> str:
    """Why a run that was parked ends here; "" where it goes on, or was never parked. Suspends it while nobody has said."""
    times = await parked(ledger, run_id)
    if not times:
        return ""
    (row,) = await answered(ledger, spec, run_id, times[-1:])
    match row.verdict:
        case "denied":
            return f"{row.reason} (a person ended it: {row.decided_because or 'no reason given'})"
        case "taken_over":
            return f"{row.reason} ({taken_over(row)})"
        case "expired":
            return f"{row.reason} (nobody mended it until the deadline)"
        case _:
            return ""


async def park(ledger: Ledger, spec: AgentSpec, run_id: str, error: BaseException) -> str:
    """Suspend the run until its model may be there again; why it ends, where parking is no use or its time is over."""
    kind = error_kind(error)
    if kind not in ("transient", "person"):
        return advice(error)
    times, now = await parked(ledger, run_id), datetime.now(UTC)
    deadline = _deadline(times, spec, now)
    if now >= deadline:
        return f"{advice(error)} (it was parked {len(times)} times)"
    again = None if kind == "person" else now + _wait(spec, len(times))
    await ledger.open_ask(_question(spec, run_id, len(times) + 1, error, again, now, deadline))
    return await may_go_on(ledger, spec, run_id)


def _deadline(times: list[AskRow], spec: AgentSpec, now: datetime) -> datetime:
    """One for the whole outage."""
    if times and times[0].deadline is not None:
        return times[0].deadline
    return now + timedelta(minutes=spec.escalation.deadline_minutes)


def _wait(spec: AgentSpec, times: int) -> timedelta:
    return min(timedelta(minutes=spec.patience.park_minutes * 2.0**times), LONGEST)


def _question(
    spec: AgentSpec,
    run_id: str,
    number: int,
    error: BaseException,
    again: datetime | None,
    now: datetime,
    deadline: datetime,
) -> Ask:
    arguments = {"tries_again_at": again.isoformat(timespec="seconds") if again else "when you say so"}
    call = parse_call(TOOL, json.dumps(arguments))
    return Ask(
        ask_id=f"{run_id}:park:{number}",
        run_id=run_id,
        call_id=f"park/{number}",
        tool=TOOL,
        args_json=json.dumps(arguments),
        digest=digest(call),
        kind="park",
        rule="park",
        reason=advice(error),
        words="",
        created_at=now,
        deadline=deadline,
        context_json=around(spec).model_dump_json(),
    )


async def send_on(ledger: Ledger, row: AskRow, now: datetime) -> bool:
    """Let a parked run try again once its time has come; False for everything else that is asked."""
    if row.kind != "park" or (when := _tries_again_at(row)) is None or now < when:
        return False
    why = "the wait is over"
    decided = await ledger.decide_ask(
        row.ask_id, "approved", by="nobody", via="keeper", reason=why, digest_seen=row.digest
    )
    return decided.first


def _tries_again_at(row: AskRow) -> datetime | None:
    """None: only a person knows."""
    try:
        return datetime.fromisoformat(json.loads(row.args_json)["tries_again_at"])
    except ValueError:
        return None
