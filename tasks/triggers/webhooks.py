"""Trigger: what is answered to a webhook? Accepted once it is in the ledger for good, and never before it is proven genuine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from midwatch.agents import Agents
from midwatch.arrival_input import wanted
from midwatch.arrival_spec import Secret, Webhook
from midwatch.characters import visible
from midwatch.errors import MidwatchError, SpecError
from midwatch.ledger import Ledger
from midwatch.spec import AgentSpec
from midwatch.webhook import Unreadable, delivery
from midwatch.webhook_signature import proof
from tasks.triggers.entering import arrival_of, entered, refusal_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook of one agent."""

    spec: AgentSpec
    webhook: Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What the receiver works with."""

    agents: Agents
    ledger: Ledger
    secret_of: Callable[[Secret], Awaitable[str]]
    """The secret's text. Raises MidwatchError where there is none."""
    accepted: Callable[[], None]
    """Somebody may look for what is to be started."""
    say: Callable[[str], None]
    now: Callable[[], datetime]

    def hook(self, agent: str, name: str) -> Hook | Reply:
        """The hook of this address, or what is answered where there is none."""
        try:
            spec = self.agents.find(agent)
        except SpecError as error:
            self.say(f"a webhook of {agent} cannot be taken: {error}")
            return Reply(status=503, text="not now: the agent's file is wrong")
        found = [each for each in spec.triggers.webhooks if each.name == name] if spec else []
        if spec is None or not found:
            return Reply(status=404, text="no such hook")
        return Hook(spec=spec, webhook=found[0])

    async def delivered(self, hook: Hook, headers: Mapping[str, str], body: bytes) -> Reply:
        """Prove, read, and enter it. `headers` have lower-case names."""
        spec, webhook = hook.spec, hook.webhook
        named = f"webhook {webhook.name} of {spec.name}"
        try:
            secret = await self.secret_of(webhook.secret)
        except MidwatchError as error:
            self.say(f"{named} cannot be taken: {error}")
            return Reply(status=503, text="not now: the secret is not there")
        tolerance = timedelta(seconds=webhook.tolerance_seconds)
        proven = proof(webhook.scheme, secret, headers, body, now=self.now(), tolerance=tolerance)
        match proven.verdict:
            case "forged" | "stale":
                self.say(f"{named} refused a request: {proven.why}")
                return Reply(status=401, text="not accepted")
            case "genuine":
                return await self._genuine(hook, headers, body)
            case _:
                assert_never(proven.verdict)

    async def _genuine(self, hook: Hook, headers: Mapping[str, str], body: bytes) -> Reply:
        spec, webhook = hook.spec, hook.webhook
        try:
            read = delivery(webhook.scheme, headers, body)
        except Unreadable as error:
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            kept = refusal_of(spec, webhook, digest, body.decode("utf-8", "replace"), visible(str(error)))
            await entered(self.ledger, spec, kept)
            return Reply(status=422, text=kept.refused)
        if read.greeting is not None:
            return Reply(status=200, text=read.greeting)
        if not wanted(webhook.only, read.document):
            return Reply(status=200, text="not wanted")
        arrival = arrival_of(spec, webhook, read.id, read.document, root="body")
        row, new = await entered(self.ledger, spec, arrival)
        if row.state == "refused":
            return Reply(status=422, text=row.why)
        if new:
            self.accepted()
        return Reply(status=202, text=json.dumps({"arrival": row.arrival_id, "again": not new}))
