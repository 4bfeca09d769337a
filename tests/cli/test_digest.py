"""`midwatch digest`, the deployment of the flow, and the time zone by which it goes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.schedules import CronSchedule
from prefect.utilities.templating import apply_values
from ruamel.yaml import YAML
from typer.testing import CliRunner

from cli import zone
from cli.home import House
from cli.main import app
from cli.page_digest import digest_article
from midwatch.ledger import Ledger
from tests.cli.page_house import standing, text_of
from tests.conftest import PROJECT
from tests.tasks.digest.night import empty_night


async def fail_a_run(home: Path) -> None:
    async with empty_night(home, datetime.now(UTC) - timedelta(hours=2)) as night:
        for _ in range(3):
            run = await night.begins("price-watch")
            await night.ends(run, "failed", "answered 502 [red]x[/red]", minutes=5)


@pytest.fixture
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_ZONE", "Europe/Berlin")
    asyncio.run(fail_a_run(home))
    return home


def test_a_terminal_shows_it_and_nothing_is_noted_as_sent(home: Path) -> None:
    shown = CliRunner().invoke(app, ["digest"])
    assert shown.exit_code == 0
    words = " ".join(shown.output.split())
    assert "Nothing waits for you; 1 thing went wrong (3 runs)." in words
    assert "price-watch failed 3 times" in words
    assert "[red]x[/red]" in words


def test_a_program_gets_figures_and_lines(home: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["digest", "--since", "3h", "--json"]).output)
    assert told["figures"]["failed"] == 3
    assert told["sections"][0]["title"] == "Went wrong"
    assert told["sections"][0]["lines"][0]["see"]["command"].startswith("midwatch show ")
    assert datetime.fromisoformat(told["until"]) - datetime.fromisoformat(told["since"]) == timedelta(hours=3)


@pytest.mark.parametrize("length", ["yesterday", "0h", "24", ""])
def test_a_length_that_is_none_exits_with_2(home: Path, length: str) -> None:
    assert CliRunner().invoke(app, ["digest", "--since", length]).exit_code == 2


def filled(schedules: list[dict[str, str]]) -> list[dict[str, str]]:
    """As `prefect deploy` fills in what stands in braces."""
    done: Any = apply_values(schedules, {}, remove_notset=False)
    return list(done)


def test_the_schedule_of_the_digest_goes_by_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDWATCH_ZONE", "Europe/Berlin")
    document = YAML(typ="safe").load((PROJECT / "prefect.yaml").read_text())
    (wanted,) = (each for each in document["deployments"] if each["name"] == "digest")
    (schedule,) = filled(wanted["schedules"])
    made = CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    assert (made.cron, made.timezone) == ("30 7 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("environ", "target", "name"),
    [
        ({"MIDWATCH_ZONE": "Asia/Tokyo", "TZ": "Europe/Berlin"}, "", "Asia/Tokyo"),
        ({"MIDWATCH_ZONE": "Nowhere/None", "TZ": ":Europe/Berlin"}, "", "Europe/Berlin"),
        ({}, "zoneinfo/Pacific/Auckland", "Pacific/Auckland"),
        ({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, "somewhere", "UTC"),
        ({"TZ": "../../etc/passwd"}, "", "UTC"),
    ],
)
def test_the_zone_is_the_first_that_there_is(environ: dict[str, str], target: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to(tmp_path / (target or "nothing"))
    assert zone.name({"TZ": "", **environ}, tmp_path / "localtime") == name


async def test_the_page_shows_it_to_whoever_gave_the_password(tmp_path: Path) -> None:
    await fail_a_run(tmp_path / "house")
    async with standing(tmp_path) as page, Ledger.open(f"sqlite:///{tmp_path / 'house' / 'ledger.db'}") as ledger:
        house = House(project=tmp_path, home=tmp_path / "house", port=4200)
        page.door = replace(page.door, digest=digest_article(house, ledger))
        async with page.visitor() as anna:
            assert "Log in" in (await anna.get("/digest")).text
            await anna.log_in()
            shown = await anna.get("/digest")
    assert "price-watch failed 3 times" in text_of(shown.text)
    assert "[red]x[/red]" in text_of(shown.text)
    assert '<a href="/run/' in shown.text
    assert 'role="img"' in shown.text
    assert " style=" not in shown.text
