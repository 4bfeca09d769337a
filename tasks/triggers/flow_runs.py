"""Trigger: which runs has Prefect? Page by page, past one that it cannot read out itself.

Prefect's server takes a whole number of more than 64 bits among a run's parameters, and answers 500 for every page with such a
run on it (its JSON has none). One run must not keep the house from seeing all others.
"""

from __future__ import annotations

from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from tasks.step.deployments import PAGE

PASSED_OVER: Final = 10
"""Runs at most; where there are more, it is Prefect itself that fails."""


async def flow_runs(client: PrefectClient, **asked: Any) -> list[FlowRun]:
    """Every run that `client.read_flow_runs` finds for what is asked, but for those that cannot be read out.

    Raises:
        PrefectHTTPStatusError: Prefect refuses, or fails at more than a few of them.
    """
    found: list[FlowRun] = []
    passed, size = 0, PAGE
    while True:
        try:
            page = await client.read_flow_runs(**asked, limit=size, offset=len(found) + passed)
        except PrefectHTTPStatusError as error:
            passed += size == 1
            if error.response.status_code != 500 or passed > PASSED_OVER:
                raise
            size = max(1, size // 2)
            continue
        found += page
        if len(page) < size:
            return found
        size = PAGE
