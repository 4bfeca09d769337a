from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from tasks.triggers.flow_runs import PASSED_OVER, flow_runs


@dataclass
class FakeServer:
    """Prefect's list of runs, which fails wherever one that it cannot write as JSON stands in a page."""

    runs: list[FlowRun]
    poison: set[int] = field(default_factory=set)
    status: int = 500
    asked: int = 0

    async def read_flow_runs(self, *, limit: int, offset: int, **_: object) -> list[FlowRun]:
        self.asked += 1
        if self.poison & set(range(offset, min(offset + limit, len(self.runs)))):
            request = httpx.Request("POST", "http://prefect.example/flow_runs/filter")
            answer = httpx.Response(self.status, request=request)
            raise PrefectHTTPStatusError("no", request=request, response=answer)
        return self.runs[offset : offset + limit]


def runs(count: int) -> list[FlowRun]:
    return [FlowRun(flow_id=uuid4()) for _ in range(count)]


@pytest.mark.parametrize(("count", "poison"), [(0, []), (450, []), (450, [0, 199, 200, 449]), (1, [0]), (200, [7])])
async def test_every_run_is_found_but_those_that_prefect_cannot_read_out(count: int, poison: list[int]) -> None:
    server = FakeServer(runs(count), set(poison))
    found = await flow_runs(cast(Any, server))
    assert [run.id for run in found] == [run.id for at, run in enumerate(server.runs) if at not in poison]


@pytest.mark.parametrize("status", [500, 503])
async def test_where_prefect_itself_fails_it_is_said(status: int) -> None:
    server = FakeServer(runs(100), set(range(100)), status)
    with pytest.raises(PrefectHTTPStatusError):
        await flow_runs(cast(Any, server))
    assert server.asked <= 10 + PASSED_OVER
