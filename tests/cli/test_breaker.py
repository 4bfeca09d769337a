"""`midwatch breaker` and `midwatch metrics`, and who may scrape the page."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from cli.home import House
from cli.main import app
from cli.metrics import TOKEN
from cli.page_metrics import metrics_route
from midwatch.breaker import Row
from midwatch.ledger import Ask, Ledger
from tasks.monitoring.metrics import metrics_text

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path))
    return tmp_path


async def failed(home: Path, *, opened: bool) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=lambda: NOW) as ledger:
        await ledger.migrate()
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run("r1", agent="owl", cause="schedule", started_at=NOW, **facts)
        await ledger.record_step("r1", "main/prompt", kind="harness", name="first message")
        await ledger.finish_run("r1", outcome="failed", reason="no")
        if opened:
            why = Row(cause="failed: no", failures=3)
            await ledger.open_breaker("owl", why, last_run="r1", probe_at=NOW + timedelta(hours=1))


def verb(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def test_its_times_are_in_utc_wherever_the_machine_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(failed(home, opened=True))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        elsewhere.setenv("COLUMNS", "200")
        time.tzset()
        _, text = verb("breaker")
    time.tzset()
    assert "since (UTC)" in text
    assert "2026-03-01 04:00" in text


def test_the_verb_shows_what_is_open_and_closes_it_with_a_reason(home: Path) -> None:
    asyncio.run(failed(home, opened=True))
    code, text = verb("breaker")
    assert (code, "owl" in text, "failed: no" in text) == (4, True, True)
    (facts,) = json.loads(verb("breaker", "owl", "--json")[1])
    assert (facts["state"], facts["failures"], facts["probe_at"]) == ("open", 3, "2026-03-01T04:00:00+00:00")
    assert verb("breaker", "owl", "--close")[0] == 2
    assert verb("breaker", "--close", "--because", "mended")[0] == 2
    assert verb("breaker", "owl", "--close", "--because", "mended")[0] == 0
    assert verb("breaker", "owl")[0] == 0
    assert verb("breaker", "owl", "--close", "--because", "mended")[0] == 1


def test_where_nothing_ever_opened_the_verb_says_so(home: Path) -> None:
    asyncio.run(failed(home, opened=False))
    assert verb("breaker") == (0, "No breaker has ever opened.\n")


async def test_the_metrics_are_what_the_ledger_has(tmp_path: Path) -> None:
    await failed(tmp_path, opened=True)
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}", clock=lambda: NOW) as ledger:
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run('r"2', agent='a "b"\n', cause="schedule", started_at=NOW, **facts)
        await ledger.record_step("r1", "main/model/1", kind="model", name="m", tokens_in=7, tokens_out=5)
        texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
        call: dict[str, Any] = {"call_id": "main/1", "tool": "pay", "digest": "d", "args_json": "{}", "kind": "approve"}
        await ledger.open_ask(Ask(ask_id="a", run_id='r"2', created_at=NOW, deadline=None, **call, **texts))
        await ledger.raise_alarm("k", agent="owl", severity="urgent", what="silent")
        text = await metrics_text(ledger, 2.5, NOW + timedelta(minutes=1))
    lines = text.splitlines()
    assert 'midwatch_runs_total{agent="owl"} 1.0' in lines
    assert 'midwatch_tokens_total{agent="owl"} 12.0' in lines
    assert 'midwatch_runs_ended_last_day{agent="owl",outcome="failed"} 1.0' in lines
    assert 'midwatch_runs_under_way{agent="a \\"b\\"\\n"} 1.0' in lines
    assert 'midwatch_oldest_ask_age_seconds{agent="a \\"b\\"\\n",kind="approve"} 60.0' in lines
    assert 'midwatch_breaker{agent="owl",state="open"} 1.0' in lines
    assert 'midwatch_breaker{agent="owl",state="closed"} 0.0' in lines
    assert 'midwatch_alarms{agent="owl"} 1.0' in lines
    assert "midwatch_heartbeat_age_seconds 2.5" in lines


def test_the_verb_prints_the_same_and_how_to_scrape_it(home: Path) -> None:
    asyncio.run(failed(home, opened=True))
    assert 'midwatch_runs_total{agent="owl"} 1.0' in verb("metrics")[1]
    code, text = verb("metrics", "--scrape")
    assert (code, f"credentials_file: {home / TOKEN}" in text) == (0, True)
    assert (home / TOKEN).stat().st_mode & 0o077 == 0
    assert (home / TOKEN).read_text().strip() not in text


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic the-token"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer the-token"}, 200),
    ],
)
def test_only_who_knows_the_token_may_scrape(header: dict[str, str], status: int) -> None:
    async def text() -> str:
        return "midwatch_runs_total 1.0\n"

    client = TestClient(Starlette(routes=[metrics_route(text, "the-token")]))
    answer = client.get("/metrics", headers=header)
    assert (answer.status_code, "midwatch" in answer.text) == (status, status == 200)


def test_a_page_without_a_token_shows_nobody_anything(house: House) -> None:
    async def text() -> str:
        return "midwatch"

    client = TestClient(Starlette(routes=[metrics_route(text, "")]))
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
