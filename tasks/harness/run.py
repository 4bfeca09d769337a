"""Harness: one run of one agent, from the slot that it fills to the one outcome that it ends in."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, assert_never

from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from blocks.ledger import open_ledger
from midwatch.contract import Finding, Part
from midwatch.errors import BreakerOpen, Halted, Interrupted, MidwatchError, ModelUnavailable, ToolUnavailable
from midwatch.judgment import Ending, Judgment, judge, seen
from midwatch.ledger import Ledger
from midwatch.outcome import GREEN
from tasks.harness.asked import Asked
from tasks.harness.ended import shown
from tasks.harness.halting import Halting
from tasks.harness.invariants import InvariantBroken, broken_words
from tasks.harness.last_resort import end_with_outcome, ended_if_deaf
from tasks.harness.lock import only_process_of
from tasks.harness.place import Place, place
from tasks.harness.prepare import Prepared, Refused, prepare
from tasks.harness.remember import remember
from tasks.harness.tell import tell
from tasks.harness.work import Work
from tasks.monitoring.contract import check_contract
from tasks.monitoring.silence import report_verified
from tasks.monitoring.traces import traced
from tasks.step.log import RunLog
from tasks.step.task_runs import task_runs
from tasks.triggers.admission import admit, not_begun, refused
from tasks.triggers.slot import Slot, slot_of


async def run_agent(asked: Asked) -> State[Any]:
    """The body of every agent's flow. Returns the state that Prefect shows; raises only what suspends the flow."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise MidwatchError("an agent runs in its flow: start it with `midwatch run`, or from its deployment")
    here, flow_run = place(os.environ), context.flow_run
    async with (
        await open_ledger(here.home) as ledger,
        only_process_of(str(flow_run.id), here.locks),
        task_runs(flow_run.id) as shown_runs,
        traced(os.environ),
    ):
        try:
            log = await RunLog.open(str(flow_run.id), ledger, shown_runs.shown)
            return await one_life(asked, slot_of(flow_run), log, here)
        except Interrupted as error:
            return _interrupted(error)


async def one_life(asked: Asked, slot: Slot, log: RunLog, here: Place) -> State[Any]:
    """From the slot to the outcome, or to where the run suspends; whatever earlier lives did is not done again."""
    run_id, ledger = log.run_id, log.ledger
    ended = await ledger.run(run_id)
    if ended is not None and ended.outcome is not None:
        return shown(ended.outcome, ended.reason)
    claim = await admit(asked.agent, slot, run_id, ledger, here.agents, datetime.now(UTC))
    if not claim.won:
        return not_begun(asked.agent, slot, claim)
    return await _prepared(asked, slot, log, here)


async def _prepared(asked: Asked, slot: Slot, log: RunLog, here: Place) -> State[Any]:
    run_id, ledger = log.run_id, log.ledger
    async with AsyncExitStack() as stack:
        try:
            prepared = await prepare(asked, slot, log, here, stack)
        except Interrupted:
            raise
        except BreakerOpen as error:
            ending = Ending(loop="held_off", reason=str(error))
            await refused(asked.agent, slot, run_id, ledger, ending)
            return await _stillborn(asked, slot, run_id, ledger, ending)
        except (ModelUnavailable, ToolUnavailable) as error:
            ending = Ending(loop="unavailable", reason=str(error))
            return await _stillborn(asked, slot, run_id, ledger, ending)
        except (MidwatchError, OSError) as error:
            return await _stillborn(asked, slot, run_id, ledger, Ending(loop="error", reason=str(error)))
        match prepared:
            case Refused():
                await refused(asked.agent, slot, run_id, ledger, prepared.ending)
                return await _ended(prepared, prepared.ending, judge(prepared.ending, done=[]), [], None, ledger)
            case Prepared():
                try:
                    return await _worked(prepared, ledger)
                except Interrupted:
                    raise
                except Exception as error:
                    why = f"a defect in Midwatch or in a tool of its own: {type(error).__name__}: {error}"
                    ending = Ending(loop="error", reason=why, unknown_effects=await _unseen(prepared, ledger))
                    return await _ended(prepared, ending, judge(ending, done=[]), [], None, ledger)


async def _worked(prepared: Prepared, ledger: Ledger) -> State[Any]:
    work = Work(
        spec=prepared.spec,
        facts=prepared.facts,
        ledger=ledger,
        budget=prepared.budget,
        log=prepared.log,
        open_conversation=prepared.conversation,
        carried=prepared.carried,
    )
    try:
        await prepared.invariants.look()
        noop = await _findings(prepared, "noop_when")
        if noop and seen(noop) == "holds":
            nothing = Ending(loop="nothing_to_do")
            return await _ended(prepared, nothing, judge(nothing, done=[], noop=noop), noop, None, ledger)
        ending = await work.run()
    except InvariantBroken as error:
        ending = Ending(loop="broken", reason=str(error))
    if ending.loop == "halted":  # to look may take long, and its outcome may wait for the ledger
        with ended_if_deaf(prepared.facts):
            return await _judged(prepared, ending, [], [], work, ledger)
    if await _goes_on(prepared, ledger):  # what is looked at would be changed the next moment
        return await _judged(prepared, ending, [], [], work, ledger)
    if ending.loop in ("out_of_budget", "no_budget", "stopped"):
        goals = [conversation.goal for conversation in work.conversations if not conversation.ended]
        try:
            async with Halting(facts=prepared.facts, ledger=ledger).cut_off():
                work.hand_over = await prepared.hand_over.words(ending.reason, goals)
        except Halted as error:
            return await _judged(prepared, replace(ending, loop="halted", reason=str(error)), [], [], work, ledger)
    done, always = await _findings(prepared, "done_when"), await _findings(prepared, "invariants")
    return await _judged(prepared, ending, done, always, work, ledger)


async def _judged(
    prepared: Prepared, ending: Ending, done: list[Finding], always: list[Finding], work: Work, ledger: Ledger
) -> State[Any]:
    """By its contract. An invariant that is broken at the end is as bad as one that was on the way."""
    ending = replace(ending, staged=await _staged(prepared), unknown_effects=await _unseen(prepared, ledger))
    if seen(always) in ("wrong", "not_seen") and ending.loop not in ("error", "broken"):
        ending = replace(ending, loop="broken", reason=f"at the end, {broken_words(always)}")
    return await _ended(prepared, ending, judge(ending, done=done), [*done, *always], work, ledger)


async def _unseen(prepared: Prepared, ledger: Ledger) -> tuple[str, ...]:
    """Effects that were begun and whose end nobody saw: cut off by a limit, or in doubt."""
    effects = await ledger.effects_of(prepared.facts.run_id)
    return tuple(f"{row.tool} {row.args_json}" for row in effects if row.state in ("reserved", "unknown"))


async def _goes_on(prepared: Prepared, ledger: Ledger) -> bool:
    """A plain function was cut off in the middle of an effect, and does not know it."""
    return prepared.opening.threads.busy and bool(await _unseen(prepared, ledger))


async def _findings(prepared: Prepared, part: Part) -> list[Finding]:
    """What the contract sees. What there was to do is looked at once; what is done is looked at anew in every life.

    A life that was killed between the two may have had an effect missing that a later one has done since.
    """
    if not prepared.spec.contract.part(part):
        return []
    match part:
        case "done_when" if await _staged(prepared):
            return []
        case "done_when":
            with prepared.log.show("monitoring", "monitoring · contract", "contract/done"):
                return await _seen(prepared, part)
        case "invariants":
            with prepared.log.show("monitoring", "monitoring · invariants", "contract/invariants"):
                return await prepared.invariants.at_the_end()
        case "noop_when":
            return await _there_to_do(prepared)
        case _:
            assert_never(part)


async def _staged(prepared: Prepared) -> int:
    """How many calls a rehearsal has staged. What they would have done is not done, and to look would only say so."""
    return len(await prepared.ledger.staged_of(prepared.facts.run_id)) if prepared.facts.shadow else 0


async def _seen(prepared: Prepared, part: Part) -> list[Finding]:
    evidence = prepared.invariants.evidence
    return await check_contract(prepared.spec.contract, prepared.facts, which=part, evidence=evidence)


async def _there_to_do(prepared: Prepared) -> list[Finding]:
    async def stored() -> list[dict[str, Any]]:
        return [finding.model_dump(mode="json") for finding in await _seen(prepared, "noop_when")]

    kept = await prepared.log.step("monitoring", "monitoring · is there anything to do?", "contract/noop", stored)
    return [Finding.model_validate(finding) for finding in kept]


async def _ended(
    prepared: Prepared | Refused,
    ending: Ending,
    judgment: Judgment,
    findings: list[Finding],
    work: Work | None,
    ledger: Ledger,
) -> State[Any]:
    """Into the ledger first, then told."""
    run_id = prepared.facts.run_id
    row = await ledger.finish_run(
        run_id, outcome=judgment.outcome, reason=judgment.reason, ending=ending.loop, findings=findings
    )
    judgment = Judgment(outcome=row.outcome or judgment.outcome, reason=row.reason)
    if isinstance(prepared, Prepared) and await _goes_on(prepared, ledger):
        end_with_outcome(prepared.facts)
    try:
        if judgment.outcome in GREEN and prepared.spec.expect_within_hours is not None and not prepared.facts.shadow:
            report_verified(prepared.spec.name, run_id, judgment.outcome)
        await remember(prepared, judgment.outcome)
        await tell(prepared, judgment, findings, work, ledger)
    except Exception:
        get_run_logger().exception("The run has ended as said; only its report could not be written.")
    return shown(judgment.outcome, judgment.reason)


async def _stillborn(asked: Asked, slot: Slot, run_id: str, ledger: Ledger, ending: Ending) -> State[Any]:
    """A run that could not even be prepared still has its row, and its one outcome."""
    await ledger.start_run(
        run_id,
        agent=asked.agent,
        cause=slot.cause,
        slot=slot.name,
        level=1,
        asked_level=None,
        input=asked.input,
        fingerprint="",
        started_at=datetime.now(UTC),
        shadow=asked.shadow,
    )
    judged = judge(ending, done=[])
    row = await ledger.finish_run(run_id, outcome=judged.outcome, reason=judged.reason, ending=ending.loop)
    return shown(row.outcome or judged.outcome, row.reason)


def _interrupted(error: Interrupted) -> State[Any]:
    """It ends as a crash does, and is sent on as one: there is nothing that it could do or record now."""
    return State(type=StateType.CRASHED, name="Interrupted", message=str(error))
