"""The pages of the night as a browser sees them: a real ledger, real HTTP; who may see them, and what an address may say."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from midwatch.halt import Target
from midwatch.run_ids import short
from tests.cli.page_house import Standing, Visitor, standing, text_of
from tests.tasks.digest.night import DAWN, busy, empty_night
from tests.tasks.slack.waiting import RUN, asks

BUSY = "019ab3c0-0f39-7c55-9e52-2f360000001a"
"""The report that ended well."""


@pytest.fixture(scope="module")
def after_a_busy_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger to copy."""
    folder = tmp_path_factory.mktemp("busy")

    async def filled() -> None:
        async with empty_night(folder) as night:
            await busy(night)

    asyncio.run(filled())
    return folder


@pytest.fixture
async def house(after_a_busy_night: Path, tmp_path: Path) -> AsyncIterator[Standing]:
    """At dawn after a busy night."""
    shutil.copytree(after_a_busy_night, tmp_path, dirs_exist_ok=True)
    async with standing(tmp_path) as page:
        page.later = DAWN - datetime.now(UTC)
        yield page


async def test_the_last_night_is_shown_to_whoever_gave_the_password_and_nobody_else(house: Standing) -> None:
    async with house.visitor() as anna:
        for path in ("/night", f"/run/{BUSY}"):
            assert "Log in" in (await anna.get(path)).text
        await anna.log_in()
        shown = await anna.get("/night")
    assert shown.status_code == 200
    assert "Night: Sun 01 Mar 18:00 to Mon 02 Mar 08:30" in text_of(shown.text)
    assert "price-watch failed 14 times" in text_of(shown.text)


async def test_a_link_to_a_request_opens_neither(house: Standing) -> None:
    (row, *_) = await house.ledger.open_asks()
    async with house.visitor() as anna:
        assert (await anna.get(house.link(row))).status_code == 200
        assert "Log in" in (await anna.get("/night")).text
        assert "/run/" not in (await anna.get(house.link(row))).text


async def test_they_are_sealed_as_every_page_is(anna: Visitor) -> None:
    pages = [await anna.get(path) for path in ("/", "/night", f"/run/{BUSY}", "/run/none", "/night?day=x")]
    seals = [
        {name: page.headers[name] for name in ("content-security-policy", "cache-control", "x-frame-options")}
        for page in pages
    ]
    assert all(one == seals[0] for one in seals)
    assert all("<script" not in page.text and " style=" not in page.text for page in pages)


async def test_they_only_show(house: Standing, anna: Visitor) -> None:
    before = await house.ledger.verify_chain()
    for path in ("/night", f"/run/{BUSY}"):
        await anna.get(path)
        assert (await anna.post(path, {"all": "approve"})).status_code == 405
    assert await house.ledger.verify_chain() == before


async def test_what_is_no_night_is_said_and_nothing_fails(anna: Visitor) -> None:
    for asked in ("day=2026-02-30", "day=2026-03-09", "since=99d", "since=yesterday", "day=%00"):
        shown = await anna.get(f"/night?{asked}")
        assert shown.status_code == 422
        assert "No such night" in shown.text


async def test_another_night_and_a_while_can_be_named(anna: Visitor) -> None:
    earlier = await anna.get("/night?day=2026-02-20")
    assert "Nothing ran." in text_of(earlier.text)
    assert 'href="/night?day=2026-02-21"' in earlier.text
    assert "price-watch failed 14 times" in text_of((await anna.get("/night?since=7d")).text)


async def test_the_runs_of_one_agent_can_be_listed_alone(anna: Visitor) -> None:
    shown = await anna.get("/night?agent=machine-report")
    assert shown.text.count('href="/run/') < (await anna.get("/night")).text.count('href="/run/')
    assert "machine-report" in text_of(shown.text)


async def test_a_halt_in_the_night_is_told(house: Standing, anna: Visitor) -> None:
    async with empty_night(house.home, DAWN - timedelta(hours=1)) as night:
        await night.ledger.halt(Target.of("owl"), by="anna", via="cli", because="storm")
    assert "Agent owl halted by anna (cli) at 07:30: storm; it still is" in text_of((await anna.get("/night")).text)


async def test_a_run_tells_its_story_and_leads_to_prefect_and_back(anna: Visitor) -> None:
    shown = await anna.get(f"/run/{BUSY}")
    assert "machine-report: verified" in shown.text
    assert "4 of 4 checks of the contract hold" in text_of(shown.text)
    assert "1 took effect" in text_of(shown.text)
    assert f'href="http://127.0.0.1:4200/runs/flow-run/{BUSY}"' in shown.text
    assert 'href="/night?day=2026-03-02"' in shown.text


async def test_a_run_is_found_by_the_short_form_of_its_id(anna: Visitor) -> None:
    assert (await anna.get(f"/run/{short(BUSY)}")).text == (await anna.get(f"/run/{BUSY}")).text
    several = await anna.get(f"/run/{BUSY[:8]}")
    assert several.status_code == 404
    assert "it could be 019ab3c0-0f39-7c55-9e52-2f3600000001, " in text_of(several.text)


async def test_a_run_that_is_not_there_is_no_fault(anna: Visitor) -> None:
    for path in ("none", BUSY[:8], BUSY[1:9], "..%2f..%2fetc", "%00", "x" * 3000, quote("<script>"), "a/b"):
        shown = await anna.get(f"/run/{path}")
        assert shown.status_code == 404
        assert "<script>" not in shown.text


async def test_a_page_that_is_not_there_is_no_fault(anna: Visitor) -> None:
    for page in ("0", "-1", "2", "x", "9" * 30, "１", "1.0", "", " 1"):
        assert (await anna.get(f"/run/{BUSY}?page={page}")).status_code == 404


async def test_a_story_of_many_steps_is_read_page_by_page(house: Standing, anna: Visitor) -> None:
    async with empty_night(house.home, DAWN) as night:
        night.runs = 99
        run = await night.begins("owl")
        for number in range(120):
            night.clock.at += timedelta(seconds=1)
            await night.ledger.record_step(run, f"main/model/{number}", kind="model", name=f"model-{number:03}")
    pages = [(await anna.get(f"/run/{run}?page={number}")).text for number in (1, 2, 3)]
    told = [[f"model-{number:03}" for number in range(120) if f"model-{number:03}" in page] for page in pages]
    assert [len(names) for names in told] == [50, 50, 20]
    assert len({name for names in told for name in names}) == 120


async def test_one_comes_there_from_the_digest_the_inbox_and_the_request(house: Standing, anna: Visitor) -> None:
    await asks(house.ledger)
    assert 'href="/night"' in (await anna.get("/")).text
    (row,) = await house.ledger.asks_of(RUN)
    request = await anna.get(f"/request?ask={quote(row.ask_id)}")
    assert f'href="/run/{RUN}"' in request.text
    assert f"/request?ask={quote(row.ask_id, safe='')}" in (await anna.get(f"/run/{RUN}")).text
