"""The ladder in a real Chromium as wide as a phone: nothing cut, small or pale, whatever a rule, an agent or a person said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from midwatch.ledger import Ledger
from midwatch.ledger.classes import move_class
from midwatch.ledger.transaction import Write
from tests.cli.ladder_house import LATER, climb_and_fall
from tests.cli.page_house import PASSWORD, Standing, served
from tests.cli.test_page_in_a_browser import fits, focused, heard, phone, press, tab_to, until
from tests.flows.browser import MISSING, chromium
from tests.midwatch.ledger.climbs import AGENT, MARK, past
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.tasks.page.test_sheet import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

STRANGE = [*HOSTILE, "w" * 400, "`<b>"]
FOREIGN = "return document.querySelectorAll('script, img, iframe, main style, main b').length"
"""Elements that the page has none of: somebody's words would have made them."""
SMALLEST = """
return Math.min(...[...document.querySelectorAll('svg text')].map(each => {
  const drawing = each.closest('svg'), scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
  return scale * parseFloat(getComputedStyle(each).fontSize); }));
"""
"""The smallest words of all drawings, in pixels."""
OUTSIDE = """
return [...document.querySelectorAll('svg text')].filter(each => {
  const words = each.getBoundingClientRect(), drawing = each.closest('svg').getBoundingClientRect();
  return words.left < drawing.left - 1 || words.right > drawing.right + 1; }).map(each => each.textContent);
"""


async def said_everywhere(home: Path) -> None:
    """Every hostile text as a rule, as an agent's name, a person's and a reason: of classes, levels, incidents, proposals."""
    clock = FakeClock()
    clock.now = LATER - timedelta(hours=1)
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}", clock=clock) as ledger:
        for number, text in enumerate(STRANGE):
            told: dict[str, Any] = {"rule": text, "days": 2, "since": START - timedelta(days=9)}
            await past(ledger, 4, name=f"s{number}", **told)
            await past(ledger, 2, verdict="denied", name=f"n{number}", **told)
            await ledger.write(partial(opened, rule=text), durable=True)
            await ledger.grant_level(text, 2, by=text, because=text)
            await ledger.report_incident(f"s{number}-0", severity="minor", by="anna", via="cli", because=text)
            await ledger.propose(AGENT, text, 4, "{}")


def opened(tx: Write, rule: str) -> None:
    """A class that goes unasked, whatever its name."""
    said: dict[str, Any] = {"basis": "override", "by": "anna", "because": rule, "until": LATER + timedelta(days=1)}
    move_class(tx, AGENT, rule, "allow", fingerprint=MARK.whole, **said)


def on_a_phone(driver: Chrome, page: Standing) -> None:
    for width, dark in ((390, False), (390, True), (320, False)):
        phone(driver, width=width, dark=dark)
        for path in ("/ladder", f"/ladder?agent={AGENT}", "/ladder?agent=nobody"):
            driver.get(page.url + path)
            driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true;")
            fits(driver, width)
            assert driver.execute_script(OUTSIDE) == []
            assert driver.execute_script(FOREIGN) == 0
    phone(driver)
    driver.get(f"{page.url}/ladder")
    assert driver.execute_script(SMALLEST) >= 12


def by_keyboard(driver: Chrome, page: Standing) -> None:
    """From any page to the ladder, down to a class and on, as a screen reader is told it."""
    driver.get(page.url)
    tab_to(driver, "Ladder")
    press(driver, Keys.ENTER)
    until(driver, "Ladder · Midwatch")
    told = heard(driver)
    for node in (("heading", "owl stands at level 4"), ("heading", "ask.push (write)"), ("heading", "Trust ledger")):
        assert node in told
    assert ("image", "Evidence of ask.push") in told
    assert not [role for role, name in told if role in ("link", "button", "DisclosureTriangle") and not name]
    tab_to(driver, "ask.push asks, 100% of the way")
    press(driver, Keys.ENTER)
    tab_to(driver, "What speaks against it")
    assert "ask.push (write)" in driver.execute_script("return document.activeElement.closest('.class').innerText")
    press(driver, Keys.ENTER)
    assert driver.execute_script("return document.activeElement.closest('details').open")
    tab_to(driver, "The last night")
    press(driver, Keys.ENTER)
    until(driver, "Night: ")
    assert focused(driver)


async def looked_at(tmp_path: Path, look: Callable[[Chrome, Standing], None]) -> None:
    async with served(tmp_path) as page:
        page.later = LATER - datetime.now(UTC)

        def looked() -> None:
            with chromium(tmp_path / "profile") as driver:
                phone(driver)
                driver.get(page.url)
                driver.find_element("id", "password").send_keys(PASSWORD, Keys.ENTER)
                until(driver, "for you · Midwatch")
                look(driver, page)

        await asyncio.to_thread(looked)


async def test_by_keyboard_alone_and_as_a_screen_reader_is_told_it(tmp_path: Path) -> None:
    await climb_and_fall(tmp_path)
    await looked_at(tmp_path, by_keyboard)


async def test_nothing_is_cut_too_small_or_too_pale_whatever_anybody_said(tmp_path: Path) -> None:
    await climb_and_fall(tmp_path)
    await said_everywhere(tmp_path)
    await looked_at(tmp_path, on_a_phone)
