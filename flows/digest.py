"""The flow that tells once a day what interrupted nobody."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field


@flow(name="digest", flow_run_name="digest", retries=0)
async def digest(
    again: Annotated[
        bool, Field(description="Make today's digest anew, and send it to those who have it, too")
    ] = False,
) -> State[Any]:
    """Everybody's digest of today, once to each place, however often this runs."""
    from tasks.digest.run import send_digests  # not above: Prefect's worker, too, loads this file

    return await send_digests(again)
