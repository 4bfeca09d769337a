"""The pages of the night in a real Chromium as wide as a phone: nothing cut, small or pale, whatever an agent has written."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from midwatch.ledger import Ledger
from tests.cli.page_house import PASSWORD, Standing, served
from tests.cli.test_page_in_a_browser import fits, focused, heard, phone, press, tab_to, until
from tests.flows.browser import MISSING, chromium
from tests.tasks.digest.night import DAWN, busy, empty_night
from tests.tasks.page.test_sheet import HOSTILE
from tests.tasks.slack.waiting import RUN

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


async def a_strange_run(ledger: Ledger) -> None:
    """Every hostile text as a model's words, as a call and as what came back; one effect of which nobody knows the end."""
    for number, text in enumerate(HOSTILE):
        parts = [{"part_kind": "text", "content": text}, {"part_kind": "tool-call", "tool_name": text, "args": text}]
        said = json.dumps({"response": {"parts": parts}})
        await ledger.record_step(RUN, f"main/model/{number}", kind="model", name=text, result_json=said, usd=None)
        args = json.dumps({"text": text, text: 1})
        call: dict[str, Any] = {"digest": "d", "tool": text, "args_json": args, "idempotency_key": f"k{number}"}
        held = await ledger.reserve(RUN, f"main/{number}", **call)
        if not number:
            await ledger.mark_unknown(held.effect_id, text, text)
            continue
        facts: dict[str, Any] = {
            "detail": args,
            "result_json": json.dumps(text),
            "effect_id": held.effect_id,
            "undo": text,
        }
        await ledger.record_step(RUN, f"main/tool/{number}", kind="tool", name=text, **facts)
    await ledger.finish_run(RUN, outcome="failed", reason=" ".join(HOSTILE))


def on_a_phone(driver: Chrome, page: Standing) -> None:
    driver.get(page.url)
    driver.find_element("id", "password").send_keys(PASSWORD, Keys.ENTER)
    until(driver, "for you · Midwatch")
    for width, dark in ((360, False), (360, True)):
        phone(driver, width=width, dark=dark)
        for path in ("/night", "/night?since=7d", f"/run/{RUN}", "/run/none"):
            driver.get(page.url + path)
            driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true;")
            fits(driver, width)
    assert driver.execute_script("return [...document.querySelectorAll('script, img, iframe')].length") == 0


def by_keyboard(driver: Chrome, page: Standing) -> None:
    """From the night to a run and on, as a screen reader is told it."""
    driver.get(f"{page.url}/night")
    told = heard(driver)
    assert ("heading", "Runs") in told
    assert any(role == "image" and name.startswith("Runs from ") for role, name in told)
    assert not [role for role, name in told if role in ("link", "button", "DisclosureTriangle") and not name]
    way = tab_to(driver, "Run 0000001b")
    assert "Decide it" in way
    press(driver, Keys.ENTER)
    until(driver, "machine-report: waits for a person · Midwatch")
    tab_to(driver, "The night it ran in")
    press(driver, Keys.ENTER)
    until(driver, "Night: Sun 01 Mar 18:00")
    assert focused(driver)


async def test_the_night_and_a_run_on_a_phone(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
    async with served(tmp_path) as page:
        await a_strange_run(page.ledger)
        page.later = DAWN - datetime.now(UTC)

        def looked() -> None:
            with chromium(tmp_path / "profile") as driver:
                on_a_phone(driver, page)
                by_keyboard(driver, page)

        await asyncio.to_thread(looked)
