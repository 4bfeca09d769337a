"""The house: what does the keeper watch besides single runs? Breakers, silences, its own heartbeat, and a ping to outside.

Each watch is a duty (`keeper.Duty`) that remembers when it last looked; all of it may be done twice, or late, without harm.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cli.home import House, locate
from cli.lookout_checks import HEARTBEAT, Look, look
from cli.sign_of_life import SEEN
from tasks.harness.place import Place
from tasks.monitoring.attendance import Attendance
from tasks.monitoring.breaker import Breakers
from tasks.monitoring.silence import Silences

if TYPE_CHECKING:
    from cli.keeper import Rounds

LOOKS_BACK: Final = timedelta(days=1)
"""The first look of a process at runs that ended."""
OVERLAP: Final = timedelta(minutes=1)
"""Clocks differ, and transactions end late."""
EACH: Final = timedelta(seconds=15)
"""Silences and attendance."""
PING_EACH: Final = timedelta(minutes=1)
PING: Final = "MIDWATCH_PING_URL"
"""An address of a service outside that expects to be asked for each minute; `ADDRESS/fail` says that it is not well."""
PING_SECONDS: Final = 10.0


@dataclass(slots=True)
class BreakerWatch:
    """Breakers open, are tried, and close."""

    looked: datetime | None = None

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        breakers = Breakers(client=rounds.client, ledger=rounds.ledger, agents=rounds.here.agents)
        done = await breakers.one_round(self.looked or now - LOOKS_BACK, now)
        self.looked = now - OVERLAP
        return done


@dataclass(slots=True)
class SilenceWatch:
    """Agents of which a verified run is expected, and people of whom a sign is."""

    began: datetime | None = None
    looked: datetime | None = None

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        if self.looked is not None and now - self.looked < EACH:
            return []
        self.looked, self.began = now, self.began or now
        here, ledger = rounds.here, rounds.ledger
        silences = Silences(ledger=ledger, agents=here.agents, began=self.began)
        attendance = Attendance(ledger=ledger, agents=here.agents, seen=here.home / SEEN)
        return [*await silences.one_round(now), *await attendance.one_round(now)]


@dataclass(slots=True)
class Ping:
    """Tells a service outside that all is well, so that the silence of the whole machine is noticed there."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    sent: datetime | None = None
    fault: str = ""

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        url = self.environ.get(PING, "")
        if not url or (self.sent is not None and now - self.sent < PING_EACH):
            return []
        self.sent = now
        seen = await asyncio.to_thread(look, house_of(rounds.here, self.environ), self.environ, now.timestamp())
        fault = await asyncio.to_thread(ping, url, seen)
        changed, self.fault = fault != self.fault, fault
        return [fault or "the ping goes out again"] if changed else []


def house_of(here: Place, environ: Mapping[str, str]) -> House:
    """The keeper's own house."""
    return locate({**environ, "MIDWATCH_PROJECT": str(here.project), "MIDWATCH_HOME": str(here.home)})


def ping(url: str, seen: Look) -> str:
    """Ask for the address, or for its `/fail` with what is wrong. Returns why that was not possible, without the address."""
    try:
        if not url.startswith(("https://", "http://")):
            raise ValueError("it is no http or https address")
        lines = "\n".join(f"{one.name}: {one.detail}" for one in seen.faults)
        whole = f"{url.rstrip('/')}/fail" if lines else url
        request = urllib.request.Request(whole, data=lines.encode() or None)
        with urllib.request.urlopen(request, timeout=PING_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"the ping of {PING} is not taken: HTTP {error.code}"
    except (OSError, ValueError) as error:
        return f"the ping of {PING} does not go out: {error}"


def beat(here: Place, failing: Sequence[str]) -> None:
    """The keeper's sign of life, with the duties that failed in this round; whole or not at all."""
    draft = here.home / f"{HEARTBEAT}.new"
    draft.write_text(json.dumps({"failing": list(failing)}))
    os.replace(draft, here.home / HEARTBEAT)
