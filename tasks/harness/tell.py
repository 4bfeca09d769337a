"""Harness: what does a person find when a run has ended? Its report, as a Markdown artifact of the run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from prefect.artifacts import acreate_markdown_artifact
from prefect.settings import PREFECT_UI_URL

from midwatch.calls import visible
from midwatch.contract import Finding
from midwatch.judgment import Judgment
from midwatch.ledger import AskRow, DecisionRow, EffectRow, Ledger, StagedRow, StepRow
from midwatch.reviewer import lesson
from tasks.harness.prepare import Prepared, Refused
from tasks.harness.work import Work
from tasks.monitoring.report import RunStory, StoryQuestion, StoryStep, StoryStop, WayBack, render_report

ITEMS: Final = 20
"""That are left and named."""


async def tell(
    prepared: Prepared | Refused, judgment: Judgment, findings: Sequence[Finding], work: Work | None, ledger: Ledger
) -> None:
    """Write the run's report where Prefect's UI shows it. The ledger has the outcome already."""
    run_id = prepared.facts.run_id
    items = {c.name: c.facts.item or "" for c in work.conversations} if work else {}
    story = RunStory(
        facts=prepared.facts,
        purpose=prepared.spec.description,
        judgment=judgment,
        finished_at=datetime.now(UTC),
        spent=await ledger.spent_by(run_id),
        limits=prepared.spec.limits,
        steps=steps(await ledger.steps_of(run_id), await ledger.decisions_of(run_id), items),
        rehearsed=[_rehearsed(number, row) for number, row in enumerate(await ledger.staged_of(run_id), start=1)],
        questions=[question(row) for row in await ledger.asks_of(run_id)],
        ways_back=ways_back(await ledger.effects_of(run_id)),
        findings=findings,
        said=work.last_words() if work else "",
        near=[meter.said() for meter in prepared.budget.near()],
        stop=stop(work, findings, await ledger.effects_of(run_id)) if work and work.is_stopped else None,
        places=places(run_id),
    )
    await acreate_markdown_artifact(
        key=f"{prepared.spec.name}-run",
        markdown=render_report(story),
        description=f"{judgment.outcome}: {judgment.reason}",
    )


def steps(done: Sequence[StepRow], decided: Sequence[DecisionRow], items: Mapping[str, str]) -> list[StoryStep]:
    """The run in the order in which it happened: each call with its decision, and the calls that were never run."""
    answers = {_call_of(row.position): row for row in decided}
    ran = {_call_of(row.position) for row in done if row.kind == "tool"}
    story: list[StoryStep] = []
    turns: dict[str, int] = {}
    events: list[StepRow | DecisionRow] = [*done, *(row for call, row in answers.items() if call not in ran)]
    for event in sorted(events, key=lambda row: row.at):
        conversation = event.position.partition("/")[0]
        if isinstance(event, StepRow) and event.kind == "model":
            turns[conversation] = turns.get(conversation, 0) + 1
        elif isinstance(event, DecisionRow) or event.kind == "tool":
            story.append(_step(event, answers.get(_call_of(event.position)), turns, items.get(conversation, "")))
    return story


def _step(event: StepRow | DecisionRow, decision: DecisionRow | None, turns: Mapping[str, int], item: str) -> StoryStep:
    return StoryStep(
        turn=turns.get(event.position.partition("/")[0], 0),
        tool=event.name if isinstance(event, StepRow) else event.tool,
        what=spaced(event.detail if isinstance(event, StepRow) else event.args_json),
        verdict=decision.verdict if decision else None,
        rule=decision.rule if decision else "",
        seconds=event.seconds if isinstance(event, StepRow) else 0.0,
        item=item,
    )


def _rehearsed(number: int, row: StagedRow) -> StoryStep:
    return StoryStep(
        turn=number, tool=row.tool, what=spaced(row.args_json), verdict=row.verdict, rule=row.rule, item=row.item or ""
    )


def _call_of(position: str) -> tuple[str, str]:
    """(conversation, tool call id) of `main/tool/ID`, `main/gate/ID` and `main/gate-approved/ID`."""
    conversation, _, rest = position.partition("/")
    return conversation, rest.partition("/")[2]


def question(row: AskRow) -> StoryQuestion:
    """One ask as the report tells it."""
    before = "did this happen? " if row.kind == "settle" else "a test, never to be run: " if lesson(row) else ""
    return StoryQuestion(
        what=f"{before}{row.tool} {visible(spaced(row.args_json))}",
        answer=row.verdict or "waiting",
        by=who(row),
        words=row.answer or row.decided_because or "",
    )


def stop(work: Work, findings: Sequence[Finding], effects: Sequence[EffectRow]) -> StoryStop:
    """What was done and what is left, as the record and the contract have it."""
    ended = [one.facts.item for one in work.conversations if one.ended and one.facts.item]
    open_items = [one.facts.item for one in work.conversations if not one.ended and one.facts.item]
    consumed = Counter(row.tool for row in effects if row.state == "consumed")
    held = [finding.check for finding in findings if finding.held]
    return StoryStop(
        done=[
            *([f"{len(ended)} of {len(work.conversations)} items"] if work.spec.for_each else []),
            *(f"{tool}: {times} effects" for tool, times in consumed.items()),
            *(f"{check} holds" for check in held),
        ],
        left=[
            *(f"{finding.check}: {finding.detail}" for finding in findings if not finding.held),
            *open_items[:ITEMS],
            *([f"{len(open_items) - ITEMS} more items"] if len(open_items) > ITEMS else []),
        ],
        hand_over=work.hand_over,
    )


def ways_back(effects: Sequence[EffectRow]) -> list[WayBack]:
    """What has happened and can be taken back, the last first."""
    return [
        WayBack(what=f"{row.tool} {spaced(row.args_json)}", how=row.undo)
        for row in reversed(effects)
        if row.state == "consumed" and row.undo
    ]


def who(row: AskRow) -> str:
    """Who answered and through which door; Prefect's own pages know nobody's name."""
    if row.via is None or row.by == row.via:
        return row.via or ""
    return f"{row.by or ''} ({row.via})"


def spaced(arguments: str) -> str:
    """Arguments as JSON that a table can break into lines; Prefect's page lets a wide one run under its margin."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:
        return arguments


def places(run_id: str) -> dict[str, str]:
    """Where to look further."""
    ui = PREFECT_UI_URL.value()
    shown = {"this run": f"{ui}/runs/flow-run/{run_id}"} if ui else {}
    return {**shown, "its ledger entry": f"midwatch show {run_id}"}
