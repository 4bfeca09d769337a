"""The flow that judges once a day what each agent has earned."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State


@flow(name="ladder-review", flow_run_name="ladder-review", retries=0)
async def ladder_review() -> State[Any]:
    """Promotions are proposed, or withdrawn; nobody is promoted. An artifact for each agent shows where it stands."""
    from tasks.harness.ladder_review import review_all  # not above: Prefect's worker, too, loads this file

    return await review_all()
