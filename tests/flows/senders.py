"""What starts runs from outside: a real receiver process of the house, and a sender that signs as GitHub does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client

from cli.hook_address import PORT
from cli.ports import port_in
from midwatch.ledger import ArrivalRow
from tests.flows.conftest import Night, deployed_like, eventually
from tests.tasks.triggers.outside import SECRET, signed


@dataclass(frozen=True, kw_only=True)
class Senders:
    """Whoever sends to this house."""

    process: subprocess.Popen[bytes]
    url: str

    async def post(self, agent: str, body: bytes, delivery: str) -> int:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(f"{self.url}/hooks/{agent}/issues", content=body, headers=signed(body, delivery))
        return answer.status_code

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@asynccontextmanager
async def receiver(home: Path) -> AsyncIterator[Senders]:
    """The process, listening; ended with the block."""
    process = _spawned()
    try:
        yield Senders(process=process, url=await _listening(process, home / PORT))
    finally:
        process.terminate()
        process.wait(timeout=60)


def _spawned() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HOOK_SECRET": SECRET, "PREFECT_CLIENT_MAX_RETRIES": "2"}
    return subprocess.Popen([sys.executable, "-m", "cli.receiver"], env=environment)


async def _listening(process: subprocess.Popen[bytes], port: Path, seconds: float = 120) -> str:
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=60) as client:
        while process.poll() is None and time.monotonic() < deadline:
            url = f"http://127.0.0.1:{port_in(port)}"
            try:
                if (await client.get(f"{url}/health")).status_code == 200:
                    return url
            except (httpx.HTTPError, httpx.InvalidURL):
                await asyncio.sleep(0.1)
    raise AssertionError("the receiver does not listen")


async def deployed(agent: str) -> UUID:
    """A deployment that has the agent's name."""
    async with get_client() as client:
        return await deployed_like(client, agent)


async def started(night: Night, agent: str) -> ArrivalRow:
    """The agent's one arrival, once its run is there."""

    async def with_its_run() -> ArrivalRow | None:
        (row,) = await night.ledger.arrivals(agent) or (None,)
        return row if row and row.run_id else None

    return await eventually(with_its_run)
