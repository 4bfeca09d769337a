"""A run that a person cancelled in Prefect ends in the ledger; one that has ended, or still writes, is left alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectHTTPStatusError

from midwatch.ledger import Ledger
from tasks.harness.cancelled import CancelledRuns
from tasks.harness.lock import only_process_of

NOW = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


@dataclass
class Prefect:
    """As far as it is asked: the cancelled runs, at most 200 a page; an unreadable one takes its page with it."""

    runs: list[FlowRun]
    unreadable: FlowRun | None = None
    since: datetime | None = None

    async def read_flow_runs(
        self, *, flow_run_filter: FlowRunFilter, limit: int = 200, offset: int = 0, **_: object
    ) -> list[FlowRun]:
        assert flow_run_filter.end_time is not None
        self.since = flow_run_filter.end_time.after_
        page = self.runs[offset : offset + min(limit, 200)]
        if self.unreadable in page:
            request = httpx.Request("POST", "http://prefect.example/flow_runs/filter")
            raise PrefectHTTPStatusError("no", request=request, response=httpx.Response(500, request=request))
        return page


def cancelled(ago: timedelta = timedelta(seconds=20)) -> FlowRun:
    state: State[None] = State(type=StateType.CANCELLED, timestamp=NOW - ago)
    return FlowRun(flow_id=uuid4(), parameters={"agent": "a"}, state=state)


async def started(ledger: Ledger, run: FlowRun) -> str:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(str(run.id), agent="a", cause="person", started_at=NOW, **facts)
    return str(run.id)


async def ends(ledger: Ledger, locks: Path, *runs: FlowRun, now: datetime = NOW) -> list[str]:
    return await CancelledRuns().end(cast(Any, Prefect(list(runs))), ledger, locks, now)


async def outcome(ledger: Ledger, run_id: str) -> tuple[str | None, str]:
    row = await ledger.run(run_id)
    assert row is not None
    return row.outcome, row.reason


async def test_it_ends_blocked_and_what_it_had_reserved_is_asked_about(ledger: Ledger, tmp_path: Path) -> None:
    quiet, busy = cancelled(), cancelled()
    for run in (quiet, busy):
        await started(ledger, run)
    await ledger.reserve(str(busy.id), "main/a", digest="d", tool="send", args_json="{}", idempotency_key="k")
    assert len(await ends(ledger, tmp_path, quiet, busy)) == 2
    assert await outcome(ledger, str(quiet.id)) == ("blocked", "it was cancelled in Prefect")
    assert (await outcome(ledger, str(busy.id)))[0] == "unknown"
    (ask,) = await ledger.asks_of(str(busy.id))
    assert (ask.kind, ask.verdict) == ("settle", None)


async def test_one_that_has_ended_or_never_came_so_far_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    ended, duplicate = cancelled(), cancelled()
    await ledger.finish_run(await started(ledger, ended), outcome="verified", reason="it holds")
    assert await ends(ledger, tmp_path, ended, duplicate) == []
    assert await outcome(ledger, str(ended.id)) == ("verified", "it holds")


async def test_one_whose_process_lives_has_a_minute_to_end_itself(ledger: Ledger, tmp_path: Path) -> None:
    run = cancelled()
    run_id = await started(ledger, run)
    async with only_process_of(run_id, tmp_path):
        assert await ends(ledger, tmp_path, run) == []
        assert len(await ends(ledger, tmp_path, run, now=NOW + timedelta(minutes=1))) == 1


async def test_it_ends_however_many_were_cancelled_and_past_one_that_prefect_cannot_read_out(
    ledger: Ledger, tmp_path: Path
) -> None:
    runs = [cancelled() for _ in range(201)]
    run_id = await started(ledger, runs[-1])
    prefect = Prefect(runs, unreadable=runs[0])
    assert len(await CancelledRuns().end(cast(Any, prefect), ledger, tmp_path, NOW)) == 1
    assert (await outcome(ledger, run_id))[0] == "blocked"


async def test_prefect_is_asked_for_a_week_at_first_and_then_for_the_last_hour(ledger: Ledger, tmp_path: Path) -> None:
    runs, prefect = CancelledRuns(), Prefect([])
    for days in (7, 1 / 24):
        await runs.end(cast(Any, prefect), ledger, tmp_path, NOW)
        assert prefect.since == NOW - timedelta(days=days)
