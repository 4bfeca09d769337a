"""The flow that tries once a day whether the halt latch still bites."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State


@flow(name="halt-check", flow_run_name="halt-check", retries=0)
async def halt_check() -> State[Any]:
    """A sacrificial run against each half of the latch; Failed where an effect passes."""
    from tasks.harness.halt_flows import try_the_latch  # not above: Prefect's worker, too, loads this file

    return await try_the_latch()
