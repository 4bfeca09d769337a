"""Make the pictures of docs/night.md and docs/digest.md's page: `python -m docs.pictures.night`. Needs Chromium, no house.

Ledger, pages, terminal view and browser are the real ones; the night is made up, and lies in the past.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from cli.top import Watcher
from cli.top_frame import frame
from docs.pictures.page import HERE, phone, shoot
from midwatch.decision import Decision
from midwatch.digest import digest_of
from midwatch.halt import Target
from midwatch.ledger import Decided
from midwatch.spec import Limits
from tasks.digest.facts import gather
from tasks.digest.links import Links
from tasks.digest.page import digest_page
from tasks.harness.place import Place
from tests.cli.page_house import PASSWORD, Standing, served
from tests.cli.test_page_in_a_browser import until
from tests.flows.browser import MISSING, chromium
from tests.tasks.digest.night import DAWN, Night, busy, empty_night

BERLIN: Final = ZoneInfo("Europe/Berlin")
RUN: Final = "7c1d0a52-0f39-4c55-9e52-2f36f1f9a001"
TALL: Final = 1600
"""Pixels of a page that are shown at most."""
TERMINAL: Final = (
    '<!doctype html><meta charset="utf-8"><style>body{{margin:0;background:{background};color:{foreground}}}'
    "pre{{display:inline-block;margin:0;padding:12px 16px;font:15px/1.3 'DejaVu Sans Mono',monospace}}{stylesheet}</style>"
    "<pre>{code}</pre>"
)


async def main() -> None:
    if MISSING:
        raise SystemExit(f"no pictures: {MISSING}")
    with tempfile.TemporaryDirectory(prefix="midwatch-") as folder:
        home = Path(folder)
        async with empty_night(home) as night:
            await busy(night, words="")
            await at_work(night)
            (home / "top.html").write_text(await terminal(night))
        async with served(home, digest=lambda: digest(page)) as page:
            page.later = DAWN - datetime.now(UTC)
            await asyncio.to_thread(take, home, page)


async def at_work(night: Night) -> None:
    """A run that is going on, and a halt."""
    night.clock.at = DAWN - timedelta(minutes=4)
    facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {"folder": "inbox"}}
    started: dict[str, Any] = {"cause": "event", "started_at": night.clock.at, "fingerprint": "f", "limits": Limits()}
    await night.ledger.start_run(RUN, agent="inbox-triage", **facts, **started)
    for number, (words, mail, folder) in enumerate(
        (("Two letters are new. The first is an invoice.", "4711.eml", "invoices"), ("An offer.", "4712.eml", "offers"))
    ):
        await turn(night, number, words, mail, folder)
    await night.ledger.reserve(
        RUN, "main/c9", digest="d", tool="move_message", args_json='{"message":"4713.eml"}', idempotency_key="k9"
    )
    await night.ledger.halt(Target.of("price-watch"), by="anna", via="page", because="the shop is down")


async def turn(night: Night, number: int, words: str, mail: str, folder: str) -> None:
    """The model says something, wants a call, and it takes effect."""
    args = json.dumps({"message": mail, "to": folder})
    parts = [
        {"part_kind": "text", "content": words},
        {"part_kind": "tool-call", "tool_name": "move_message", "args": args},
    ]
    night.clock.at += timedelta(seconds=40)
    asked: dict[str, Any] = {"tokens_in": 8_400, "seconds": 38.0}
    said = json.dumps({"response": {"parts": parts}})
    await night.ledger.record_step(
        RUN, f"main/model/{number}", kind="model", name="qwen2.5-coder-1.5b", result_json=said, **asked
    )
    night.clock.at += timedelta(seconds=1)
    allowed = Decision(verdict="allow", rule="allow[0]", reason="`move_message` within the mailbox is allowed")
    decided = Decided(
        position=f"main/gate/c{number}", tool="move_message", args_json=args, digest="d", decision=allowed
    )
    call: dict[str, Any] = {"digest": "d", "tool": "move_message", "args_json": args, "idempotency_key": f"k{number}"}
    held = await night.ledger.reserve(RUN, f"main/c{number}", decided=decided, **call)
    done: dict[str, Any] = {
        "detail": args,
        "seconds": 0.2,
        "result_json": '"moved"',
        "undo": f"move {mail} back to inbox",
    }
    await night.ledger.record_step(
        RUN, f"main/tool/c{number}", kind="tool", name="move_message", effect_id=held.effect_id, **done
    )


async def terminal(night: Night) -> str:
    """What `midwatch top` shows on 80 columns, as a page."""
    top = await Watcher(ledger=night.ledger, agents=HERE.parent.parent / "agents", now=lambda: DAWN).look()
    console = Console(width=80, record=True, force_terminal=True, color_system="truecolor", file=StringIO())
    console.print(Group(*frame(top, BERLIN, width=80, height=30)))
    return console.export_html(code_format=TERMINAL)


async def digest(page: Standing) -> str:
    place = Place(project=page.home, home=page.home)
    facts = await gather(page.ledger, place, DAWN - timedelta(hours=24), DAWN, BERLIN)
    return digest_page(digest_of(facts), Links(page="", stories=True))


def take(home: Path, page: Standing) -> None:
    with chromium(home / "profile") as driver:
        driver.get((home / "top.html").as_uri())
        box = driver.find_element("tag name", "pre").rect
        (HERE / "top.png").write_bytes(shoot(driver, width=box["width"], height=box["height"]))
        phone(driver)
        driver.get(page.url)
        driver.find_element("id", "password").send_keys(PASSWORD, Keys.ENTER)
        until(driver, "for you · Midwatch")
        for name, path in (("night", "/night"), ("run", f"/run/{RUN}"), ("digest-page", "/digest")):
            driver.get(page.url + path)
            (HERE / f"{name}.png").write_bytes(shoot(driver, width=390, height=min(whole(driver), TALL)))


def whole(driver: Chrome) -> float:
    return float(driver.execute_script("return document.documentElement.scrollHeight"))


if __name__ == "__main__":
    asyncio.run(main())
