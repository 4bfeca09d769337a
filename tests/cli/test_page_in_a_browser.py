"""The approval page in a real Chromium as wide as a phone: by keyboard alone, as a screen reader is told, dark and light."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from midwatch.ledger import AskRow
from tests.cli.page_house import PASSWORD, Standing, context, served
from tests.flows.browser import MISSING, PATIENCE, chromium
from tests.tasks.slack.waiting import asks

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

DIFF = "@@ -1,2 +1,2 @@\n [server]\n-workers = 2\n+workers = 64"
SMALL = """
return [...document.querySelectorAll('main a, button, summary, select, textarea, input, nav a')].filter(each =>
  each.checkVisibility() && each.type != 'hidden' && each.className != 'guard').map(
  each => each.closest('label') || each).filter(each =>
  each.getBoundingClientRect().height < 44).map(each => each.outerHTML.slice(0, 80));
"""
PALE = """
const parts = color => color.match(/[\\d.]+/g).map(Number);
const light = color => { const [r, g, b] = parts(color).map(one => { one /= 255;
  return one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const paper = one => getComputedStyle(one).backgroundColor;
const behind = one => (parts(paper(one))[3] ?? 1) > 0 || !one.parentElement ? paper(one) : behind(one.parentElement);
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), pale = [];
while (texts.nextNode()) { const one = texts.currentNode.parentElement;
  if (!texts.currentNode.textContent.trim() || !one.checkVisibility()) continue;
  const [a, b] = [getComputedStyle(one).color, behind(one)].map(light);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) pale.push(`${ratio.toFixed(2)}: ${texts.currentNode.textContent.trim().slice(0, 40)}`); }
return pale;
"""


def phone(driver: Chrome, *, width: int = 390, dark: bool = False) -> None:
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def press(driver: Chrome, *keys: str) -> None:
    ActionChains(driver).send_keys(*keys).perform()


def focused(driver: Chrome) -> str:
    """What has the focus, in words."""
    said = "const one = document.activeElement; return one.labels?.[0]?.innerText || one.ariaLabel || one.innerText;"
    return str(driver.execute_script(said)).strip()


def until(driver: Chrome, said: str) -> None:
    """The page is there whose title or text says so."""

    def there(_: object) -> bool:
        try:
            return said in f"{driver.title}\n{driver.find_element('tag name', 'body').text}"
        except WebDriverException:
            return False

    WebDriverWait(driver, PATIENCE).until(there, f"never saw {said!r}")


def back(driver: Chrome, times: int) -> None:
    ActionChains(driver).key_down(Keys.SHIFT).send_keys(*[Keys.TAB] * times).key_up(Keys.SHIFT).perform()


def tab_to(driver: Chrome, wanted: str) -> list[str]:
    """Press Tab until `wanted` has the focus; what had it on the way."""
    way: list[str] = []
    while not way or way[-1] != wanted:
        press(driver, Keys.TAB)
        way.append(focused(driver))
        assert len(way) < 40, way
    return way


def heard(driver: Chrome) -> list[tuple[str, str]]:
    """What a screen reader is told: role and name of each node that it does not leave out."""
    driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]


async def waiting(page: Standing) -> tuple[AskRow, AskRow, AskRow]:
    preview = {"label": "What it would change", "text": DIFF, "form": "diff", "instead_of": ["content"]}
    one = await asks(page.ledger, context_json=context(purpose="Keeps services up.", preview=preview), words="Please.")
    two = await asks(page.ledger, "main:2", tool="shell", arguments={"command": f"echo {'x' * 3000}\n" * 30 + "end"})
    three = await asks(page.ledger, "main:3", kind="answer", arguments={"question": "Which?", "options": ["app", "db"]})
    return one, two, three


async def with_chromium(tmp_path: Path, look: Callable[[Chrome, Standing, Any], None]) -> list[AskRow]:
    """The questions as they stand after somebody has looked at the page."""
    async with served(tmp_path) as page:
        rows = await waiting(page)

        def looked() -> None:
            with chromium(tmp_path / "profile") as driver:
                phone(driver)
                look(driver, page, rows)

        await asyncio.to_thread(looked)
        return [await page.ledger.ask(row.ask_id) for row in rows]


def all_by_keyboard(driver: Chrome, page: Standing, rows: tuple[AskRow, AskRow, AskRow]) -> None:
    one, two, three = rows
    driver.get(page.url + page.link(one))
    assert driver.title == "night asks: write_file · Midwatch"
    told = heard(driver)
    for node in (
        ("heading", "night asks: write_file"),
        ("button", "Approve"),
        ("button", "Deny"),
        ("textbox", "Reason, which the agent is told with a no"),
        ("DisclosureTriangle", "Other answers"),
        ("deletion", ""),
        ("insertion", ""),
    ):
        assert node in told
    assert not [role for role, name in told if role in ("button", "link", "textbox", "radio", "combobox") and not name]
    way = tab_to(driver, "Reason, which the agent is told with a no")
    assert way == ["Approve", "Deny", "Reason, which the agent is told with a no"]
    press(driver, "quite", Keys.ENTER, "right")
    assert driver.title == "night asks: write_file · Midwatch"
    back(driver, 2)
    assert focused(driver) == "Approve"
    press(driver, Keys.ENTER)
    until(driver, "night: write_file, approved · Midwatch")

    driver.get(f"{page.url}{page.link(two)}?edit={quote(two.ask_id)}")
    tab_to(driver, "Run it so")
    back(driver, 1)
    press(driver, Keys.END, Keys.ENTER, "echo more")
    tab_to(driver, "Run it so")
    press(driver, Keys.ENTER)
    until(driver, "night: shell, edited · Midwatch")

    driver.get(page.url + page.link(three))
    tab_to(driver, "app")
    press(driver, Keys.ARROW_DOWN, Keys.ENTER)
    assert driver.title == "night asks you a question · Midwatch"
    tab_to(driver, "Send this answer")
    press(driver, Keys.ENTER)
    until(driver, "night: write_file, answered · Midwatch")


async def test_by_keyboard_alone_and_as_a_screen_reader_is_told_it(tmp_path: Path) -> None:
    one, two, three = await with_chromium(tmp_path, all_by_keyboard)
    assert (one.verdict, one.decided_because) == ("approved", "quite\nright")
    assert (two.verdict, two.edited_args_json and "echo more" in two.edited_args_json) == ("edited", True)
    assert (three.verdict, three.answer) == ("answered", "db")


def everything_in_sight(driver: Chrome, page: Standing, rows: tuple[AskRow, AskRow, AskRow]) -> None:
    one, two, three = rows
    many = page.link(one, two, three)
    paths = [page.link(one), page.link(two), many, page.link(three), "/r/none"]
    paths += [f"{page.link(row)}?edit={quote(row.ask_id)}" for row in (one, two)]
    paths += [f"{page.place(one)}&ahead={quote(one.ask_id)}"]
    for width, dark in ((390, False), (390, True), (320, False)):
        phone(driver, width=width, dark=dark)
        for path in paths:
            driver.get(page.url + path)
            fits(driver, width)
    driver.get(page.url + many)
    driver.execute_script("document.querySelector('[value=\"\"][name=all]').click()")
    until(driver, "Nothing was chosen")
    assert driver.title.startswith("Look again: ")
    assert driver.switch_to.active_element.get_attribute("id") == "problems"
    fits(driver, 320)
    driver.get(page.url)
    fits(driver, 320)
    driver.find_element("id", "password").send_keys(PASSWORD, Keys.ENTER)
    until(driver, "1 request for you · Midwatch")
    fits(driver, 320)
    assert [cookie["sameSite"] for cookie in driver.get_cookies()] == ["Strict"]
    assert driver.execute_script("return document.cookie") == ""


def fits(driver: Chrome, width: int) -> None:
    """No scrolling sideways, nothing too small for a thumb, nothing too pale to read, and our own style."""
    assert driver.execute_script("return document.documentElement.scrollWidth") == width
    assert driver.execute_script("return getComputedStyle(document.body).maxWidth") == "704px"
    assert driver.execute_script(SMALL) == []
    assert driver.execute_script(PALE) == []


async def test_nothing_is_cut_too_small_or_too_pale(tmp_path: Path) -> None:
    rows = await with_chromium(tmp_path, everything_in_sight)
    assert [row.verdict for row in rows] == [None, None, None]


def a_strange_page(driver: Chrome, page: Standing, rows: tuple[AskRow, AskRow, AskRow]) -> None:
    link = page.link(rows[0])
    driver.get(page.url + link)
    token = driver.find_element("name", "form").get_attribute("value") or ""
    fields = f"<input name=form value={token}><input name=q0.do value=approve>"
    strange = f"<form method=post action={page.url}{link}>{fields}<button>Win</button></form>"
    driver.get(f"data:text/html,{quote(strange)}")
    driver.find_element("tag name", "button").click()
    until(driver, "Nothing was done")
    driver.get(f"data:text/html,{quote(f'<iframe src={page.url}{link} width=300 height=300></iframe>')}")
    driver.switch_to.frame(0)
    assert "write_file" not in driver.page_source


async def test_another_page_can_neither_send_the_form_nor_frame_the_page(tmp_path: Path) -> None:
    rows = await with_chromium(tmp_path, a_strange_page)
    assert rows[0].verdict is None
