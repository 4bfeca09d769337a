"""A run that waits: questions in a temporary ledger, and a Prefect that keeps what it is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Suspended

from midwatch.ledger import Ask, AskRow, Ledger

RUN = "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a001"
NOW = datetime.now(UTC)
DIGEST = "d" * 64


@dataclass
class Suspension:
    """Prefect, with runs that are suspended with a form that takes anything."""

    resumed: list[str] = field(default_factory=list)

    async def read_flow_run(self, run_id: object) -> SimpleNamespace:
        state: State[Any] = Suspended()
        state.state_details.run_input_keyset = {"schema": "asks-1-1-schema"}
        return SimpleNamespace(id=UUID(str(run_id)), state=state)

    async def read_flow_run_input(self, _id: object, _key: str) -> str:
        return json.dumps({"properties": {}})

    async def resume_flow_run(self, run_id: object, run_input: dict[str, Any]) -> SimpleNamespace:
        self.resumed.append(str(run_id))
        return SimpleNamespace(status=SetStateStatus.ACCEPT)

    @property
    def client(self) -> PrefectClient:
        return cast(PrefectClient, self)


@asynccontextmanager
async def open_ledger_of(home: Path) -> AsyncIterator[Ledger]:
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        await started(ledger, RUN)
        yield ledger


async def started(ledger: Ledger, run_id: str) -> None:
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await ledger.start_run(run_id, agent="night", fingerprint="f", started_at=NOW, **facts)


async def asks(ledger: Ledger, ask_id: str = "main:1", run_id: str = RUN, **facts: Any) -> AskRow:
    """Enter a question; by default whether a file may be written."""
    minutes = facts.pop("minutes", 60)
    arguments = facts.pop("arguments", {"path": "a.txt", "content": "hello"})
    asked: dict[str, Any] = {
        "tool": "write_file",
        "kind": "approve",
        "digest": DIGEST,
        "rule": "ask.files",
        "reason": "it writes a file",
        "words": "",
        "created_at": NOW,
        "deadline": NOW + timedelta(minutes=minutes),
        **facts,
    }
    return await ledger.open_ask(
        Ask(ask_id=f"{run_id}:{ask_id}", run_id=run_id, call_id=ask_id, args_json=json.dumps(arguments), **asked)
    )
