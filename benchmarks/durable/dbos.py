"""Durable steps, `dbos`: pydantic-ai's DBOSDurability on SQLite; the tool is a DBOS step, so that its result is kept as well.

DBOS recovers what was cut when it is launched, so that a resume is timed from there.
"""

from __future__ import annotations

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandleAsync
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability

from benchmarks.durable.scripted import NO_LIMITS, scripted_model
from benchmarks.durable.tools import note_number
from benchmarks.durable.work import INSTRUCTIONS, PROMPT, Work


async def run(work: Work) -> None:
    """One life."""
    DBOS(
        config=DBOSConfig(
            name="bench",
            system_database_url=f"sqlite:///{work.store / 'dbos.sqlite'}",
            enable_otlp=False,
            log_level="WARNING",
        )
    )
    agent = Agent(
        scripted_model(work),
        name="bench",
        instructions=INSTRUCTIONS,
        tools=[DBOS.step()(note_number)],
        capabilities=[DBOSDurability()],
    )

    @DBOS.workflow()
    async def night() -> str:
        return (await agent.run(PROMPT, usage_limits=NO_LIMITS)).output

    if work.life == "resumed":
        work.called()
        DBOS.launch()
        handle: WorkflowHandleAsync[str] = await DBOS.retrieve_workflow_async(work.name)
        answer = await handle.get_result()
    else:
        DBOS.launch()
        work.called()
        with SetWorkflowID(work.name):
            answer = await night()
    work.answered(answer)
    DBOS.destroy()
