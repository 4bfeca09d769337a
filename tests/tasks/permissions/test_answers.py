"""A person's answer, from the ledger to the suspended run; Prefect's client is a fake that keeps what it is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Suspended

from midwatch.ledger import Ask, AskRow, Ledger
from tasks.permissions.answers import decide, resume_if_decided, settle
from tasks.permissions.form import Answer

RUN = "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a001"
NOW = datetime.now(UTC)


@dataclass
class Suspension:
    """Prefect, with one run that is suspended with a form of `fields`."""

    fields: tuple[str, ...]
    resumed_with: list[dict[str, Any]] = field(default_factory=list)

    async def read_flow_run(self, _: object) -> SimpleNamespace:
        state: State[Any] = Suspended()
        state.state_details.run_input_keyset = {"schema": "asks-1-1-schema"}
        return SimpleNamespace(id=UUID(RUN), state=state)

    async def read_flow_run_input(self, _id: object, key: str) -> str:
        assert key == "asks-1-1-schema"
        return json.dumps({"properties": {name: {} for name in self.fields}})

    async def resume_flow_run(self, _id: object, run_input: dict[str, Any]) -> SimpleNamespace:
        self.resumed_with.append(run_input)
        return SimpleNamespace(status=SetStateStatus.ACCEPT)

    async def resume(self, ledger: Ledger) -> bool:
        return await resume_if_decided(cast(PrefectClient, self), ledger, RUN)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        await ledger.migrate()
        facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
        await ledger.start_run(RUN, agent="night", fingerprint="f", started_at=NOW, **facts)
        yield ledger


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
