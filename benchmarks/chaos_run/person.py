"""Chaos: the person who is asked. Answers through one of Midwatch's doors, between two lives of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import assert_never

from benchmarks.chaos_run.evidence import Did
from benchmarks.chaos_run.scenario import Planned, Scenario, edited
from benchmarks.chaos_run.stage import RUN, Stage
from midwatch.calls import canonical_json
from midwatch.ledger import AskRow, Ledger, Settlement
from tasks.permissions.answers import decide, expire, questions_of, settle
from tasks.permissions.form import Answer, values_for


async def answer_all(stage: Stage, ledger: Ledger) -> None:
    """The run has suspended: answer everything, in the ledger or in the form that was shown."""
    match stage.scenario.door:
        case "cli":
            await _in_the_ledger(stage, ledger, await _waiting(ledger))
        case "prefect-ui" if stage.scenario.said == "silence":
            await _in_the_ledger(stage, ledger, await _waiting(ledger))
        case "prefect-ui":
            answers = [said(stage.scenario, row) for row in await _waiting(ledger)]
            filled_in = json.dumps(values_for(answers, await questions_of(ledger, RUN)))
            for form in stage.forms_shown():
                form.write_text(filled_in)
        case _:
            assert_never(stage.scenario.door)


async def answer_early(stage: Stage, ledger: Ledger) -> set[Did]:
    """The run was killed and has no process: answer one question that stands already, and say what became of a letter.

    Returns:
        the effects that are in doubt no longer, and will not be again.
    """
    await _in_the_ledger(stage, ledger, (await _waiting(ledger))[:1])
    run = await ledger.run(RUN)
    if run is None or run.outcome is not None:
        return set()
    asked = [row for row in await ledger.asks_of(RUN) if row.kind == "settle" and row.verdict is None]
    return {(row.tool, row.args_json) for row in asked if row.tool == "post" and await _cleared_up(stage, ledger, row)}


async def _cleared_up(stage: Stage, ledger: Ledger, row: AskRow) -> bool:
    """Say what became of one letter. False: it is sent again by that, and throws."""
    call = Planned(tool=row.tool, args=json.loads(row.args_json))
    happened = stage.world.saw(call.tool, call.args, "did")
    verdict: Settlement = "happened" if happened else "did_not_happen"
    await settle(ledger, row, verdict, by="operator", via="cli", reason="looked at the world")
    return happened or not call.throws_blindly or stage.world.saw(call.tool, call.args, "threw")


async def _waiting(ledger: Ledger) -> list[AskRow]:
    return [row for row in await ledger.asks_of(RUN) if row.verdict is None and row.kind != "settle"]


async def _in_the_ledger(stage: Stage, ledger: Ledger, rows: Sequence[AskRow]) -> None:
    for row in rows:
        if stage.scenario.said == "silence":
            await expire(ledger, row)
        else:
            await decide(ledger, row, said(stage.scenario, row), by="operator", via="cli")


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
