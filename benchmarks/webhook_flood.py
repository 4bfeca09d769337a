"""A storm of webhooks, with the receiver killed in the middle of it: which run is started twice, which never?

    python -m benchmarks.webhook_flood [--deliveries 1000] [--kills 3] [--events 20]

Two parts, in a house of their own: real server, real receiver process, signed deliveries as GitHub makes them.

flood   `--deliveries` at once from 50 senders, each of which repeats one until it is accepted, as GitHub and Stripe do.
        Every tenth is sent twice more after that (a replay), and beside every tenth goes one with a wrong signature. The
        receiver is killed with -9 `--kills` times while they come, and started again. The worker stands still meanwhile; at
        the end the runs that Prefect has are counted, by their idempotency keys.
latency `--events` deliveries, one after the other, each when the run of the one before has ended; the clock starts when the
        request is sent, and stops when the run has begun (its row), and when its first step is in the ledger. The model is a
        scripted one on loopback, which answers at once.

Writes benchmarks/results/webhook_flood.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from rich.console import Console

from benchmarks.own_house import own_house
from benchmarks.percentile import p95

if TYPE_CHECKING:
    from tests.flows.conftest import Night
    from tests.flows.senders import Senders

RESULTS: Final = Path(__file__).parent / "results" / "webhook_flood.json"
SENDERS: Final = 50
PATIENCE: Final = 1800
AGENT: Final = """
tools: [{{write_file: {{root: work}}}}]
rules: {{allow: [write_file]}}
ceiling: 4
contract: {{done_when: [{{file: {{path: work/{name}.txt, contains: [hello]}}}}]}}
input: {{title: {{type: string}}}}
triggers:
  webhooks: [{{name: issues, scheme: github, secret: {{env: HOOK_SECRET}}, input: {{title: body.issue.title}}}}]
  storm: {{at_most_per_minute: 1000000, at_most_per_hour: 1000000}}
"""


@dataclass(kw_only=True)
class Flood:
    """What came of the flood."""

    deliveries: int
    kills: int
    requests: int = 0
    replays: int = 0
    wrong_signatures: int = 0
    wrong_signatures_accepted: int = 0
    repeated_for_no_answer: int = 0
    accepted: int = 0
    runs: int = 0
    duplicated: int = 0
    lost: int = 0
    accept_p50_ms: float = 0
    accept_p95_ms: float = 0
    all_accepted_s: float = 0
    all_have_a_run_s: float = 0


@dataclass(kw_only=True)
class Latency:
    """From the request to the run."""

    events: int
    accepted_p50_ms: float
    begun_p50_s: float
    begun_p95_s: float
    first_step_p50_s: float
    first_step_p95_s: float


@dataclass(kw_only=True)
class Storm:
    """The senders, and the one receiver that they know."""

    night: Night
    flood: Flood
    senders: Senders | None = None
    took: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    async def one_sender(self, client: Any) -> None:
        while self.left:
            await self.one(client, self.left.pop())

    async def one(self, client: Any, number: int) -> None:
        body = json.dumps({"issue": {"title": f"number {number}"}}).encode()
        await self.until_accepted(client, body, f"delivery-{number}")
        self.flood.accepted += 1
        if number % 10 == 0:
            for _ in range(2):
                self.flood.replays += 1
                await self.until_accepted(client, body, f"delivery-{number}")
            self.flood.wrong_signatures += 1
            answer = await self.until_answered(client, body, f"forged-{number}", signed_by="another")
            self.flood.wrong_signatures_accepted += answer.status_code != 401

    async def until_accepted(self, client: Any, body: bytes, delivery: str) -> None:
        began = time.monotonic()
        while (await self.until_answered(client, body, delivery)).status_code != 202:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        self.took.append((time.monotonic() - began) * 1000)

    async def until_answered(self, client: Any, body: bytes, delivery: str, *, signed_by: str = "") -> Any:
        import httpx

        from tests.tasks.triggers.outside import SECRET, signed

        headers = signed(body, delivery, secret=signed_by or SECRET)
        while True:
            self.flood.requests += 1
            try:
                if self.senders is not None:
                    url = f"{self.senders.url}/hooks/flood/issues"
                    return await client.post(url, content=body, headers=headers)
            except httpx.HTTPError:
                self.flood.repeated_for_no_answer += 1
            await asyncio.sleep(0.2)

    async def kill_in_the_middle(self) -> None:
        """The receiver lives from one share of the accepted deliveries to the next; the last one stays."""
        from tests.flows.senders import receiver

        for life in range(self.flood.kills + 1):
            async with AsyncExitStack() as stack:
                self.senders = await stack.enter_async_context(receiver(self.night.house.home))
                enough = self.flood.deliveries * (life + 1) // (self.flood.kills + 1)
                last = life == self.flood.kills
                while self.flood.accepted < enough or (last and await self.waiting()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02 if not last else 0.5)
                self.senders.kill()
                self.senders = None

    async def waiting(self) -> bool:
        rows = await self.night.ledger.arrivals("flood", limit=100_000)
        return len(rows) < self.flood.deliveries or any(row.state == "received" for row in rows)


async def flooded(night: Night, deliveries: int, kills: int) -> Flood:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolUpdate

    deployment = await prepared(night, "flood")
    storm = Storm(night=night, flood=Flood(deliveries=deliveries, kills=kills), left=list(range(deliveries)))
    async with get_client() as prefect, httpx.AsyncClient(timeout=60) as client:
        await prefect.update_work_pool("midwatch", WorkPoolUpdate(is_paused=True))
        began = time.monotonic()
        living = asyncio.create_task(storm.kill_in_the_middle())
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(storm.one_sender(client) for _ in range(SENDERS)))
            storm.flood.all_accepted_s = round(time.monotonic() - began, 1)
            await living
        storm.flood.all_have_a_run_s = round(time.monotonic() - began, 1)
        await counted(night, prefect, deployment, storm.flood)
        await prefect.delete_deployment(deployment)
        await prefect.update_work_pool("midwatch", WorkPoolUpdate(is_paused=False))
    storm.flood.accept_p50_ms, storm.flood.accept_p95_ms = round(median(storm.took), 1), round(p95(storm.took), 1)
    return storm.flood


async def counted(night: Night, prefect: Any, deployment: UUID, flood: Flood) -> None:
    """By what Prefect has, not by what we wrote down."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    mine, runs = DeploymentFilter(id=DeploymentFilterId(any_=[deployment])), list[Any]()
    while page := await prefect.read_flow_runs(deployment_filter=mine, limit=200, offset=len(runs)):
        runs += page
    titles = Counter(run.parameters["input"]["title"] for run in runs)
    flood.runs = len(runs)
    flood.duplicated = sum(count - 1 for count in titles.values())
    flood.lost = flood.deliveries - len(titles)
    rows = await night.ledger.arrivals("flood", limit=100_000)
    assert sorted(row.run_id or "" for row in rows) == sorted(str(run.id) for run in runs)


async def timed(night: Night, events: int, console: Console) -> Latency:
    from tests.flows.senders import receiver, started

    accepted, begun, stepped = [], [], []
    async with receiver(night.house.home) as senders:
        for number in range(events):
            name = f"event-{number}"
            deployment = await prepared(night, name)
            body = json.dumps({"issue": {"title": "one"}}).encode()
            at, clock = time.time(), time.monotonic()
            assert await senders.post(name, body, name) == 202
            accepted.append((time.monotonic() - clock) * 1000)
            run_id = (await started(night, name)).run_id or ""
            row = await night.ended(UUID(run_id), PATIENCE)
            assert (row.outcome, row.cause) == ("verified", "event"), row
            begun.append(row.started_at.timestamp() - at)
            stepped.append(min(step.at for step in await night.ledger.steps_of(run_id)).timestamp() - at)
            console.print(f"{name}: begun after {begun[-1]:.2f} s, first step {stepped[-1]:.2f} s ({deployment})")
    return Latency(
        events=events,
        accepted_p50_ms=round(median(accepted), 1),
        begun_p50_s=round(median(begun), 2),
        begun_p95_s=round(p95(begun), 2),
        first_step_p50_s=round(median(stepped), 2),
        first_step_p95_s=round(p95(stepped), 2),
    )


async def prepared(night: Night, name: str) -> UUID:
    """An agent with a webhook, deployed."""
    from tests.flows.scripted_model import call
    from tests.flows.senders import deployed

    (night.project / "work").mkdir(exist_ok=True)
    night.agent(name, AGENT.format(name=name), call("write_file", path=f"{name}.txt", content="hello"), "written")
    await night.ledger.grant_level(name, 4, by="benchmark", because="a measurement")
    return await deployed(name)


async def figures_in(house: Any, script: Any, words: argparse.Namespace, console: Console) -> None:
    from midwatch.ledger import Ledger
    from tests.flows.conftest import Night

    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        night = Night(house=house, script=script, _ledger=(ledger,))
        figures: dict[str, Any] = {"cores": os.cpu_count()}
        figures["flood"] = asdict(await flooded(night, words.deliveries, words.kills))
        figures["load"] = round(os.getloadavg()[1], 1)
        written(figures, console)
        figures["latency"] = asdict(await timed(night, words.events, console))
        written(figures, console)


def written(figures: dict[str, Any], console: Console) -> None:
    console.print_json(data=figures)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook_flood")
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--events", type=int, default=20)
    words, console = parser.parse_args(), Console(soft_wrap=True)
    with own_house() as (house, script):
        asyncio.run(figures_in(house, script, words, console))


if __name__ == "__main__":
    main()
