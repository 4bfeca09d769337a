"""The lookout, over a house of small children: what it sees, whom it tells, and what it costs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import record
from cli.beat import FILES, LONGEST_SECONDS, Part, beat, failing
from cli.home import House, furnish
from cli.lookout_checks import DOWN_MINUTES, KNOWN, Look, Seen, look, newest_green
from cli.lookout_ledger import newest
from cli.lookout_told import CALM, GRACE, PASSWORD, URL, remember, sender, tell, ways
from cli.record import Record
from midwatch.ledger import Ledger
from tests.conftest import PROJECT
from tests.tasks.notices.loopback import MailServer, listening

NOW = time.time()
PARTS = ("keeper", "notifier", "worker", "page", "lookout", "receiver", "slack")
"""What is looked at besides the server."""
ENVIRON: dict[str, str] = {}


class Hook(BaseHTTPRequestHandler):
    """Answers 200 to everything, and keeps it."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.heard.append((self.path, body))  # type: ignore[attr-defined]  # ours
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(port: int) -> Iterator[list[tuple[str, str]]]:
    """A server that is well, on the house's own port."""
    with HTTPServer(("127.0.0.1", port), Hook) as server:
        server.heard = []  # type: ignore[attr-defined]  # ours
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.heard  # type: ignore[attr-defined]  # ours
        server.shutdown()
        thread.join()


@pytest.fixture
def whole(house: House) -> Iterator[House]:
    """Up, with this process in every part's place."""
    furnish(house)
    me = record.this_process()
    write_record(house, dict.fromkeys(PARTS, me))
    with closing(sqlite3.connect(house.home / "ledger.db")) as ledger:
        ledger.executescript(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, hash TEXT);"
            "CREATE TABLE runs (agent TEXT, outcome TEXT, finished_at TEXT);"
        )
    for part in FILES:
        beat(house.home, part, ())
    with served(house.port or 0):
        yield house


def write_record(house: House, children: dict[str, record.Living]) -> None:
    me, keeps = record.this_process(), ("server", "warm", *PARTS)
    record.write(house.record, Record(supervisor=me, phase="up", port=house.port or 0, keeps=keeps, children=children))


def faults(house: House, now: float | None = None) -> dict[str, str]:
    return {one.name: one.detail for one in look(house, ENVIRON, now or time.time()).faults}


def test_a_house_where_all_is_well_has_no_fault(whole: House) -> None:
    seen = look(whole, ENVIRON, time.time())
    assert (seen.faults, seen.down) == ((), False)
    assert {one.name for one in seen.seen} == {"server", *(f"heartbeat of {part}" for part in FILES), *PARTS, "ledger"}


def test_a_house_that_was_never_up_is_no_fault_and_one_that_stays_down_is(house: House) -> None:
    assert look(house, ENVIRON, NOW).down
    assert faults(house) == {}
    beat(house.home, "keeper", ())
    assert faults(house, time.time() + 60 * DOWN_MINUTES - 5) == {}
    assert "house" in faults(house, time.time() + 60 * DOWN_MINUTES + 5)


def test_a_supervisor_that_was_killed_is_one_fault(whole: House) -> None:
    with subprocess.Popen(["true"]) as process:
        dead = record.living(process.pid) or record.this_process()
        process.wait()
    gone = record.Living(pid=dead.pid, created=1.0)
    record.write(whole.record, Record(supervisor=gone, phase="up", port=whole.port or 0))
    assert [*faults(whole)] == ["house"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_gone_or_stopped_is_a_fault(whole: House, name: str) -> None:
    me = record.this_process()
    write_record(whole, {part: me for part in PARTS if part != name})
    assert [*faults(whole)] == [name]
    with subprocess.Popen(["sleep", "60"]) as process:
        living = record.living(process.pid)
        assert living is not None
        write_record(whole, {**dict.fromkeys(PARTS, me), name: living})
        assert faults(whole) == {}
        process.send_signal(19)
        os.waitpid(process.pid, os.WUNTRACED)
        assert "is stopped" in faults(whole)[name]
        process.kill()


def test_a_house_is_not_expected_to_hold_what_it_does_not_keep(whole: House) -> None:
    me = record.this_process()
    children = {"keeper": me}
    record.write(
        whole.record, Record(supervisor=me, phase="up", port=whole.port or 0, keeps=("keeper",), children=children)
    )
    (whole.home / FILES["receiver"]).unlink()
    assert {one.name for one in look(whole, ENVIRON).seen} == {"server", "heartbeat of keeper", "keeper", "ledger"}


@pytest.mark.parametrize("part", FILES)
def test_a_part_that_hangs_or_fails_although_it_lives_is_a_fault(whole: House, part: Part) -> None:
    name = f"heartbeat of {part}"
    assert name in faults(whole, time.time() + LONGEST_SECONDS + 2)
    beat(whole.home, part, ["dispatch"])
    assert failing(whole.home, part) == ["dispatch"]
    assert "named what fails: dispatch" in faults(whole)[name]
    for broken in ("garbage", "[]", "{}"):
        (whole.home / FILES[part]).write_text(broken)
        assert [*faults(whole)] == [name]
    (whole.home / FILES[part]).unlink()
    assert [*faults(whole)] == [name]


def test_a_heartbeat_from_the_future_is_a_fault(whole: House) -> None:
    early = (whole.home / FILES["keeper"]).stat().st_mtime - 100
    assert "lies 100 s ahead" in faults(whole, early)["heartbeat of keeper"]


@pytest.mark.parametrize("torn", ["", '{"expectations": {"owl"', "[]", '{"expectations": {"owl": {}}}'])
def test_what_is_expected_and_cannot_be_read_is_a_fault(whole: House, torn: str) -> None:
    (whole.home / KNOWN).write_text(torn)
    assert [*faults(whole)] == ["expectations"]


def test_a_server_that_does_not_answer_is_a_fault(whole: House, free_port: int) -> None:
    away = House(project=whole.project, home=whole.home, port=1)
    assert [*faults(away)] == ["server"]


@pytest.mark.parametrize("broken", ["missing", "garbage", "a folder"])
def test_a_ledger_that_cannot_be_read_is_a_fault(whole: House, broken: str) -> None:
    path = whole.home / "ledger.db"
    path.unlink()
    if broken == "garbage":
        path.write_bytes(os.urandom(8192))
    if broken == "a folder":
        path.mkdir()
    assert [*faults(whole)] == ["ledger"]


async def test_an_agent_that_is_silent_for_longer_than_its_file_expects_is_a_fault(whole: House) -> None:
    (whole.home / "ledger.db").unlink()
    clock = [datetime.now(UTC) - timedelta(hours=3)]
    async with Ledger.open(f"sqlite+aiosqlite:///{whole.home / 'ledger.db'}", clock=lambda: clock[0]) as ledger:
        await ledger.migrate()
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run("r1", agent="owl", cause="schedule", started_at=clock[0], **facts)
        await ledger.finish_run("r1", outcome="verified", reason="")
        in_another_process = await newest(ledger, ["owl", "rat"])
    assert in_another_process == newest_green(whole, ENVIRON, ["owl", "rat"]) == {"owl": clock[0].timestamp()}
    since = time.time() - 3600 * 9
    expected = {"owl": {"hours": 4, "since": since}, "rat": {"hours": 10, "since": since}}
    remember(whole.home, expectations=expected)
    assert faults(whole) == {}
    assert [*faults(whole, time.time() + 5400)] == [
        *(f"heartbeat of {part}" for part in FILES),
        *("silence of owl", "silence of rat"),
    ]


def bad(*names: str) -> Look:
    return Look(
        seen=tuple(Seen(name=name, ok=False, detail="broken") for name in names)
        or (Seen(name="a", ok=True, detail=""),)
    )


def test_each_fault_is_told_once_after_a_grace_and_that_all_is_well_once(tmp_path: Path) -> None:
    sent: list[str] = []

    def send(subject: str, _text: str) -> list[str]:
        sent.append(subject.partition(": ")[2])
        return ["hook"]

    moments = [(0, bad("a")), (GRACE, bad("a")), (GRACE + 9, bad("a")), (40, bad("a", "b")), (70, bad("a", "b"))]
    for at, seen in [*moments, (80, bad("b")), (90, bad()), (89 + CALM, bad())]:
        tell(tmp_path, seen, send, at)
    assert sent == ["a not as it should be", "b not as it should be"]
    for at in (90 + CALM, 99 + CALM):
        tell(tmp_path, bad(), send, at)
    assert sent[2:] == ["all is well again"]


@pytest.mark.parametrize(("bad_for", "of"), [(40, 60), (20, 30), (10, 120)])
def test_a_fault_that_comes_and_goes_is_one_incident(tmp_path: Path, bad_for: int, of: int) -> None:
    sent: list[str] = []

    def send(subject: str, _text: str) -> list[str]:
        sent.append(subject.partition(": ")[2])
        return ["hook"]

    for at in range(0, 3600, 10):
        tell(tmp_path, bad("a") if at % of < bad_for else bad(), send, at)
    assert sent == ["a not as it should be"]


def test_that_all_is_well_is_told_though_another_fault_came_before_it(tmp_path: Path) -> None:
    sent: list[str] = []

    def send(subject: str, _text: str) -> list[str]:
        sent.append(subject.partition(": ")[2])
        return ["hook"]

    for at, seen in [(0, bad("a")), (GRACE, bad("a")), (30, bad()), (CALM, bad("b")), (CALM + 10, bad())]:
        tell(tmp_path, seen, send, at)
    tell(tmp_path, bad(), send, 30 + CALM)
    assert sent == ["a not as it should be"]
    tell(tmp_path, bad(), send, 10 + 2 * CALM)
    assert sent[1:] == ["all is well again"]


def test_a_blink_is_told_to_nobody_and_what_nobody_took_is_tried_again(tmp_path: Path) -> None:
    taken: list[list[str]] = [[], ["hook"]]
    tried: list[str] = []

    def send(subject: str, _text: str) -> list[str]:
        tried.append(subject)
        return taken.pop(0)

    assert tell(tmp_path, bad("a"), send, 0) == ""
    assert tell(tmp_path, bad(), send, 5) == ""
    assert tell(tmp_path, bad("a"), send, 10) == ""
    assert tell(tmp_path, bad("a"), send, 10 + GRACE).startswith("nobody could be told")
    assert tell(tmp_path, bad("a"), send, 20 + GRACE).startswith("told by hook")
    assert tell(tmp_path, bad("a"), send, 30 + GRACE) == ""
    assert len(tried) == 2


def test_the_webhook_is_told_without_prefect_and_an_address_of_another_kind_is_not(
    tmp_path: Path, free_port: int
) -> None:
    faults: list[str] = []
    with served(free_port) as heard:
        assert sender(tmp_path, {URL: f"http://127.0.0.1:{free_port}/x"}, faults.append)("subject", "text") == [
            "webhook"
        ]
    assert heard == [("/x", json.dumps({"text": "subject\ntext"}))]
    assert sender(tmp_path, {URL: "file:///etc/passwd"}, faults.append)("s", "t") == []
    assert faults == ["webhook did not take it: ValueError"]
    assert ways(tmp_path, {}) == {}


async def test_a_mail_is_sent_with_what_midwatch_up_left_which_holds_no_password(tmp_path: Path) -> None:
    mail = MailServer()
    async with listening(mail):
        facts = {"server": "127.0.0.1", "port": mail.port, "security": "insecure", "user": "", "sender": "a@b.example"}
        remember(tmp_path, mail={**facts, "recipients": ["anna@b.example"]})
        assert (tmp_path / KNOWN).stat().st_mode & 0o077 == 0
        import asyncio

        send = sender(tmp_path, {PASSWORD: "not sent in clear"}, pytest.fail)
        assert await asyncio.to_thread(send, "the subject", "the text") == ["mail"]
    assert mail.mails[0]["Subject"] == "the subject"


def test_it_knows_neither_prefect_nor_the_ledgers_library_and_is_small() -> None:
    script = (
        "import sys, cli.lookout_watch, psutil; "
        "print([name for name in ('prefect', 'sqlalchemy', 'pydantic', 'httpx') if name in sys.modules], "
        "psutil.Process().memory_info().rss >> 20)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    names, _, size = done.stdout.strip().rpartition(" ")
    assert names == "[]"
    assert int(size) < 40
