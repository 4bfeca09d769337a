"""Harness: what is written down around an operation that really runs? Costs into the ledger; effects exactly once.

Effects: `reserve -> execute -> consume`. A call that was reserved in an earlier life of the run and never consumed is in
doubt: the tool's own probe looks what happened. Where that cannot tell, a tool that declares itself idempotent is called
again under the same idempotency key; for any other the effect is `unknown`, is not tried again, and ends the run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn, assert_never

from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import ModelResponse

from midwatch.budget import BudgetSpent
from midwatch.calls import canonical_json, plain
from midwatch.errors import Halted, MidwatchError
from midwatch.ledger import Ledger, Reservation
from midwatch.risk import ProbeAnswer
from midwatch.run import RunFacts
from tasks.harness.durable import Body
from tasks.harness.history import Turn
from tasks.harness.undo import undo_of
from tasks.monitoring.limits import RunBudget, usd_of
from tasks.permissions.cleared import ClearedCall, GateState
from tasks.permissions.labels import RunLabels
from tasks.permissions.latch import refuse_if_latched


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call."""

    payload: object
    effect_id: int | None = None
    """The effect that is still to be consumed, with this result."""
    undo: str = ""
    """How a person takes it back."""
    did_nothing: bool = False
    """Its tool failed, and certainly changed nothing."""


class UnknownEffect(MidwatchError):
    """An effect may or may not have happened. Never tried again by itself; a person has to look.

    Attributes:
        call: the call as it was cleared.
    """

    def __init__(self, cleared: ClearedCall, why: str) -> None:
        self.cleared = cleared
        super().__init__(
            f"{cleared.call.tool} may or may not have happened: {why}. It is not tried again; look at the world, "
            "then start a new run"
        )


@dataclass(frozen=True, kw_only=True)
class LedgerRecorder:
    """Records one conversation's operations. Implements `durable.Recorder`."""

    conversation: str
    facts: RunFacts
    ledger: Ledger
    budget: RunBudget
    gate: GateState
    labels: RunLabels

    async def model_request(self, position: str, digest: str, body: Callable[[], Awaitable[Turn]]) -> Turn:
        """Raises BudgetSpent before a request that no budget is left for, and after one that used it up; Halted before it."""
        refuse_if_latched(self.facts)
        self.budget.before_step()
        self.budget.begun("a model request")
        began = time.monotonic()
        turn = await body()
        response: ModelResponse = JSON_CODEC.load(ModelResponse, turn.response)
        usd = usd_of(response)
        await self.ledger.record_step(
            self.facts.run_id,
            position,
            kind="model",
            name=response.model_name or "model",
            tokens_in=response.usage.input_tokens,
            tokens_out=response.usage.output_tokens,
            usd=None if usd is None else Decimal(str(usd)),
            seconds=time.monotonic() - began,
            result_json=turn.as_json(),
            request_digest=digest,
        )
        self.budget.stepped()
        self.budget.charge_response(response)
        return turn

    def was_called(self, tool_call_id: str) -> str:
        """The arguments of the call that the gate let through under this id."""
        return canonical_json(self._cleared(tool_call_id).call.args)

    async def tool_call(self, position: str, tool_call_id: str, tool: str, body: Body) -> object:
        """Run one call.

        Raises:
            UnknownEffect: nobody can say whether an earlier life of this run did it.
            WindowFull, BudgetSpent, Halted: before it runs.
        """
        refuse_if_latched(self.facts)
        cleared = self._cleared(tool_call_id)
        if cleared.call.tool != tool or (self.facts.shadow and (cleared.facts.risk != "read" or cleared.ask_id)):
            raise _not_cleared(tool)
        self.budget.begun(f"`{tool}`")
        began, brought = time.monotonic(), self.labels.new_with(cleared.call, cleared.facts)
        done = await (self._told if cleared.is_harmless else self._once)(cleared, tool_call_id, body)
        await self.ledger.record_step(
            self.facts.run_id,
            position,
            kind="tool",
            name=tool,
            detail=canonical_json(cleared.call.args),
            seconds=time.monotonic() - began,
            result_json=json.dumps(done.payload),
            decided=cleared.decided if cleared.is_harmless else None,
            effect_id=done.effect_id,
            undo=done.undo,
            did_nothing=done.did_nothing,
            brought=brought,
        )
        self.budget.stepped()
        self.labels.entered(brought, cleared.call, cleared.facts, done.payload)
        return done.payload

    def _cleared(self, tool_call_id: str) -> ClearedCall:
        cleared = self.gate.cleared.get(tool_call_id)
        if cleared is None:
            raise _not_cleared(tool_call_id)
        return cleared

    async def _reserve(self, cleared: ClearedCall, tool_call_id: str) -> Reservation:
        try:
            return await self.ledger.reserve(
                self.facts.run_id,
                f"{self.conversation}/{tool_call_id}",
                digest=cleared.digest,
                tool=cleared.call.tool,
                args_json=canonical_json(cleared.call.args),
                idempotency_key=self.facts.idempotency_key(tool_call_id),
                ask_id=cleared.ask_id,
                decided=cleared.decided,
                taken=cleared.draws,
            )
        except BudgetSpent as spent:
            self.budget.refuse(spent.meter)
            raise

    async def _once(self, cleared: ClearedCall, tool_call_id: str, body: Body) -> Done:
        reservation = await self._reserve(cleared, tool_call_id)
        if reservation.state == "in_doubt":
            reservation = await self._cleared_up(cleared, reservation, tool_call_id)
        match reservation.state:
            case "consumed":
                return Done(json.loads(reservation.result_json or "null"))
            case "reserved" | "in_doubt":
                return await self._execute(cleared, reservation, body)
            case _:
                assert_never(reservation.state)

    async def _cleared_up(self, cleared: ClearedCall, doubtful: Reservation, tool_call_id: str) -> Reservation:
        """What an earlier life of the run left in doubt, once the tool's own probe has looked."""
        match await self._probe(cleared):
            case "happened":
                payload = _payload("It was done in an earlier life of this run; its result is not known.")
                undo = await undo_of(cleared, self.facts, doubtful.idempotency_key, payload)
                await self.ledger.consume(doubtful.effect_id, json.dumps(payload), undo)
            case "did_not_happen":
                await self.ledger.release(doubtful.effect_id)
            case "cannot_tell" if cleared.facts.idempotent:
                return doubtful
            case "cannot_tell":
                await self._give_up(cleared, doubtful, doubtful.why or "the run was cut off in the middle of it")
        return await self._reserve(cleared, tool_call_id)

    async def _execute(self, cleared: ClearedCall, reservation: Reservation, body: Body) -> Done:
        """Run it. Its result is kept, and the effect consumed, in the one transaction that stores the step."""
        await self._held_back(reservation)
        try:
            return await self._done(cleared, reservation, await body())
        except Exception as error:
            return await self._after_error(cleared, reservation, body, error)

    async def _held_back(self, reservation: Reservation) -> None:
        """The last look: a latch that was set since the reservation keeps it from beginning. Raises Halted."""
        try:
            refuse_if_latched(self.facts)
        except Halted:
            if reservation.state == "reserved":  # not one that an earlier life may have done
                await self.ledger.release(reservation.effect_id)
            raise

    async def _after_error(
        self, cleared: ClearedCall, reservation: Reservation, body: Body, error: Exception, *, again: bool = True
    ) -> Done:
        """A tool that threw. The model hears of it where it certainly did nothing: it may ask for it under another key.

        What is idempotent is done once more under its own key: only so it is the same effect. Not under a halt (Halted).
        """
        match await self._probe(cleared):
            case "did_not_happen":
                return Done(_failed(error), reservation.effect_id, did_nothing=True)
            case "happened":
                return await self._done(
                    cleared, reservation, _payload(f"It was done; its result was lost ({_said(error)}).")
                )
            case "cannot_tell" if cleared.facts.idempotent and again:
                refuse_if_latched(self.facts)
                try:
                    return await self._done(cleared, reservation, await body())
                except Exception as second:
                    return await self._after_error(cleared, reservation, body, second, again=False)
            case "cannot_tell":
                return await self._give_up(cleared, reservation, f"it failed in the middle ({_said(error)})")

    async def _done(self, cleared: ClearedCall, reservation: Reservation, payload: object) -> Done:
        undo = await undo_of(cleared, self.facts, reservation.idempotency_key, payload)
        return Done(payload, reservation.effect_id, undo)

    async def _give_up(self, cleared: ClearedCall, reservation: Reservation, why: str) -> NoReturn:
        undo = await undo_of(cleared, self.facts, reservation.idempotency_key, _payload("Nobody knows."))
        await self.ledger.mark_unknown(reservation.effect_id, why, undo)
        raise UnknownEffect(cleared, why)

    async def _probe(self, cleared: ClearedCall) -> ProbeAnswer:
        """The tool's own answer to "did it happen?"; a probe that throws cannot tell."""
        if cleared.facts.probe is None:
            return "cannot_tell"
        try:
            return await cleared.facts.probe(self.facts, plain(cleared.call.args))
        except Exception:
            return "cannot_tell"

    async def _told(self, cleared: ClearedCall, tool_call_id: str, body: Body) -> Done:
        """What changes nothing is run as often as it takes; a budget counts it once."""
        if cleared.draws:
            call_id = f"{self.conversation}/{tool_call_id}"
            await self.ledger.draw(self.facts.run_id, call_id, cleared.draws, cleared.decided)
        try:
            return Done(await body())
        except Exception as error:
            return Done(_failed(error))


def _not_cleared(what: str) -> MidwatchError:
    return MidwatchError(f"{what!r} was called without passing the gate; nothing was run. This is a defect.")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _failed(error: Exception) -> dict[str, Any]:
    """The journal form in which pydantic-ai records a tool's `ToolFailed`: the model is told, and may do otherwise."""
    return {"message": f"The tool failed: {_said(error)}", "kind": "tool_failed"}


def _payload(text: str) -> dict[str, Any]:
    return {"result": text, "kind": "tool_return"}
