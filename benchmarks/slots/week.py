"""Which schedules are lived through? A week's of several agents, in three zones, with every policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from prefect.server.schemas.schedules import SCHEDULE_TYPES
from pydantic import TypeAdapter

from midwatch.triggers import SchedulePolicy

Spec = dict[str, Any]
BERLIN: Final = "Europe/Berlin"
NEW_YORK: Final = "America/New_York"
ANCHOR: Final = "2026-01-05T02:30:00"


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """An agent: when it runs, on what terms, and how long it takes."""

    name: str
    specs: tuple[Spec, ...]
    policy: SchedulePolicy
    minutes: tuple[float, float]


def cron(text: str, zone: str) -> Spec:
    """A cron schedule of Prefect."""
    return {"cron": text, "timezone": zone}


def interval(seconds: int, zone: str, anchor: str = f"{ANCHOR}+00:00") -> Spec:
    """An interval schedule of Prefect."""
    return {"interval": seconds, "anchor_date": anchor, "timezone": zone}


def rrule(text: str, zone: str) -> Spec:
    """An RRULE schedule of Prefect."""
    return {"rrule": f"DTSTART:20260105T000000\nRRULE:{text}", "timezone": zone}


WEEK: Final = (
    Scheduled(
        name="report",
        specs=(cron("30 2 * * *", BERLIN), cron("0 22,23,0-9 * * *", BERLIN)),
        policy=SchedulePolicy(missed="once", overlap="queue", jitter_seconds=300),
        minutes=(5, 50),
    ),
    Scheduled(
        name="triage",
        specs=(interval(3600, "UTC"),),
        policy=SchedulePolicy(missed="once", overlap="skip"),
        minutes=(10, 80),
    ),
    Scheduled(
        name="watch",
        specs=(cron("*/15 * * * *", NEW_YORK),),
        policy=SchedulePolicy(missed="skip", overlap="queue"),
        minutes=(1, 40),
    ),
    Scheduled(
        name="books",
        specs=(rrule("FREQ=HOURLY;BYMINUTE=30;BYSECOND=0", NEW_YORK), rrule("FREQ=WEEKLY;BYDAY=SU;BYHOUR=2", BERLIN)),
        policy=SchedulePolicy(missed="all", overlap="replace"),
        minutes=(5, 75),
    ),
    Scheduled(
        name="daily",
        specs=(interval(86400, BERLIN, f"{ANCHOR}+01:00"), interval(7200, NEW_YORK)),
        policy=SchedulePolicy(missed="once", overlap="replace", jitter_seconds=60),
        minutes=(5, 30),
    ),
    Scheduled(
        name="weekly",
        specs=(cron("0 9 * * 1-5", BERLIN), cron("30 1 * * 0", NEW_YORK), cron("*/20 1-3 * * *", BERLIN)),
        policy=SchedulePolicy(missed="all", overlap="queue"),
        minutes=(2, 15),
    ),
    Scheduled(
        name="twice",
        specs=(cron("0 * * * *", NEW_YORK), interval(1800, "UTC", "2026-01-05T00:00:00+00:00")),
        policy=SchedulePolicy(missed="all", overlap="skip"),
        minutes=(1, 45),
    ),
)

CHANGED: Final = {"watch": (cron("*/10 * * * *", NEW_YORK),), "triage": (interval(2700, "UTC"),)}
"""What two of them are redeployed with."""


def write_agents(folder: Path, agents: tuple[Scheduled, ...]) -> None:
    """Their files, as a user writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for agent in agents:
        policy = agent.policy.model_dump_json()
        text = f"name: {agent.name}\ndescription: An agent of the nights.\ninstructions: Do it.\n"
        (folder / f"{agent.name}.yaml").write_text(f"{text}triggers: {{schedule: {policy}}}\n")


async def slots_of(spec: Spec, since: datetime, until: datetime) -> set[datetime]:
    """What Prefect's schedule says, asked for each week from its Monday on; a second look beside the one that ships."""
    monday = datetime.combine((since - timedelta(days=since.weekday())).date(), datetime.min.time(), UTC)
    found: set[datetime] = set()
    while monday < until:
        after, end = monday, monday + timedelta(weeks=1)
        while dates := await _SPEC.validate_python(spec).get_dates(n=1000, start=after, end=end):
            instants = [datetime.fromtimestamp(int(date.timestamp()), UTC) for date in dates]
            found |= {instant for instant in instants if since <= instant < until and monday <= instant < end}
            if len(dates) < 1000:
                break
            after = max(instants) + timedelta(seconds=1)
        monday = end
    return found


_SPEC: Final[TypeAdapter[SCHEDULE_TYPES]] = TypeAdapter(SCHEDULE_TYPES)
