"""Row 5. An approved tool call ran twice when the run was resumed twice.

Here: an approval is good once, for exactly that call.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectHTTPStatusError

from midwatch.ledger import AskRow
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer
from tests.flows.conftest import Night, eventually
from tests.flows.scripted_model import call

APPENDER = """
tools:
  - python: tests.flows.places:append_line
rules: {ask: [append_line]}
contract:
  done_when:
    - effects: {tool: append_line, equals: 1}
    - python: tests.flows.places:one_line
"""


async def resumed(run_id: UUID) -> bool:
    """By whoever has the form open, whether Prefect takes it or not; a run that has gone on is not resumed again."""
    async with get_client() as client:
        with suppress(PrefectHTTPStatusError):
            result = await client.resume_flow_run(run_id, run_input={"decision_1": "approve"})
            return result.status == SetStateStatus.ACCEPT
    return False


async def has_its_form(run_id: UUID) -> bool:
    """Prefect shows a run as suspended before its form is stored, and takes no answer until then."""
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
        keys = run.state.state_details.run_input_keyset if run.state else None
        with suppress(PrefectHTTPStatusError):
            return bool(keys and await client.read_flow_run_input(run_id, keys["schema"]))
    return False


async def test_one_yes_is_one_effect_however_often_the_run_is_resumed(night: Night) -> None:
    agent = "resumed-twice"
    one = call("append_line", agent=agent, line="one", hold="nowhere")
    night.agent(agent, APPENDER, one, one, "done")
    run_id = await night.start(agent)
    (first,) = await night.waiting(run_id)
    await eventually(lambda: has_its_form(run_id))
    await asyncio.gather(resumed(run_id), resumed(run_id), resumed(run_id))
    lines = night.project / "work" / agent / "lines"

    async with asyncio.timeout(120):
        second = await asked_again(night, run_id, first.ask_id)
    await eventually(lambda: has_its_form(run_id))
    taken = await resumed(run_id)  # the old answer once more, to a form that asks about another call
    assert lines.read_text() == "one\n"

    await decide(night.ledger, second, Answer(ask_id=second.ask_id, verdict="denied"), by="somebody", via="cli")
    row = await night.ended(run_id)
    assert row.outcome == "verified", row.reason
    assert lines.read_text() == "one\n"
    (effect,) = await night.ledger.effects_of(str(run_id))
    assert effect.ask_id == first.ask_id
    assert not taken
    assert (await night.ledger.ask(first.ask_id)).spent_at is not None


async def asked_again(night: Night, run_id: UUID, before: str) -> AskRow:
    """The next question, once the run waits for it."""
    while True:
        for row in await night.waiting(run_id):
            if row.ask_id != before:
                return row
        await asyncio.sleep(0.2)
