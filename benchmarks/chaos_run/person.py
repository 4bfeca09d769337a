"""Chaos: the person who is asked. Answers through one of Midwatch's doors, between two lives of a run."""

from __future__ import annotations

import json
from typing import assert_never

from benchmarks.chaos_run.scenario import Scenario, edited
from benchmarks.chaos_run.stage import RUN, Stage
from midwatch.calls import canonical_json
from midwatch.ledger import AskRow, Ledger
from tasks.permissions.answers import decide, expire, numbered_asks
from tasks.permissions.form import Answer, values_for


async def answer(stage: Stage, ledger: Ledger) -> None:
    """Answer all that waits: in the ledger, or in the forms that were shown."""
    waiting = [row for row in await ledger.asks_of(RUN) if row.verdict is None and row.kind in ("approve", "answer")]
    if stage.scenario.said == "silence":
        for row in waiting:
            await expire(ledger, row)
        return
    match stage.scenario.door:
        case "cli":
            for row in waiting:
                await decide(ledger, row, said(stage.scenario, row), by="chaos", via="cli")
        case "prefect-ui":
            filled_in = values_for([said(stage.scenario, row) for row in waiting], await numbered_asks(ledger, RUN))
            for form in stage.forms_shown():
                form.write_text(json.dumps(filled_in))
        case _:
            assert_never(stage.scenario.door)


def said(scenario: Scenario, row: AskRow) -> Answer:
    """What the person says to one question."""
    if row.kind == "answer":
        return Answer(ask_id=row.ask_id, verdict="answered", answer="the wide ones")
    match scenario.said:
        case "approved" | "denied":
            return Answer(ask_id=row.ask_id, verdict=scenario.said)
        case "edited":
            arguments = canonical_json(edited(json.loads(row.args_json)))
            return Answer(ask_id=row.ask_id, verdict="edited", edited_args_json=arguments)
        case "silence":
            raise AssertionError("silence says nothing")
        case _:
            assert_never(scenario.said)
