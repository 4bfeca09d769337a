"""The notifier: small until there is somebody, then the whole way, in a real house: blocks, ledger, webhook and mail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from blocks import Mail, Person
from cli import notifier
from cli.home import House
from cli.notifier import faults_of, is_there_anybody, note_faults
from midwatch.ledger import Ask, Ledger
from tasks.notices import sending
from tests.conftest import PROJECT, PrefectHouse
from tests.tasks.notices.loopback import MailServer, Webhook, listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports every service that it knows, one of them a library that does."""


@pytest.fixture
async def channels(in_house: PrefectHouse) -> AsyncIterator[tuple[Webhook, MailServer]]:
    """Two saved channels and a saved person who uses them; all gone afterwards."""
    hook, mail = Webhook(), MailServer()
    async with listening(hook), listening(mail):
        pager = CustomWebhookNotificationBlock(
            name="pager", url=hook.url, json_data={"title": "{{subject}}", "text": "{{body}}"}
        )
        await pager.save("pager", overwrite=True)
        post = Mail(
            server="127.0.0.1",
            port=mail.port,
            security="insecure",
            sender="watch@example.org",
            recipients=["anna@example.org"],
        )
        await post.save("anna", overwrite=True)
        person = Person(
            quiet_from="",
            quiet_until="",
            channels=["custom-webhook/missing", "custom-webhook/pager", "midwatch-mail/anna"],
        )
        assert not is_there_anybody(in_house.env)
        await person.save("anna", overwrite=True)
        yield hook, mail
        for kind, name in (
            (Person, "anna"),
            (Mail, "anna"),
            (CustomWebhookNotificationBlock, "pager"),
        ):
            await kind.adelete(name)


async def _asked(ledger: Ledger, run: str) -> None:
    now = datetime.now(UTC)
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(run, agent="night", cause="schedule", started_at=now, **facts)
    await ledger.open_ask(
        Ask(
            ask_id=f"{run}:1",
            run_id=run,
            call_id="main/1",
            tool="pay",
            args_json="{}",
            digest="d",
            kind="approve",
            rule="ask.pay",
            reason="",
            words="",
            created_at=now,
            deadline=now + timedelta(hours=1),
        )
    )


async def test_a_person_who_is_saved_is_told_by_the_first_channel_that_takes_it(
    in_house: PrefectHouse,
    channels: tuple[Webhook, MailServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seconds in ("CHANNEL_SECONDS", "ALL_SECONDS"):  # a busy machine imports a channel's library for as long as that
        monkeypatch.setattr(sending, seconds, 300.0)
    hook, mail = channels
    assert is_there_anybody(in_house.env)
    (told,) = await notifier.everybody()
    assert (told.person.name, told.person.quiet, len(told.channels)) == ("anna", None, 3)
    house = House(project=PROJECT, home=tmp_path, port=in_house.house.port)
    stop = asyncio.Event()
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        await ledger.migrate()
        keeping = asyncio.create_task(notifier.keep(house, stop))
        await _asked(ledger, "r1")
        await asyncio.wait_for(hook.arrived.wait(), 120)
        hook.status = 500
        await ledger.decide_ask("r1:1", "denied", by="anna", via="cli", digest_seen="d")
        await _asked(ledger, "r2")
        await asyncio.wait_for(mail.arrived.wait(), 120)
        stop.set()
        await keeping
    assert hook.bodies[0]["title"].startswith("night needs a decision: 1 request waits (urgent, until ")
    assert f"{house.url}/runs/flow-run/r1" in hook.bodies[0]["text"]
    assert mail.mails[0]["Subject"].startswith("night needs a decision")


async def test_where_prefect_cannot_say_who_there_is_nothing_is_touched(tmp_path: Path) -> None:
    async def away() -> list[Any]:
        stop.set()
        raise OSError("Prefect is away")

    stop = asyncio.Event()
    await notifier.keep(House(project=PROJECT, home=tmp_path, port=1), stop, away)
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert await ledger.people() == []


def test_a_house_without_persons_pays_for_a_small_process_alone(free_port: int) -> None:
    asks_in_vain = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port}/api", "PATH": ""}
    with subprocess.Popen([sys.executable, "-m", "cli.notifier"], cwd=PROJECT, env=asks_in_vain) as process:
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            assert process.poll() is None
            assert psutil.Process(process.pid).memory_info().rss < 40 << 20
        finally:
            process.kill()


def test_what_could_not_be_told_stands_in_the_status_until_it_is(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == ()
    note_faults(tmp_path, ["anna could not be told: hook: HTTP 500"])
    assert faults_of(tmp_path) == ("anna could not be told: hook: HTTP 500",)
    note_faults(tmp_path, [])
    assert (faults_of(tmp_path), json.dumps(list(tmp_path.iterdir()))) == ((), "[]")
