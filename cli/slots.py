"""`midwatch slots`: which slots do the schedules have this week, and what became of each?"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from cli import terminal
from cli.ledger import with_ledger
from cli.options import AsJson
from cli.slot_week import LETTERS, SeenSlot, Week, picture, week_of
from midwatch.errors import MidwatchError

if TYPE_CHECKING:
    from midwatch.ledger import Ledger, ScheduleRow, SlotRow


def slots(
    agent: Annotated[str | None, typer.Argument(help="This agent's week; without it one line for each agent.")] = None,
    week: Annotated[int, typer.Option(min=-520, max=520, help="0 is this week, -1 the last one, 1 the next.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show the calendar of a week: every slot of every schedule, past and coming, and what became of it."""
    weeks = asyncio.run(with_ledger(lambda ledger: _weeks(ledger, agent, week, datetime.now(UTC))))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in weeks]))
    elif agent is not None:
        terminal.console().print(picture(weeks[0]))
    elif weeks:
        terminal.console().print(_lines(weeks))
    else:
        typer.echo("No agent has a schedule. `schedules:` of prefect.yaml says when an agent runs.")


async def _weeks(ledger: Ledger, agent: str | None, week: int, now: datetime) -> list[Week]:
    known = sorted({row.schedule.agent for row in await ledger.schedules_standing()})
    if agent is not None and agent not in known and not await ledger.schedules_of(agent):
        raise MidwatchError(
            f"{agent} has no schedule that the ledger knows of; has the house been up since `prefect.yaml` got one? "
            f"Known: {', '.join(known) or 'none'}"
        )
    return [await week_in(ledger, one, week, now) for one in ([agent] if agent is not None else known)]


async def week_in(ledger: Ledger, agent: str, week: int, now: datetime) -> Week:
    """The agent's slots of that week, and those that are to come if its schedules go on standing."""
    from tasks.triggers.calendar import coming_slots, zone_of

    rows = await ledger.schedules_of(agent)
    standing = [row for row in rows if row.until is None] or rows[-1:]
    zone = zone_of(standing[0].schedule.spec_json) if standing else "UTC"
    monday = week_of(now.astimezone(ZoneInfo(zone)).date(), week)
    since, until = (
        datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in (monday, monday + timedelta(weeks=1))
    )
    seen = [_seen(row, zone) for row in await ledger.slots_between(agent, since, until)]
    known = {one.instant for one in seen}
    ahead = coming_slots(standing, max(since, now), until)
    seen += [_coming(at, zone) for at in ahead if at.astimezone(ZoneInfo(zone)) not in known]
    return Week(
        agent=agent,
        zone=zone,
        monday=monday,
        slots=tuple(sorted(seen, key=lambda one: one.instant.astimezone(UTC))),
        schedules=tuple(_said(row) for row in standing),
        accounted_until=await ledger.slot_looked(agent),
    )


def _seen(row: SlotRow, zone: str) -> SeenSlot:
    assert row.instant is not None  # the ledger gives those alone
    return SeenSlot(
        instant=row.instant.astimezone(ZoneInfo(zone)),
        state=row.state,
        why=row.why,
        reason=row.reason,
        run_id=row.run_id,
        outcome=row.outcome,
    )


def _coming(instant: datetime, zone: str) -> SeenSlot:
    return SeenSlot(instant=instant.astimezone(ZoneInfo(zone)), state="coming")


def _said(row: ScheduleRow) -> str:
    spec: dict[str, Any] = json.loads(row.schedule.spec_json)
    kind = next(name for name in ("cron", "interval", "rrule") if name in spec)
    what = f"every {spec[kind]:g} s" if kind == "interval" else str(spec[kind]).replace("\n", " ")
    match row.schedule.standing:
        case "active":
            return what
        case "breaker":
            return f"{what} (held off by the breaker)"
        case "paused":
            return f"{what} (paused)"


def _lines(weeks: list[Week]) -> Table:
    table = terminal.table("agent", "schedule", "zone", "this week", "next")
    for one in weeks:
        coming = next((slot for slot in one.slots if slot.state == "coming"), None)
        counted = " ".join(f"{LETTERS[state]}{count}" for state, count in one.counted().items())
        table.add_row(
            one.agent, ", ".join(one.schedules), one.zone, counted, f"{coming.instant:%a %d %H:%M}" if coming else ""
        )
    return table


def _facts(week: Week) -> dict[str, object]:
    return {
        "agent": week.agent,
        "zone": week.zone,
        "monday": week.monday.isoformat(),
        "schedules": list(week.schedules),
        "accounted_until": week.accounted_until.isoformat() if week.accounted_until else None,
        "clocks": {day.isoformat(): change for day in week.days() if (change := week.clocks(day))},
        "slots": [
            {
                "instant": one.instant.isoformat(),
                "state": one.state,
                "why": one.why,
                "reason": one.reason,
                "run_id": one.run_id or None,
                "outcome": one.outcome,
            }
            for one in week.slots
        ],
    }
