"""Silences, as the keeper sees them: an agent's, and a person's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.agents import Agents
from midwatch.ledger import Ledger
from midwatch.run import LEVELS
from midwatch.spec import AgentSpec
from tasks.monitoring.attendance import USUAL_DAYS, Attendance
from tasks.monitoring.silence import LATE, Silences, expectations, raise_silence

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
HEAD = "name: owl\ndescription: Of the tests.\ninstructions: Do it.\n"


@dataclass
class House:
    ledger: Ledger
    agents: Path
    clock: list[datetime]

    def file(self, body: str) -> None:
        (self.agents / "owl.yaml").write_text(HEAD + body)

    async def verified(self, run: str) -> None:
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await self.ledger.start_run(run, agent="owl", cause="schedule", started_at=self.clock[0], **facts)
        await self.ledger.finish_run(run, outcome="verified", reason="")

    async def silences(self, **forward: float) -> list[str]:
        self.clock[0] += timedelta(**forward)
        return await Silences(ledger=self.ledger, agents=Agents(folder=self.agents), began=NOW).one_round(self.clock[0])

    async def attendance(self, **forward: float) -> list[str]:
        self.clock[0] += timedelta(**forward)
        seen = self.agents / "seen"
        return await Attendance(ledger=self.ledger, agents=Agents(folder=self.agents), seen=seen).one_round(
            self.clock[0]
        )

    async def alarms(self) -> list[str]:
        return [row.what for row in await self.ledger.open_alarms()]


@pytest.fixture
async def house(tmp_path: Path, ledger_url: str) -> AsyncIterator[House]:
    clock = [NOW]
    async with Ledger.open(ledger_url, clock=lambda: clock[0]) as ledger:
        yield House(ledger=ledger, agents=tmp_path, clock=clock)


def test_only_files_that_can_be_read_and_say_so_expect_something(tmp_path: Path) -> None:
    (tmp_path / "owl.yaml").write_text(f"{HEAD}expect_within_hours: 26\n")
    (tmp_path / "rat.yaml").write_text(HEAD.replace("owl", "rat"))
    (tmp_path / "bad.yaml").write_text("expect_within_hours: [")
    assert expectations(Agents(folder=tmp_path)) == {"owl": 26}


async def test_what_the_flow_is_told_is_looked_up_in_the_ledger_first(house: House) -> None:
    house.file("expect_within_hours: 26\n")
    await house.verified("r1")
    later = house.clock[0] + timedelta(hours=27)
    assert "no alarm" in await raise_silence(house.ledger, house.agents, "owl", house.clock[0] + timedelta(hours=25))
    assert "an alarm is raised" in await raise_silence(house.ledger, house.agents, "owl", later)
    assert "stands already" in await raise_silence(house.ledger, house.agents, "owl", later)
    assert "expects nothing" in await raise_silence(house.ledger, house.agents, "rat", later)


async def test_the_keeper_raises_what_nobody_else_did_and_ends_it_when_the_agent_is_back(house: House) -> None:
    house.file("expect_within_hours: 2\n")
    assert await house.silences(hours=2) == []
    assert await house.silences(seconds=LATE.total_seconds()) == [
        "owl has had no verified run within 2 h, as its file expects"
    ]
    assert await house.silences(hours=9) == []
    await house.verified("r1")
    assert await house.silences() == ["owl is back: a verified run"]
    assert await house.alarms() == []


async def test_a_round_that_finds_nothing_new_writes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.file("expect_within_hours: 2\n")
    await house.verified("r1")
    written: list[str] = []
    write: Callable[..., Any] = house.ledger.write

    async def counting(*args: Any, **kwargs: Any) -> Any:
        written.append("write")
        return await write(*args, **kwargs)

    monkeypatch.setattr(house.ledger, "write", counting)
    rounds = [await house.silences(hours=hours) for hours in (1, 9, 9)]
    assert ([len(lines) for lines in rounds], len(written)) == ([0, 1, 0], 1)


async def test_an_alarm_of_an_agent_of_which_nothing_is_expected_any_more_is_over(house: House) -> None:
    house.file("expect_within_hours: 2\n")
    await house.silences(hours=3)
    house.file("")
    await house.silences()
    assert await house.alarms() == []


@pytest.mark.parametrize("broken", ["expect_within_hours: [\n", "limits: [\n", "\0"])
async def test_an_alarm_of_an_agent_whose_file_cannot_be_read_stands(house: House, broken: str) -> None:
    house.file("expect_within_hours: 2\n")
    await house.silences(hours=3)
    house.file(broken)
    assert await house.silences() == []
    assert len(await house.alarms()) == 1
    house.file("expect_within_hours: 2\n")
    assert await house.silences() == []


async def test_what_prefect_waited_for_is_an_alarm_though_the_file_cannot_be_read_now(house: House) -> None:
    house.file("expect_within_hours: [\n")
    await house.verified("r1")
    assert "an alarm is raised" in await raise_silence(house.ledger, house.agents, "owl", house.clock[0])
    assert await house.alarms() == [
        "has had no verified run for as long as was expected, and its file cannot be read now"
    ]


async def test_a_person_who_gives_no_sign_lowers_a_level_by_a_step_a_period_and_is_told(house: House) -> None:
    house.file("unseen_days: 7\nceiling: 5\ncontract: {done_when: [{file: {path: x}}]}\n")
    for level in LEVELS[3:]:
        await house.ledger.grant_level("owl", level, by="anna", because="a while")
    assert await house.attendance(days=6.9) == []
    (first,) = await house.attendance(days=0.2)
    assert "was put on level 4: no sign of a person for 7 days" in first
    assert "`midwatch level owl` says what brings it back" in first
    assert [await house.attendance(days=3), await house.attendance(days=3)] == [[], []]
    assert len(await house.attendance(days=2)) == 1
    assert await house.attendance(days=70) == []
    assert await house.ledger.level_of("owl", house.clock[0]) == 3
    assert len(await house.alarms()) == 2
    await house.ledger.person_seen("anna", "page")
    house.clock[0] += timedelta(seconds=1)
    await house.attendance()
    assert await house.alarms() == []


async def test_a_sign_keeps_the_level_and_a_typed_command_is_one(house: House) -> None:
    house.file("unseen_days: 7\n")
    await house.ledger.grant_level("owl", 4, by="anna", because="earned")
    for _ in range(4):
        house.clock[0] += timedelta(days=6)
        (house.agents / "seen").touch()
        os.utime(house.agents / "seen", (house.clock[0].timestamp(),) * 2)
        assert await house.attendance() == []
    assert await house.ledger.level_of("owl", house.clock[0]) == 4


@pytest.mark.parametrize(("body", "days", "level"), [("unseen_days: null\n", 300, 4), ("", 13.9, 4), ("", 14.1, 3)])
async def test_the_period_is_the_files_own_or_a_fortnight(house: House, body: str, days: float, level: int) -> None:
    house.file(body)
    await house.ledger.grant_level("owl", 4, by="anna", because="earned")
    await house.attendance(days=days)
    assert await house.ledger.level_of("owl", house.clock[0]) == level
    assert AgentSpec.model_fields["unseen_days"].default == USUAL_DAYS


async def test_an_agent_without_a_readable_file_is_trusted_no_longer_than_others(house: House) -> None:
    (house.agents / "owl.yaml").write_text("name: [")
    await house.ledger.grant_level("owl", 4, by="anna", because="earned")
    assert len(await house.attendance(days=15)) == 1
