"""An agent that is started from outside, over a temporary ledger; Prefect is a fake that keeps what it was asked."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.agents import Agents
from midwatch.ledger import Ledger
from tasks.triggers.dispatch import Away, CannotStart, Dispatcher

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
SECRET = "a secret of the tests"
HEAD = "name: {name}\ndescription: d\ninstructions: i\n"
HOOKED = """
input:
  title: {type: string}
triggers:
  webhooks:
    - name: issues
      scheme: github
      secret: {env: HOOK_SECRET}
      only: {headers.x-github-event: [issues]}
      input: {title: body.issue.title}
"""


@dataclass(kw_only=True)
class Outside:
    """A project with agents, and a ledger whose clock a test moves."""

    project: Path
    ledger: Ledger
    now: datetime = NOW

    @property
    def agents(self) -> Agents:
        return self._agents[0]

    _agents: tuple[Agents]

    def agent(self, name: str, body: str = HOOKED) -> str:
        (self.project / "agents" / f"{name}.yaml").write_text(HEAD.format(name=name) + body)
        return name

    def forward(self, **amount: float) -> datetime:
        self.now += timedelta(**amount)
        return self.now


@dataclass
class FakePrefect:
    """Runs by idempotency key, as Prefect keeps them."""

    runs: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    away: bool = False
    refuses: str = ""
    """An agent that it has no deployment of."""

    async def start(self, agent: str, input: Mapping[str, Any], key: str) -> str:
        if self.away:
            raise Away("Prefect cannot be reached")
        if agent == self.refuses:
            raise CannotStart(f"{agent} has no deployment")
        self.runs.setdefault(key, (agent, input))
        return f"run of {key}"

    def inputs(self) -> list[Mapping[str, Any]]:
        return [input for _, input in self.runs.values()]


@asynccontextmanager
async def outside(project: Path, ledger_url: str) -> AsyncIterator[Outside]:
    (project / "agents").mkdir()
    world: list[Outside] = []
    async with Ledger.open(ledger_url, clock=lambda: world[0].now) as ledger:
        world.append(Outside(project=project, ledger=ledger, _agents=(Agents(folder=project / "agents"),)))
        yield world[0]


def dispatcher(world: Outside, prefect: FakePrefect) -> Dispatcher:
    return Dispatcher(ledger=world.ledger, agents=world.agents, start=prefect.start)


def signed(body: bytes, delivery: str = "d1", event: str = "issues", secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery as GitHub makes it."""
    return {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}",
    }


def issue(title: Any = "It fails") -> bytes:
    return json.dumps({"issue": {"title": title}}).encode()
