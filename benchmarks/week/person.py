"""A week alone: the person who answers for both agents. Looks at each request, says what is right, and sleeps at night."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks.week.mail import FACTS, of_file
from midwatch.attention import Person, QuietHours
from midwatch.ledger import AskRow, Ledger, Settlement
from tasks.permissions.answers import decide, resume_if_decided, settle
from tasks.permissions.form import Answer

ANNA: Final = Person(
    name="anna",
    zone=ZoneInfo("Europe/Berlin"),
    quiet=QuietHours(start=time(22), until=time(7)),
    a_day=6,
    wake_from="emergency",
)
AT_DESK: Final = (time(7, 30), time(21, 30))
HOURS: Final = (0.2, 3.0)
"""Until a request of the daytime is answered; one of the night counts from the morning on."""


@dataclass
class Answers:
    """What the person did all week."""

    ledger: Ledger
    project: Path
    seed: int
    said: Counter[str] = field(default_factory=Counter)

    async def look(self, client: Any, now: datetime) -> bool:
        """Answer whatever is due by now; whether anything was."""
        said = self.said.total()
        if not AT_DESK[0] <= now.astimezone(ANNA.zone).time() < AT_DESK[1]:
            return False
        for row in await self.ledger.open_asks():
            if row.kind != "park" and self._due(row) <= now:
                await self._answer(row)
                await resume_if_decided(client, self.ledger, row.run_id)
        return self.said.total() > said

    def _due(self, row: AskRow) -> datetime:
        local = row.created_at.astimezone(ANNA.zone)
        start = local
        if local.time() >= AT_DESK[1]:
            start = datetime.combine(local.date() + timedelta(days=1), AT_DESK[0], ANNA.zone)
        elif local.time() < AT_DESK[0]:
            start = datetime.combine(local.date(), AT_DESK[0], ANNA.zone)
        return start + timedelta(hours=random.Random(f"{self.seed} {row.args_json}").uniform(*HOURS))

    async def _answer(self, row: AskRow) -> None:
        if row.kind == "settle":
            verdict: Settlement = "happened" if self._was_done(row) else "did_not_happen"
            await settle(self.ledger, row, verdict, by=ANNA.name, via="cli", reason="looked at it")
            self.said[f"settled: {verdict}"] += 1
            return
        answer = self._verdict(row)
        self.said[answer.verdict] += 1
        await decide(self.ledger, row, answer, by=ANNA.name, via="cli")

    def _verdict(self, row: AskRow) -> Answer:
        if row.kind == "answer":
            return Answer(ask_id=row.ask_id, verdict="answered", answer="Do what your instructions say, once more.")
        if why := objection(row, self.project):
            return Answer(ask_id=row.ask_id, verdict="denied", reason=why)
        return Answer(ask_id=row.ask_id, verdict="approved")

    def _was_done(self, row: AskRow) -> bool:
        """By looking at the message, or at the files."""
        args = json.loads(row.args_json)
        if row.tool == "file_message":
            return not (self.project / args["message"]).exists()
        return not any(Path(path).exists() for path in args.get("paths", ()))


def objection(row: AskRow, project: Path) -> str:
    """Why a person would not have this call; empty where it is right."""
    args = json.loads(row.args_json)
    match row.tool:
        case "delete_old_files":
            others = [path for path in args["paths"] if not Path(path).is_relative_to(project / "tmp")]
            return f"{others[0]} is no business of yours" if others else ""
        case "file_message":
            message = of_file(Path(args["message"]).name)
            wrong = [fact for fact in FACTS if args[fact] != message.facts[fact]]
            if not message.fits(args["label"]):
                wrong.append("label")
            return f"not so: {', '.join(wrong)}" if wrong else ""
        case _:
            return f"nobody has asked for {row.tool}"
