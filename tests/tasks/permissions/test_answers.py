"""A person's answer, from the ledger to the suspended run; Prefect's client is a fake that keeps what it is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Scheduled, Suspended

from midwatch.ask_context import AskContext
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import Ask, AskRow, Ledger
from tasks.permissions.answers import FORM_WITHIN, decide, resume_if_decided, settle, take_over
from tasks.permissions.form import Answer

RUN = "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a001"
NOW = datetime.now(UTC)


@dataclass
class Suspension:
    """Prefect, with one run that is suspended with a form of `fields`."""

    fields: tuple[str, ...]
    resumed_with: list[dict[str, Any]] = field(default_factory=list)
    form: Literal["stored", "not yet", "not any more"] = "stored"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def read_flow_run(self, _: object) -> SimpleNamespace:
        state: State[Any] = Scheduled() if self.resumed_with else Suspended()
        state.timestamp = self.since
        state.state_details.run_input_keyset = {"schema": "asks-1-1-schema"}
        return SimpleNamespace(id=UUID(RUN), state=state)

    async def read_flow_run_input(self, _id: object, key: str) -> str:
        assert key == "asks-1-1-schema"
        if self.form != "stored":
            if self.form == "not any more":
                self.resumed_with.append({"by": "somebody else"})
            response = httpx.Response(404, request=httpx.Request("GET", "http://127.0.0.1/input"))
            raise PrefectHTTPStatusError("404", request=response.request, response=response)
        return json.dumps({"properties": {name: {} for name in self.fields}})

    async def resume_flow_run(self, _id: object, run_input: dict[str, Any]) -> SimpleNamespace:
        self.resumed_with.append(run_input)
        return SimpleNamespace(status=SetStateStatus.ACCEPT)

    async def set_flow_run_state(self, _id: object, state: State[Any], *, force: bool) -> None:
        assert (state.is_scheduled(), force) == (True, True)
        self.resumed_with.append({"message": state.message})

    async def resume(self, ledger: Ledger) -> bool:
        return await resume_if_decided(cast(PrefectClient, self), ledger, RUN)


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await ledger.start_run(RUN, agent="night", fingerprint="f", started_at=NOW, **facts)
    return ledger


async def in_doubt(ledger: Ledger) -> AskRow:
    call: dict[str, Any] = {"digest": "d", "tool": "shell", "args_json": '{"command":"make"}', "idempotency_key": "k"}
    await ledger.mark_unknown((await ledger.reserve(RUN, "main/1", **call)).effect_id, "the run was cut off")
    (ask,) = await ledger.open_asks()
    return ask


async def approvable(ledger: Ledger) -> AskRow:
    texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
    call: dict[str, Any] = {"run_id": RUN, "call_id": "main/2", "tool": "shell", "args_json": "{}", "digest": "e"}
    at: dict[str, Any] = {"created_at": NOW + timedelta(hours=1), "deadline": NOW + timedelta(hours=2)}
    return await ledger.open_ask(Ask(ask_id="second", kind="approve", **call, **texts, **at))


async def test_a_doubt_keeps_no_run_from_going_on_and_is_in_no_form(ledger: Ledger) -> None:
    await in_doubt(ledger)
    ask, prefect = await approvable(ledger), Suspension(("decision_2", "reason"))
    assert not await prefect.resume(ledger)
    await decide(ledger, ask, Answer(ask_id=ask.ask_id, verdict="approved"), by="somebody", via="cli")
    assert await prefect.resume(ledger)
    assert prefect.resumed_with == [{"decision_2": "approve"}]


async def test_a_run_whose_form_is_not_stored_yet_is_left_to_the_keeper(ledger: Ledger) -> None:
    ask, prefect = await approvable(ledger), Suspension(("decision_1", "reason"), form="not yet")
    await decide(ledger, ask, Answer(ask_id=ask.ask_id, verdict="approved"), by="somebody", via="cli")
    assert not await prefect.resume(ledger)
    assert prefect.resumed_with == []
    prefect.form = "stored"
    assert await prefect.resume(ledger)


async def test_a_run_that_died_before_it_could_store_its_form_goes_on_without_one(ledger: Ledger) -> None:
    long_ago = datetime.now(UTC) - FORM_WITHIN
    ask, prefect = await approvable(ledger), Suspension((), form="not yet", since=long_ago)
    assert not await prefect.resume(ledger)
    await decide(ledger, ask, Answer(ask_id=ask.ask_id, verdict="approved"), by="somebody", via="cli")
    assert await prefect.resume(ledger)
    assert prefect.resumed_with == [
        {"message": "Its process ended before it could store its form; all that it asked is answered."}
    ]


async def test_a_run_that_somebody_else_resumes_meanwhile_goes_on(ledger: Ledger) -> None:
    ask, prefect = await approvable(ledger), Suspension(("decision_1", "reason"), form="not any more")
    await decide(ledger, ask, Answer(ask_id=ask.ask_id, verdict="approved"), by="somebody", via="cli")
    assert await prefect.resume(ledger)
    assert prefect.resumed_with == [{"by": "somebody else"}]


async def test_an_answered_doubt_alone_resumes_nothing(ledger: Ledger) -> None:
    prefect = Suspension(())
    await settle(ledger, await in_doubt(ledger), "happened", by="somebody", via="cli", reason="I looked")
    assert not await prefect.resume(ledger)


async def test_what_a_person_says_stands_as_the_result_in_the_form_that_a_run_goes_on_with(ledger: Ledger) -> None:
    await settle(ledger, await in_doubt(ledger), "happened", by="somebody", via="cli", reason="I looked")
    (effect,) = await ledger.effects_of(RUN)
    assert json.loads(effect.result_json or "") == {
        "result": "A person said that it was done; its result is not known.",
        "kind": "tool_return",
    }


PARAMETERS = {"properties": {"amount": {"type": "integer", "minimum": 1}}, "required": ["amount"]}


async def payment(ledger: Ledger, arguments: dict[str, Any]) -> AskRow:
    texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
    call: dict[str, Any] = {"run_id": RUN, "call_id": "main/3", "tool": "pay", "digest": "e"}
    at: dict[str, Any] = {"created_at": NOW, "deadline": datetime.now(UTC) + timedelta(hours=1)}
    context = AskContext(parameters=PARAMETERS).model_dump_json()
    asked = Ask(
        ask_id="p", kind="approve", args_json=json.dumps(arguments), context_json=context, **call, **texts, **at
    )
    return await ledger.open_ask(asked)


@pytest.mark.parametrize(
    "edited", ['{"amount": "five"}', '{"amount": 0}', '{"amount": 5, "to": "me"}', "{}", "[]", "{"]
)
async def test_an_edit_that_its_tool_does_not_take_is_refused_and_the_question_waits_on(
    ledger: Ledger, edited: str
) -> None:
    row = await payment(ledger, {"amount": 3})
    answer = Answer(ask_id="p", verdict="edited", edited_args_json=edited)
    with pytest.raises(CallError):
        await decide(ledger, row, answer, by="somebody", via="cli")
    assert (await ledger.ask("p")).verdict is None


async def test_what_code_fills_in_is_no_part_of_what_the_model_is_told_and_may_be_edited(ledger: Ledger) -> None:
    row = await payment(ledger, {"amount": 3, "account": "filled in"})
    answer = Answer(ask_id="p", verdict="edited", edited_args_json='{"amount": 5, "account": "filled in"}')
    assert (await decide(ledger, row, answer, by="somebody", via="cli")).row.verdict == "edited"


async def test_a_run_is_taken_over_with_all_that_it_asks_and_only_once(ledger: Ledger) -> None:
    await in_doubt(ledger)
    await payment(ledger, {"amount": 3})
    first = await take_over(ledger, RUN, by="somebody", via="cli", reason="I do it")
    assert [(made.first, made.row.verdict, made.row.granted_digest) for made in first] == [(True, "taken_over", None)]
    with pytest.raises(LedgerError, match="nothing of run"):
        await take_over(ledger, RUN, by="somebody else", via="page", reason="")
