"""A climb: how does it go? Day by day, by real runs, until the class was promoted, fell, and was promoted again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.climb.house import AGENT, BAD, CALLS, RULE, Writer
from benchmarks.week.clock import Clock, aged
from benchmarks.week.life import lived
from midwatch.ladder import ALPHA
from midwatch.ledger import Ledger

PERSON: Final = "anna"
RUNS_AT: Final = (9, 15)
AFTER: Final = timedelta(minutes=20)
"""Until the person has looked at what a run asks."""
TOO_EARLY: Final = 5
"""On this day a promotion is tried that has not been earned."""
UNASKED_DAYS: Final = 3
MOST_DAYS: Final = 16
"""Of one climb."""
FALL: Final = "reported: it falls"


class Broke(Exception):
    """It did not go on as it should; what comes after it would tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one run."""

    run_id: str
    level: int
    outcome: str
    asked: int
    unasked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where the class stands at a moment."""

    at: str
    day: float
    """Days since the first midnight."""
    log_e: float
    e: float
    threshold: float
    ready: bool
    needed: int | None
    level: int
    stands: str
    words: str
    asked: int
    """So far, with those answers that were given."""
    unasked: int
    event: str = ""
    """What has just happened."""


@dataclass(kw_only=True)
class Story:
    began: datetime
    clock: Clock
    client: Any
    ledger: Ledger
    project: Path
    deployment: UUID
    writer: Writer
    verb: Callable[..., tuple[int, str]]
    say: Callable[[str], None]
    looks: list[Look] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    steps: dict[str, bool] = field(default_factory=dict)
    """What had to happen, and whether it did."""
    said: dict[str, str] = field(default_factory=dict)
    """By verb, what was printed at the turning points."""
    day: int = 0

    async def go(self) -> None:
        """The whole story."""
        await self._until_promoted("first")
        for _ in range(UNASKED_DAYS):
            await self._days_work()
            await self._morning()
        await self._falls()
        await self._until_promoted("second")
        await self._days_work()
        await self._morning()
        code, self.said["verify"] = await asyncio.to_thread(self.verb, "verify")
        self._step("the whole ledger is what its journal says, both promotions borne out by the record", code == 0)

    async def _until_promoted(self, which: str) -> None:
        """Every run asks, and every morning is judged, until the system proposes; then the person signs."""
        since, until = len(self.runs), self.day + MOST_DAYS
        while not await self.ledger.open_proposals(AGENT) and self.day < until:
            if self.day == TOO_EARLY:
                await self._too_early()
            await self._days_work()
            await self._morning()
        asked = self.runs[since:]
        self._step(f"{which} climb: every call was asked about", all(not one.unasked for one in asked))
        self._step(f"{which} climb: a promotion is proposed", bool(await self.ledger.open_proposals(AGENT)))
        code, said = await asyncio.to_thread(self.verb, "promote", AGENT, RULE, "--yes")
        self.said[f"promote, {which} time"] = said.strip().splitlines()[-1] if said.strip() else ""
        look = await self._look(f"{which} promotion")
        self._step(
            f"{which} promotion: signed by a person, earned", code == 0 and (look.level, look.stands) == (4, "allow")
        )
        run = await self._run(RUNS_AT[0])
        self._step(f"{which} promotion: the next run goes unasked", (run.asked, run.unasked) == (0, CALLS))
        self._step(f"{which} promotion: and is verified", run.outcome == "verified")
        await self._run(RUNS_AT[1])
        await self._morning()

    async def _too_early(self) -> None:
        code, said = await asyncio.to_thread(self.verb, "promote", AGENT, RULE, "--yes")
        self.said["promote, too early"] = said.strip().splitlines()[-1] if said.strip() else ""
        self._step("what is not earned is not promoted", code != 0 and (await self._look()).stands == "ask")

    async def _falls(self) -> None:
        """A note is wrong; it is reported while its run is under way, whose very next call asks."""
        loop = asyncio.get_running_loop()
        run = await self._run(
            RUNS_AT[0],
            bad=True,
            meanwhile=lambda: asyncio.run_coroutine_threadsafe(self._reported(), loop).result(),
        )
        fell = next((one for one in self.looks if one.event == FALL), None)
        self._step("incident: it falls at once", fell is not None and fell.stands == "ask")
        self._step("incident: E is at most 1", fell is not None and fell.log_e <= 0)
        self._step("incident: the very next call of the same run asks again", (run.asked, run.unasked) == (1, CALLS))
        later = await self._run(RUNS_AT[1])
        self._step("incident: and the next run asks about everything", (later.asked, later.unasked) == (CALLS, 0))
        await self._morning()

    async def _reported(self) -> None:
        if any(look.event == FALL for look in self.looks):
            return  # whoever asks again waits for nothing
        done = await self.ledger.effects_of(self.under_way)
        call_id = next(one.call_id for one in done if BAD in one.args_json)
        why = ("--major", "--because", f"a note says: {BAD}")
        code, said = await asyncio.to_thread(self.verb, "incident", self.under_way, "--call", call_id, *why)
        self.said["incident"] = said.strip()
        self._step("incident: reported by `midwatch incident`, in the middle of the run", code == 0)
        await self._look(FALL)

    # --- a day ---

    async def _days_work(self) -> None:
        for hour in RUNS_AT:
            await self._run(hour)

    async def _morning(self) -> None:
        """The next day begins with the daily review."""
        from flows.ladder_review import ladder_review

        self.day += 1
        self.clock.put_forward(self.began + timedelta(days=self.day, hours=7))
        self.clock.rule()
        reviewed = await ladder_review(return_state=True)
        if not reviewed.is_completed():
            raise Broke(f"the review of day {self.day}: {reviewed.message}")
        look = await self._look()
        self.say(
            f"day {self.day}: E {look.e:.3g}, level {look.level}, {look.stands}; {look.asked} asked, {look.unasked} not"
        )

    async def _look(self, event: str = "") -> Look:
        now = self.clock.now()
        last = await self.ledger.last_fingerprint(AGENT)
        mark = last.fingerprint if last is not None else ""
        record = await self.ledger.class_record(AGENT, RULE, mark, now)
        level = await self.ledger.level_of(AGENT, now)
        open_now = await self.ledger.classes_allowed(AGENT, mark, now)
        look = Look(
            at=now.isoformat(timespec="seconds"),
            day=round((now - self.began) / timedelta(days=1), 3),
            log_e=round(record.verdict.log_e, 4),
            e=round(record.verdict.e, 3),
            threshold=1 / ALPHA,
            ready=record.verdict.ready,
            needed=record.verdict.needed,
            level=level,
            stands="allow" if level >= 4 and RULE in open_now else "ask",
            words="; ".join(record.verdict.missing),
            asked=sum(one.asked for one in self.runs),
            unasked=sum(one.unasked for one in self.runs),
            event=event,
        )
        self.looks.append(look)
        return look

    # --- a run ---

    async def _run(self, hour: int, *, bad: bool = False, meanwhile: Callable[[], None] | None = None) -> Run:
        """From its start to its end; the person approves whatever it asks, unchanged."""
        self.clock.put_forward(self.began + timedelta(days=self.day, hours=hour))
        self.writer.begin(f"{self.clock.now():%Y-%m-%d}-{hour:02}", bad=bad, meanwhile=meanwhile)
        made = await self.client.create_flow_run_from_deployment(self.deployment, parameters={"agent": AGENT})
        self.under_way, since = str(made.id), time.time()
        self.clock.rule()
        await lived(made.id)
        while await self._approved(str(made.id)):
            await lived(made.id)
        aged((self.project / "work",), since, self.clock)
        run = await self._what_became(str(made.id))
        self.runs.append(run)
        return run

    async def _approved(self, run_id: str) -> bool:
        from tasks.permissions.answers import decide, resume_if_decided
        from tasks.permissions.form import Answer

        waiting = [row for row in await self.ledger.asks_of(run_id) if row.verdict is None]
        if not waiting:
            return False
        self.clock.put_forward(self.clock.now() + AFTER)
        for row in waiting:
            await decide(self.ledger, row, Answer(ask_id=row.ask_id, verdict="approved"), by=PERSON, via="cli")
        return await resume_if_decided(self.client, self.ledger, run_id)

    async def _what_became(self, run_id: str) -> Run:
        """By the record of its effects and of its questions."""
        row = await self.ledger.run(run_id)
        asked = {one.call_id for one in await self.ledger.asks_of(run_id)}
        done = {one.call_id for one in await self.ledger.effects_of(run_id) if one.state == "consumed"}
        level, outcome = (row.level, row.outcome or "") if row is not None else (0, "")
        return Run(run_id=run_id, level=level, outcome=outcome, asked=len(asked), unasked=len(done - asked))

    def _step(self, what: str, held: bool) -> None:
        self.steps[what] = held
        self.say(f"{'yes' if held else 'NO '}  {what}")
        if not held:
            raise Broke(what)

    under_way: str = ""
